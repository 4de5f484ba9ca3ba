/*
 * The other processes of the crash walk, each a child that plays one role and ends. They note in
 * the scene what they sent and got.
 *
 * self: the child's number; a role sets scene->ready[self] when it is where it has to be.
 */
#ifndef CRASH_ROLES_H
#define CRASH_ROLES_H

/* ---- consumers ---- */

/* Receives and acknowledges until the stream ends. */
void role_consumer(int self);

/* Holds one message out of a block until the walk is over, then goes on. */
void role_sharing_consumer(int self);

/* Comes when the second group has lost a consumer, and takes what there is for it. */
void role_other_consumer(int self);

/* Follows the stream to its end as an observer; it takes nothing, so nothing is noted. */
void role_tap(int self);

/* Takes five messages in one delivery and gives them back: so they have been delivered once. */
void role_giver(int self);

/* Takes everything and dies with it in hand. */
void role_dying_consumer(int self);

/* Dies with one message in hand, of several that it has claimed. */
void role_dying_quick_consumer(int self);

/* Dies with all messages of several records in hand, taken in one delivery. */
void role_dying_together_consumer(int self);

/* Takes what is left after all others, in case the newcomers missed each other. */
void role_last_consumer(int self);

/* ---- producers that stay ---- */

/* Does nothing until the walk is over. */
void role_idle_producer(int self);

/*
 * Does nothing until the walk is over, like role_idle_producer(), but declares the group without a
 * name: that stays, and what is sent later is still for it.
 */
void role_keeping_producer(int self);

/* Sleeps until there is room after the filler. */
void role_waiting_producer(int self);

/* Sleeps until a consumer comes. */
void role_awaiting_producer(int self);

/* ---- producers that send something and leave ---- */

void role_newcomer_producer(int self);
void role_filler_sender(int self);
void role_block_sender(int self);
void role_one_sender(int self);

/* Sends single messages, so that a lone consumer claims several records at once. */
void role_many_sender(int self);

/* Sends "one", which both groups have a right to. */
void role_declaring_sender(int self);

/* ---- producers that die ---- */

/* Dies inside a long message, holding the turn and the producers' mutex. */
void role_dying_producer(int self);

/* Dies with nothing in hand: all that it leaves is the news of its death. */
void role_killed_producer(int self);

/* Removes both groups: durable ones would keep the object. */
void role_group_remover(int self);

#endif
