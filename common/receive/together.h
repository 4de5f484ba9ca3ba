/*
 * Deliveries of several messages, out of as many records as it takes: one claim, handed out
 * part by part, and acknowledged or delivered again as one. Every function here needs the
 * consumers' mutex. Private to common/.
 */
#ifndef TOGETHER_H
#define TOGETHER_H

#include <stdbool.h>
#include <stdint.h>

#include "shared_buffer.h"

struct channel;

/*
 * Extends a new claim, of `messages` messages of its first record, by those of the records
 * behind it, to `most` at most. It ends before a message longer than the ring, and where messages
 * were dropped: what is together has numbers in a row. Returns how many it holds then.
 */
uint32_t together_extend(struct channel *channel, struct claim_state *state, uint32_t messages,
			 uint32_t most);

/*
 * Are there fewer than `most` messages from `begin` on, and can more come? Not if the ring is
 * full, or nobody is there to send them (who follows waits for those who are not yet there).
 */
bool together_expects(struct channel *channel, struct cursor begin, uint32_t most, bool follow);

#endif
