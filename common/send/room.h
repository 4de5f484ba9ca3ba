/*
 * Waiting for the turn and for room in the ring. Every way of sending that needs the producers'
 * mutex (channel_send() and channel_send_block() after send_alone() has returned 0, and
 * channel_reserve()) locks it here. The caller holds no mutex.
 */
#ifndef ROOM_H
#define ROOM_H

#include <stdint.h>

struct channel;

/*
 * Waits until the turn is free or ours and `bytes` bytes of ring are free at tail. Then returns 0
 * with the producers' mutex locked, and with tail and the free bytes in channel->sending.room_tail
 * and room_bytes. Returns CHANNEL_DROPPED if the `messages` messages to be sent (0: their number is
 * not known) were dropped instead, because the producer does not wait.
 *
 * Errors: those of side_lock(); -EINTR; -ETIMEDOUT after options.timeout_ns; -EAGAIN if the
 * producer does not wait; -CHANNEL_EREMOVED; -CHANNEL_EDAMAGED; -CHANNEL_ELOST: a consumer died and
 * lost the message that we are inside. The details are in channel->report. After an error or
 * CHANNEL_DROPPED the mutex is not held, and we have the turn only if we are inside a message.
 */
int room_lock(struct channel *channel, uint64_t bytes, uint32_t messages);

#endif
