/*
 * Sending an input of netstrings. Each message becomes a record of its own: a block of messages
 * needs a delimiter, and these messages may hold any bytes. A message that is not followed by its
 * comma is not sent, or not to its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frame/input.h"
#include "frame/netstring.h"
#include "frame/read_lines.h"
#include "frame/read_netstrings.h"

struct reader {
	struct channel *channel;
	struct input input;
	unsigned char *bytes; /* bytes[at..size) are read and not yet used */
	size_t at, size, allocated;
	uint64_t offset; /* of bytes[at] in the input */
	bool ended;
};

/* Reports that the netstring is malformed, `ahead` bytes from here. */
static int malformed(struct reader *reader, size_t ahead, const char *why)
{
	reader->input.asked->malformed = why;
	reader->input.asked->offset = reader->offset + ahead;
	return -EBADMSG;
}

static size_t have(const struct reader *reader)
{
	return reader->size - reader->at;
}

static void used(struct reader *reader, size_t size)
{
	reader->at += size;
	reader->offset += size;
}

/* Makes room for one more read. Memory grows with what has arrived, not with the size announced. */
static int bytes_allocate(struct reader *reader)
{
	size_t allocate = reader->allocated == 0 ? READ_CHUNK : 2 * reader->allocated;
	unsigned char *bytes;

	if (reader->at > 0) {
		memmove(reader->bytes, reader->bytes + reader->at, have(reader));
		reader->size -= reader->at;
		reader->at = 0;
	}
	if (reader->allocated - reader->size >= READ_CHUNK)
		return 0;
	bytes = realloc(reader->bytes, allocate);
	if (bytes == NULL)
		return -ENOMEM;
	reader->bytes = bytes;
	reader->allocated = allocate;
	return 0;
}

/* Reads until so many bytes are in memory, or the input has ended. */
static int fill(struct reader *reader, size_t wanted)
{
	while (have(reader) < wanted && !reader->ended) {
		ssize_t got;
		int rc = 0;

		if (reader->allocated - reader->size < READ_CHUNK)
			rc = bytes_allocate(reader);
		if (rc < 0)
			return rc;
		got = input_read(&reader->input, reader->bytes + reader->size,
				 reader->allocated - reader->size);
		if (got < 0)
			return (int)got;
		reader->ended = got == 0;
		reader->size += (size_t)got;
	}
	return 0;
}

/*
 * Reads the size of the next message. Returns 1 if it is known; 0: the input has ended between
 * messages.
 */
static int size_read(struct reader *reader, struct netstring *netstring)
{
	for (;;) {
		int rc;

		used(reader, netstring_take(netstring, reader->bytes + reader->at, have(reader)));
		if (netstring->bad != NULL)
			return malformed(reader, 0, netstring->bad);
		if (netstring->complete)
			return 1;
		rc = fill(reader, 1);
		if (rc < 0)
			return rc;
		if (have(reader) == 0)
			return netstring->digits == 0
				       ? 0
				       : malformed(reader, 0, "the input ends inside a size");
	}
}

/* Reads the last `size` bytes of a message and its comma into memory. */
static int end_read(struct reader *reader, size_t size)
{
	int rc = fill(reader, size + 1);

	if (rc < 0)
		return rc;
	if (have(reader) <= size)
		return malformed(reader, have(reader), "the input ends inside a message");
	if (reader->bytes[reader->at + size] != ',')
		return malformed(reader, size, "\",\" must be here, after a message");
	return 0;
}

static int send_whole(struct reader *reader, size_t size)
{
	struct channel_block block = { .size = size, .messages = 1 };
	int rc = end_read(reader, size);

	if (rc == 0)
		rc = channel_send_block(reader->channel, reader->bytes + reader->at, &block);
	if (rc < 0)
		return rc;
	input_tell(&reader->input, rc, 1, size);
	used(reader, size + 1);
	return 0;
}

/*
 * Sends a message longer than the ring. Its last piece is sent when its comma has been read: until
 * then the message is open, and leaving the channel aborts it.
 */
static int send_in_pieces(struct reader *reader, uint64_t size)
{
	struct channel *channel = reader->channel;
	size_t most = channel_block_max(channel);
	struct channel_block piece = { .size = most, .messages = 1, .flags = CHANNEL_MORE };
	int result = CHANNEL_SENT; /* what the first piece says */
	int rc = 0;

	if (channel_nonblocking(channel))
		return -CHANNEL_ETOOBIG;
	for (; size > 0; size -= piece.size) {
		if (size <= most) {
			piece.size = (size_t)size;
			piece.flags = 0;
			rc = end_read(reader, piece.size);
		} else {
			rc = fill(reader, most);
			if (rc == 0 && have(reader) < most)
				rc = end_read(reader, most);
		}
		if (rc == 0 && result == CHANNEL_SENT)
			result = rc =
				channel_send_block(channel, reader->bytes + reader->at, &piece);
		if (rc < 0)
			return rc;
		if (result == CHANNEL_SENT)
			input_tell(&reader->input, result, 0, piece.size);
		used(reader, piece.size);
	}
	used(reader, 1);
	rc = result == CHANNEL_SENT ? channel_wait_acknowledged(channel) : 0;
	if (rc == 0)
		input_tell(&reader->input, result, 1, 0);
	return rc;
}

int frame_send_netstrings(struct channel *channel, struct frame_input *asked)
{
	struct reader reader = { .channel = channel, .input = input_of(channel, asked) };
	int rc = bytes_allocate(&reader);

	while (rc == 0) {
		struct netstring netstring = { .size = 0 };

		rc = size_read(&reader, &netstring);
		if (rc <= 0)
			break;
		if (netstring.size <= channel_message_max(channel))
			rc = send_whole(&reader, (size_t)netstring.size);
		else
			rc = send_in_pieces(&reader, netstring.size);
	}
	free(reader.bytes);
	return rc;
}
