/*
 * Combined deliveries (CHANNEL_TOGETHER): several messages, out of as many records as it takes, in
 * one claim. The claim is handed out part by part, one part for each record, and acknowledged or
 * delivered again as a whole. claim_next() calls these functions; the consumers' mutex must be
 * held. Private to common/.
 */
#ifndef TOGETHER_H
#define TOGETHER_H

#include <stdbool.h>
#include <stdint.h>

#include "shared_buffer.h"

struct channel;

/*
 * Extends a new claim, which is not in shared memory yet, by messages of the records that follow,
 * up to `most` messages in all. `state` is the claim, whose end is moved; it has `messages`
 * messages of its first record. It ends before a message longer than the ring, and before a gap
 * where messages were dropped: all messages of one delivery have consecutive sequence numbers.
 * Returns how many messages the claim has then.
 */
uint32_t together_extend(struct channel *channel, struct claim_state *state, uint32_t messages,
			 uint32_t most);

/*
 * True if there are fewer than `most` messages from `begin` on that one claim could hold, and more
 * can come. No more can come if a producer waits for room, or if no producer is attached; with
 * `follow` (CHANNEL_FOLLOW), producers that are not attached yet may still come.
 */
bool together_expects(struct channel *channel, struct cursor begin, uint32_t most, bool follow);

#endif
