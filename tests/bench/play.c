#include "play.h"

#include <string.h>
#include <time.h>

/*
 * Every word that is checked holds the message's number, below a mark of four bytes that are all
 * ones. The mark ends messages of 8 bytes, where a peer needs a delimiter: no four bytes before
 * it look like it, as the numbers stay below 0xfd000000.
 */
#define MARK UINT64_C(0xffffffff00000000)
enum command { NUMBERS_END = 0xfd000000u, MEASURE = 0xfd000001u, STOP = 0xfd000002u };

enum {
	BATCH_MESSAGES = 4096,
	TIME_OFFSET = 8, /* ASLEEP: when the message was sent */
	ASLEEP_PAUSE_NS = 200000,
	CHECK_EVERY_NS = 200000, /* how often the sender looks at the clock */
	CHECK_EVERY_MAX = 65536
};

/* ---- what is in a message ---- */

/*
 * Words at a time: a fixed number, so that -O2 makes vector code of the loops. What is left, all of
 * a short message, goes word by word: for eight bytes the other way takes longer than any peer.
 */
enum { LANES = 32 };

static void words_fill(unsigned char *at, size_t size, uint64_t word)
{
	uint64_t run[LANES];

	if (size >= sizeof(run)) {
		for (size_t i = 0; i < LANES; i++)
			run[i] = word;
		for (; size >= sizeof(run); size -= sizeof(run), at += sizeof(run))
			memcpy(at, run, sizeof(run));
	}
	for (size_t i = 0; i < size; i += sizeof(word))
		memcpy(at + i, &word, sizeof(word));
}

