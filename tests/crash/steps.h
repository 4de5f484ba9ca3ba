/*
 * Steps that the processes of the crash walk are made of: attaching with the walk's options,
 * sending what is known by its text, and noting what was delivered.
 */
#ifndef CRASH_STEPS_H
#define CRASH_STEPS_H

#include <stddef.h>

#include "channel/channel.h"
#include "observe/tap.h"

enum { RING_BYTES = 4096, BLOCK_COUNT = 5 };

/* The texts of a block, or of single messages in its place. */
extern const char *const block_texts[BLOCK_COUNT];

/* The key of each message whose text begins with "keyed"; the others have none. */
extern const char walk_key[];

/* The name of the second group; the first has none. */
extern const char other_group[];

/*
 * Fills the memory that long messages are sent from. To be called before the walk: else most of the
 * steps would be these.
 */
void bytes_make(void);

/* ---- attaching: a failure is noted, and the channel returned all the same ---- */

struct channel_options options_usual(void);
struct channel *attach_as(enum channel_role role, struct channel_options options);
struct channel *attach_with(enum channel_role role, enum channel_when_full when_full);
struct channel *attach(enum channel_role role);
struct channel *attach_other(void); /* as a consumer of the second group */
struct tap *tap_of(struct channel *channel, bool newest);

/* ---- sending ---- */

void send_text(struct channel *channel, const char *text);

/*
 * Sends a message of that many bytes that is known as "filler"; or one that fills the ring to its
 * end.
 */
void send_filler_bytes(struct channel *channel, size_t size);
void send_filler(struct channel *channel);

/* Sends block_texts in one block. */
void send_block(struct channel *channel);

/* Sends the bytes from..from+size of the message "long"; flags: CHANNEL_MORE if others follow. */
void send_piece(struct channel *channel, size_t from, size_t size, unsigned flags);

/* ---- receiving ---- */

/*
 * Notes a delivery, message by message, and checks its bytes. *at: how many bytes of the long message
 * have come so far.
 */
void note_delivery(const struct channel_delivery *delivery, size_t *at);

/* Takes up to `most` messages in one delivery, out of several records, and notes them. */
int receive_together(struct channel *channel, uint32_t most, size_t *at);

/* True if this is the message "one". */
bool is_one(const struct channel_delivery *delivery);

/* Sets, of each message that the victim has had in hand, the mark at this offset in struct message. */
void mark_victims(size_t offset);

/* The victim begins to acknowledge what it holds: from now on that may count as delivered. */
void mark_taken_over(void);

#endif
