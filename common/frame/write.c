#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "frame/write.h"

/* Messages per writev(): two parts each, and the delimiter that was due before them. */
enum { BATCH_PARTS = 512, BATCH_MESSAGES = (BATCH_PARTS - 1) / 2, POLL_MS = 1000 };

struct batch {
	struct iovec parts[BATCH_PARTS];
	int count;
};

static void batch_add(struct batch *batch, const void *bytes, size_t size)
{
	if (size > 0)
		batch->parts[batch->count++] =
			(struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
}

/* Writes all parts; *accepted is the number of bytes that were written. The batch is then empty. */
static int batch_write(struct channel *channel, int fd, struct batch *batch, size_t *accepted)
{
	struct iovec *part = batch->parts;
	struct iovec *end = part + batch->count;

	*accepted = 0;
	batch->count = 0;
	while (part < end) {
		ssize_t put = part + 1 == end ? write(fd, part->iov_base, part->iov_len)
					      : writev(fd, part, (int)(end - part));

		if (put < 0 && errno == EAGAIN) { /* another process has made it non-blocking */
			struct pollfd room = { .fd = fd, .events = POLLOUT };

			poll(&room, 1, POLL_MS);
		} else if (put < 0 && errno != EINTR) {
			return errno == EFAULT ? -EBADMSG : -errno; /* the ring is gone */
		}
		if (put > 0) {
			*accepted += (size_t)put;
			while (part < end && (size_t)put >= part->iov_len) {
				put -= (ssize_t)part->iov_len;
				part++;
			}
			if (part < end) {
				part->iov_base = (unsigned char *)part->iov_base + put;
				part->iov_len -= (size_t)put;
			}
		}
		if (part < end && channel_interrupted(channel))
			return -EINTR;
	}
	return 0;
}

/*
 * Adds the delimiter that the message before this one was left without. Returns its size in bytes.
 */
static size_t delimiter_overdue(struct frame_output *output, struct batch *batch)
{
	if (!output->delimiter_due)
		return 0;
	batch_add(batch, output->delimiter->bytes, output->delimiter->size);
	return output->delimiter->size;
}

/* Writes one message, or one piece of one. */
static int write_one(struct channel *channel, struct frame_output *output,
		     const struct channel_delivery *delivery, uint32_t *done)
{
	struct batch batch = { .count = 0 };
	size_t accepted, overdue = 0;
	int rc;

	if (delivery->first)
		overdue = delimiter_overdue(output, &batch);
	batch_add(&batch, delivery->bytes, delivery->size);
	if (delivery->last && (!delivery->unterminated || output->shared))
		batch_add(&batch, output->delimiter->bytes, output->delimiter->size);
	rc = batch_write(channel, output->fd, &batch, &accepted);
	if (delivery->first && accepted >= overdue)
		output->delimiter_due = false;
	if (rc < 0)
		return rc;
	if (delivery->last)
		output->delimiter_due = delivery->unterminated && !output->shared;
	*done = delivery->messages;
	return 0;
}

/* Writes a block whose delimiter is ours: its bytes are exactly what has to be written. */
static int write_block(struct channel *channel, struct frame_output *output,
		       const struct channel_delivery *delivery, uint32_t *done)
{
	struct batch batch = { .count = 0 };
	size_t overdue = delimiter_overdue(output, &batch);
	size_t accepted, end;
	int rc;

	batch_add(&batch, delivery->bytes, delivery->size);
	rc = batch_write(channel, output->fd, &batch, &accepted);
	if (accepted >= overdue)
		output->delimiter_due = false;
	if (rc == 0)
		*done = delivery->messages;
	else if (accepted > overdue)
		*done = (uint32_t)delimiter_count(delivery->bytes, accepted - overdue,
						  delivery->delimiter, delivery->delimiter_size,
						  &end);
	return rc;
}

/*
 * Returns how many messages, each with our delimiter, are in the first `accepted` bytes of output.
 */
static uint32_t messages_within(const struct channel_delivery *delivery, size_t offset,
				size_t delimiter_size, size_t accepted)
{
	uint32_t count = 0;

	for (;;) {
		size_t size = delimiter_skip(delivery->bytes + offset, delivery->size - offset,
					     delivery->delimiter, delivery->delimiter_size, 1);
		size_t written = size - delivery->delimiter_size + delimiter_size;

		if (size == 0 || accepted < written)
			return count;
		accepted -= written;
		offset += size;
		count++;
	}
}

/* Writes a block with another delimiter: its messages are taken apart and written with ours. */
static int write_split(struct channel *channel, struct frame_output *output,
		       const struct channel_delivery *delivery, uint32_t *done)
{
	const struct delimiter *delimiter = output->delimiter;
	size_t at = 0;

	while (at < delivery->size) {
		struct batch batch = { .count = 0 };
		size_t overdue = delimiter_overdue(output, &batch);
		size_t start = at, accepted;
		uint32_t count;
		int rc;

		for (count = 0; count < BATCH_MESSAGES && at < delivery->size; count++) {
			size_t size =
				delimiter_skip(delivery->bytes + at, delivery->size - at,
					       delivery->delimiter, delivery->delimiter_size, 1);

			if (size == 0) /* the block was changed while we read it */
				return -EBADMSG;
			batch_add(&batch, delivery->bytes + at, size - delivery->delimiter_size);
			batch_add(&batch, delimiter->bytes, delimiter->size);
			at += size;
		}
		rc = batch_write(channel, output->fd, &batch, &accepted);
		if (accepted >= overdue)
			output->delimiter_due = false;
		if (rc < 0) {
			if (accepted > overdue)
				*done += messages_within(delivery, start, delimiter->size,
							 accepted - overdue);
			return rc;
		}
		*done += count;
	}
	return 0;
}

int frame_write(struct channel *channel, struct frame_output *output,
		const struct channel_delivery *delivery, uint32_t *done)
{
	*done = 0;
	if (delivery->delimiter_size == 0)
		return write_one(channel, output, delivery, done);
	if (delivery->delimiter_size == output->delimiter->size &&
	    memcmp(delivery->delimiter, output->delimiter->bytes, delivery->delimiter_size) == 0)
		return write_block(channel, output, delivery, done);
	return write_split(channel, output, delivery, done);
}

int frame_write_due(struct channel *channel, struct frame_output *output)
{
	struct batch batch = { .count = 0 };
	size_t due = delimiter_overdue(output, &batch), accepted;
	int rc = batch_write(channel, output->fd, &batch, &accepted);

	if (accepted >= due)
		output->delimiter_due = false;
	return rc;
}

int frame_write_bytes(struct channel *channel, int fd, const void *bytes, size_t size,
		      size_t *accepted)
{
	struct batch batch = { .count = 0 };

	batch_add(&batch, bytes, size);
	return batch_write(channel, fd, &batch, accepted);
}