static uint64_t word_at(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* 0 if all of them are the same as `word`. */
static uint64_t words_differ(const unsigned char *at, size_t size, uint64_t word)
{
	uint64_t any = 0;

	if (size >= LANES * sizeof(word)) {
		uint64_t run[LANES], differ[LANES] = { 0 };

		for (; size >= sizeof(run); size -= sizeof(run), at += sizeof(run)) {
			memcpy(run, at, sizeof(run));
			for (size_t i = 0; i < LANES; i++)
				differ[i] |= run[i] ^ word;
		}
		for (size_t i = 0; i < LANES; i++)
			any |= differ[i];
	}
	for (size_t i = 0; i < size; i += sizeof(word))
		any |= word_at(at + i) ^ word;
	return any;
}

static void stamp(const struct play *play, void *message, uint64_t number)
{
	unsigned char *at = message;
	uint64_t word = number | MARK;

	if (play->scene == ONEWAY) {
		words_fill(at, play->message_size, word);
		return;
	}
	memcpy(at, &word, sizeof(word));
	if (play->message_size == sizeof(word))
		return;
	memcpy(at + play->message_size / 2, &word, sizeof(word));
	memcpy(at + play->message_size - sizeof(word), &word, sizeof(word));
}

/* Returns the number; ends the process if the message is not what was sent. */
static uint64_t verify(const struct play *play, const unsigned char *at)
{
	uint64_t first = word_at(at), differ = 0;

	if (play->message_size > sizeof(first)) {
		differ = first ^ word_at(at + play->message_size / 2);
		differ |= first ^ word_at(at + play->message_size - sizeof(first));
	}
	if (play->scene == ONEWAY)
		differ |= words_differ(at, play->message_size, first);
	if (differ != 0 || (first & MARK) != MARK)
		die(0, "%s: a message is torn: %llx, %llx", play->peer->name,
		    (unsigned long long)first, (unsigned long long)differ);
	return first & ~MARK;
}

/* ---- sending ---- */

struct sender {
	const struct play *play;
	void *line;
	uint64_t number; /* of the next message */
	unsigned char *message;
};

static void send_one(struct sender *sender)
{
	stamp(sender->play, sender->message, sender->number++);
	sender->play->peer->send(sender->line, sender->message);
}

static void send_batch(struct sender *sender)
{
	uint64_t *words = (uint64_t *)(void *)sender->message;

	for (size_t i = 0; i < BATCH_MESSAGES; i++)
		words[i] = (sender->number + i) | MARK;
	sender->number += BATCH_MESSAGES;
	sender->play->peer->send_many(sender->line, words, BATCH_MESSAGES);
}

/* Writes all of the message, as a program does that makes it there. */
static void send_inplace(struct sender *sender)
{
	unsigned char *at = sender->play->peer->reserve(sender->line);

	memset(at, (int)(sender->number & 0x7f), sender->play->message_size);
	stamp(sender->play, at, sender->number++);
	sender->play->peer->commit(sender->line);
}

/* The receiver is surely asleep by then. This process stays awake: only one wake is measured. */
static void send_after_pause(struct sender *sender)
{
	uint64_t now, until = now_ns() + ASLEEP_PAUSE_NS;

	while ((now = now_ns()) < until)
		cpu_relax();
	stamp(sender->play, sender->message, sender->number++);
	memcpy(sender->message + TIME_OFFSET, &now, sizeof(now));
	sender->play->peer->send(sender->line, sender->message);
	if (sender->play->peer->flush != NULL)
		sender->play->peer->flush(sender->line);
}

static void send_command(struct sender *sender, enum command command)
{
	stamp(sender->play, sender->message, command);
	sender->play->peer->send(sender->line, sender->message);
	if (sender->play->peer->flush != NULL)
		sender->play->peer->flush(sender->line);
}

/* Sends for that long. Looks at the clock seldom enough for it not to be what is measured. */
static void send_for(struct sender *sender, uint64_t ns, void (*send)(struct sender *))
{
	uint64_t before = now_ns(), until = before + ns, every = 1;

	for (;;) {
		uint64_t now;

		for (uint64_t i = 0; i < every; i++)
			send(sender);
		now = now_ns();
		if (now >= until)
			break;
		if (sender->number >= NUMBERS_END - 2 * (uint64_t)CHECK_EVERY_MAX * BATCH_MESSAGES)
			die(0, "%s: out of numbers; measure for less time",
			    sender->play->peer->name);
		if (now - before < CHECK_EVERY_NS && every < CHECK_EVERY_MAX)
			every *= 2;
		else if (now - before > CHECK_EVERY_NS * UINT64_C(4) && every > 1)
			every /= 2;
		before = now;
	}
}

static struct sender sender_new(const struct play *play, void *line)
{
	size_t size = play->message_size;

	if (play->scene == BATCH)
		size *= BATCH_MESSAGES;
	return (struct sender){ .play = play, .line = line, .message = memory_new(size) };
}

/* ---- receiving ---- */

struct receiver {
	const struct play *play;
	void *line;
	uint64_t expected, measured_from, began_ns;
	bool stopped;
};

static void obey(struct receiver *receiver, uint64_t command)
{
	struct control *control = receiver->play->control;

	switch (command) {
	case MEASURE:
		receiver->began_ns = now_ns();
		receiver->measured_from = receiver->expected;
		break;
	case STOP:
		control->elapsed_ns = now_ns() - receiver->began_ns;
		control->messages = receiver->expected - receiver->measured_from;
		receiver->stopped = true;
		break;
	default:
		die(0, "%s: message %llu came, not %llu", receiver->play->peer->name,
		    (unsigned long long)command, (unsigned long long)receiver->expected);
	}
}

static void receive_run(struct receiver *receiver)
{
	const struct play *play = receiver->play;
	struct run run = play->peer->receive(receiver->line);

	if (run.count == 0)
		die(0, "%s: ended too early", play->peer->name);
	for (size_t i = 0; i < run.count; i++) {
		const unsigned char *message = run.at + i * run.stride;
		uint64_t number = verify(play, message);

		if (number != receiver->expected) {
			obey(receiver, number);
			continue;
		}
		receiver->expected++;
		if (play->scene == ASLEEP && receiver->began_ns != 0)
			histogram_add(&play->control->times,
				      now_ns() - word_at(message + TIME_OFFSET));
	}
}

/* ---- there and back ---- */

/* Sends one message and waits for it to come back. */
static void bounce(struct sender *sender)
{
	const struct play *play = sender->play;
	uint64_t number = sender->number;
	struct run run;

	send_one(sender);
	run = play->peer->receive(play->back);
	if (run.count != 1 || verify(play, run.at) != number)
		die(0, "%s: another message came back", play->peer->name);
}

static void bounce_timed(struct sender *sender)
{
	uint64_t before = now_ns();

	bounce(sender);
	histogram_add(&sender->play->control->times, now_ns() - before);
}

/* The time of one is measured over many; each one's, with the clock in it, only for the spread. */
static void bounce_measure(struct sender *sender)
{
	const struct play *play = sender->play;
	uint64_t from, began;

	send_for(sender, play->warm_ns, bounce);
	from = sender->number;
	began = now_ns();
	send_for(sender, play->measure_ns, bounce);
	play->control->elapsed_ns = now_ns() - began;
	play->control->messages = sender->number - from;
	send_for(sender, play->measure_ns, bounce_timed);
}

static void bounce_back(const struct play *play)
{
	unsigned char *copy = memory_new(play->message_size);

	for (;;) {
		struct run run = play->peer->receive(play->there);

		if (run.count != 1)
			die(0, "%s: %zu messages at once", play->peer->name, run.count);
		if (verify(play, run.at) == STOP)
			return;
		memcpy(copy, run.at, play->message_size);
		play->peer->send(play->back, copy);
	}
}

/* ---- the two processes ---- */

static void alone(const struct play *play, struct sender *sender, void (*send)(struct sender *))
{
	struct control *control = play->control;
	uint64_t from, began;

	send_for(sender, play->warm_ns, send);
	from = sender->number;
	began = now_ns();
	send_for(sender, play->measure_ns, send);
	control->elapsed_ns = now_ns() - began;
	control->messages = sender->number - from;
}

/*
 * The receiver's time counts, from the first message to the last one, unless the sender took
 * longer: then much of it lay ready when the receiver came to the first one.
 */
static void send_measured(struct sender *sender, void (*send)(struct sender *))
{
	const struct play *play = sender->play;
	uint64_t began = now_ns();

	send_command(sender, MEASURE);
	send_for(sender, play->measure_ns, send);
	play->control->sending_ns = now_ns() - began;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

/* The sender leaves when all has been received: some peers lose what their sender kept. */
static void finish(struct sender *sender)
{
	send_command(sender, STOP);
	while (atomic_load(&sender->play->control->partner_done) == 0)
		nap();
}

void play_first(const struct play *play)
{
	static void (*const sends[SCENES])(struct sender *) = { [ONEWAY] = send_one,
								[ENDS] = send_one,
								[BATCH] = send_batch,
								[INPLACE] = send_inplace,
								[ASLEEP] = send_after_pause };
	struct sender sender = sender_new(play, play->there);

	while ((play->peer->flags & PEER_ALONE) == 0 &&
	       atomic_load(&play->control->partner_ready) == 0)
		nap();
	play->peer->attach(play->there, END_PRODUCER);
	if (play->scene == PINGPONG) {
		play->peer->attach(play->back, END_CONSUMER);
		bounce_measure(&sender);
		finish(&sender);
		if (play->peer->detach != NULL)
			play->peer->detach(play->back, END_CONSUMER);
	} else if ((play->peer->flags & PEER_ALONE) != 0) {
		alone(play, &sender, sends[play->scene]);
	} else {
		send_for(&sender, play->warm_ns, sends[play->scene]);
		send_measured(&sender, sends[play->scene]);
		finish(&sender);
	}
	if (play->peer->detach != NULL)
		play->peer->detach(play->there, END_PRODUCER);
}

void play_second(const struct play *play)
{
	struct receiver receiver = { .play = play, .line = play->there };

	play->peer->attach(play->there, END_CONSUMER);
	if (play->scene == PINGPONG)
		play->peer->attach(play->back, END_PRODUCER);
	atomic_store(&play->control->partner_ready, 1);
	if (play->scene == PINGPONG)
		bounce_back(play);
	else
		while (!receiver.stopped)
			receive_run(&receiver);
	atomic_store(&play->control->partner_done, 1);
	if (play->scene == PINGPONG && play->peer->detach != NULL)
		play->peer->detach(play->back, END_PRODUCER);
	if (play->peer->detach != NULL)
		play->peer->detach(play->there, END_CONSUMER);
}
