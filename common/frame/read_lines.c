#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "frame/input.h"
#include "frame/read_lines.h"
#include "frame/read_netstrings.h"

enum { NOWAIT_FLAG = 8 /* RWF_NOWAIT, for C libraries that do not know it */ };

struct reader {
	struct channel *channel;
	struct input input;
	const unsigned char *delimiter;
	size_t delimiter_size;
	bool no_nowait; /* the descriptor cannot be read "only if ready" */
	bool ended;
	bool streamed;	      /* at least one message longer than the ring */
	unsigned char *bytes; /* an incomplete message, in memory of this process */
	size_t size, allocated;
};

/* ---- reading ---- */

/* Returns how many bytes can be read now; 0: none, or the end of the input, or it is unknown. */
static size_t bytes_ready(struct reader *reader)
{
	int fd = reader->input.asked->fd;
	struct stat status;
	off_t at;
	int ready;

	if (!reader->input.regular)
		return ioctl(fd, FIONREAD, &ready) == 0 && ready > 0 ? (size_t)ready : 0;
	at = lseek(fd, 0, SEEK_CUR);
	if (at < 0 || fstat(fd, &status) != 0 || status.st_size <= at)
		return 0;
	return (uint64_t)(status.st_size - at) > SIZE_MAX ? SIZE_MAX
							  : (size_t)(status.st_size - at);
}

/*
 * Reads only what is ready; returns -EAGAIN if there is nothing. For use while others wait for us.
 */
static ssize_t input_read_ready(struct reader *reader, unsigned char *at, size_t size)
{
	struct iovec iov = { .iov_base = at, .iov_len = size };
	ssize_t got;

	if (reader->input.regular)
		got = read(reader->input.asked->fd, at, size);
	else
		got = syscall(SYS_preadv2, reader->input.asked->fd, &iov, 1L, -1L, -1L,
			      NOWAIT_FLAG);
	if (got > 0)
		reader->input.asked->read = true;
	if (got >= 0)
		return got;
	switch (errno) {
	case EINTR:
	case EAGAIN:
		return -EAGAIN;
	case EOPNOTSUPP:
	case ENOSYS:
	case EINVAL:
	case ESPIPE:
		reader->no_nowait = true;
		return -EAGAIN;
	default:
		return input_failed(&reader->input, errno);
	}
}

/* ---- the incomplete message ---- */

static int bytes_allocate(struct reader *reader, size_t size)
{
	unsigned char *bytes;
	size_t allocate = reader->allocated < READ_CHUNK ? READ_CHUNK : reader->allocated;

	if (size <= reader->allocated)
		return 0;
	while (allocate < size)
		allocate *= 2;
	bytes = realloc(reader->bytes, allocate);
	if (bytes == NULL)
		return -ENOMEM;
	reader->bytes = bytes;
	reader->allocated = allocate;
	return 0;
}

static int bytes_set(struct reader *reader, const unsigned char *bytes, size_t size)
{
	int rc = bytes_allocate(reader, size);

	if (rc == 0 && size > 0 && bytes != NULL)
		memmove(reader->bytes, bytes, size);
	if (rc == 0)
		reader->size = size;
	return rc;
}

/* Forgets the first `count` bytes. */
static void bytes_drop(struct reader *reader, size_t count)
{
	reader->size -= count;
	memmove(reader->bytes, reader->bytes + count, reader->size);
}

/*
 * Returns how many delimiters bytes[0..size) holds, of which the first `old` bytes hold none; *end
 * is the offset after the last one.
 */
static size_t delimiters(struct reader *reader, const unsigned char *bytes, size_t old, size_t size,
			 size_t *end)
{
	size_t back = reader->delimiter_size > 0 ? reader->delimiter_size - 1 : 0;
	size_t from = old > back ? old - back : 0;
	size_t count = delimiter_count(bytes + from, size - from, reader->delimiter,
				       reader->delimiter_size, end);

	if (*end > 0)
		*end += from;
	return count;
}

/* ---- from private memory ---- */

/*
 * Returns the block that bytes[0..size) begins with: whole messages, of not too many bytes if
 * possible.
 */
static struct channel_block block_first(struct reader *reader, const unsigned char *bytes,
					size_t size, size_t count)
{
	size_t most = channel_block_max(reader->channel);
	struct channel_block block = { .size = size,
				       .messages = (uint32_t)count,
				       .delimiter_size = (uint8_t)reader->delimiter_size };

	if (size <= most)
		return block;
	block.messages = (uint32_t)delimiter_count(bytes, most, reader->delimiter,
						   reader->delimiter_size, &block.size);
	if (block.messages == 0) { /* a message that is longer than a block should be */
		block.messages = 1;
		block.size =
			delimiter_skip(bytes, size, reader->delimiter, reader->delimiter_size, 1);
	}
	return block;
}

/* Sends the complete messages in reader->bytes: `count` messages, which end at `end`. */
static int send_complete(struct reader *reader, size_t count, size_t end)
{
	struct channel *channel = reader->channel;
	size_t sent = 0;

	while (count > 0) {
		const unsigned char *bytes = reader->bytes + sent;
		struct channel_block block = block_first(reader, bytes, end - sent, count);
		int rc;

		if (block.size <= channel_message_max(channel))
			rc = channel_send_block(channel, bytes, &block);
		else /* its delimiter makes it too long; the consumer has its own */
			rc = channel_send(channel, bytes, block.size - reader->delimiter_size, 0);
		if (rc < 0)
			return rc;
		input_tell(&reader->input, rc, block.messages,
			   block.size - block.messages * reader->delimiter_size);
		sent += block.size;
		count -= block.messages;
	}
	return bytes_set(reader, reader->bytes + end, reader->size - end);
}

static int send_buffered(struct reader *reader)
{
	size_t old = reader->size;
	size_t count, end;
	ssize_t got;
	int rc = bytes_allocate(reader, reader->size + READ_CHUNK);

	if (rc < 0)
		return rc;
	got = input_read(&reader->input, reader->bytes + reader->size, READ_CHUNK);
	if (got < 0)
		return (int)got;
	reader->ended = got == 0;
	reader->size += (size_t)got;
	count = delimiters(reader, reader->bytes, old, reader->size, &end);
	return count > 0 ? send_complete(reader, count, end) : 0;
}

/* ---- straight into the ring ---- */

/*
 * Reads once, straight into the ring after a copy of the incomplete message, and commits the
 * complete lines. Only input that is ready is read, so that other producers never wait for our
 * input.
 */
static int send_direct(struct reader *reader, size_t ready)
{
	struct channel *channel = reader->channel;
	struct channel_block block = { .delimiter_size = (uint8_t)reader->delimiter_size };
	size_t most = channel_block_max(channel);
	size_t least = ready < most - reader->size ? reader->size + ready : most;
	unsigned char *at;
	size_t room, size;
	ssize_t got;
	int rc;

	rc = channel_reserve(channel, least, most, &at, &room);
	if (rc == -EAGAIN && channel_drops(channel))
		return send_buffered(reader); /* what may be dropped has to be complete */
	if (rc < 0)
		return rc;
	if (reader->size > 0)
		memcpy(at, reader->bytes, reader->size);
	got = input_read_ready(reader, at + reader->size, room - reader->size);
	if (got <= 0) {
		rc = channel_cancel(channel);
		reader->ended = got == 0;
		return got < 0 && got != -EAGAIN ? (int)got : rc;
	}
	size = reader->size + (size_t)got;
	block.messages = (uint32_t)delimiters(reader, at, reader->size, size, &block.size);
	/*
	 * After our block the ring belongs to others: copy the remaining bytes out before the
	 * commit.
	 */
	rc = bytes_set(reader, at + block.size, size - block.size);
	if (rc == 0 && block.messages > 0) {
		rc = channel_commit(channel, &block);
		if (rc == 0)
			input_tell(&reader->input, CHANNEL_SENT, block.messages,
				   block.size - block.messages * reader->delimiter_size);
		return rc;
	}
	channel_cancel(channel);
	return rc;
}

/* ---- a message longer than the ring ---- */

/*
 * What of the bytes at..at+size, the next ones of a long message, becomes a piece: sets piece->size
 * and piece->flags. Returns where the piece ends, with its delimiter; the bytes from there on are
 * for later. The first `old` bytes have no end of a message in them.
 */
static size_t piece_end(struct reader *reader, const unsigned char *at, size_t old, size_t size,
			struct channel_block *piece)
{
	size_t end;

	if (delimiters(reader, at, old, size, &end) > 0)
		end = delimiter_skip(at, size, reader->delimiter, reader->delimiter_size, 1);
	if (end > 0)
		piece->size = end - reader->delimiter_size;
	else if (reader->ended)
		piece->size = end = size;
	else /* what could begin a delimiter waits for the next bytes */
		piece->size = end =
			size - delimiter_begun(at, size, reader->delimiter, reader->delimiter_size);
	piece->flags = 0;
	if (reader->ended)
		piece->flags = reader->delimiter_size > 0 ? CHANNEL_UNTERMINATED : 0;
	else if (end == piece->size)
		piece->flags = CHANNEL_MORE;
	return end;
}

/*
 * Sends the rest of a message whose end is not in reader->bytes: in pieces, read straight into the
 * ring, up to its delimiter. We have the turn: other producers wait until the message ends.
 */
static int stream_rest(struct reader *reader)
{
	struct channel *channel = reader->channel;
	struct channel_block piece = { .messages = 1 };
	size_t most = channel_block_max(channel);

	for (;;) {
		size_t old = reader->size, room, size, end;
		unsigned char *at;
		ssize_t got;
		int rc = channel_reserve(channel, most, most, &at, &room);

		if (rc < 0)
			return rc;
		if (old > 0)
			memcpy(at, reader->bytes, old);
		got = input_read(&reader->input, at + old, room - old);
		if (got < 0)
			return (int)got;
		size = old + (size_t)got;
		reader->ended = got == 0;
		end = piece_end(reader, at, old, size, &piece);
		rc = bytes_set(reader, at + end, size - end);
		if (rc < 0)
			return rc;
		if (piece.flags == CHANNEL_MORE && piece.size == 0)
			rc = channel_cancel(channel);
		else
			rc = channel_commit(channel, &piece);
		if (rc < 0)
			return rc;
		input_tell(&reader->input, CHANNEL_SENT, 0, piece.size);
		if (piece.flags != CHANNEL_MORE)
			return channel_wait_acknowledged(channel);
	}
}

/* Reads the rest of a message that was dropped up to its delimiter, and forgets it. */
static int stream_forget(struct reader *reader)
{
	size_t end = 0;

	reader->ended =
		reader->input.regular && reader->delimiter_size == 0; /* then it need not be read */
	while (end == 0 && !reader->ended) {
		size_t begun = delimiter_begun(reader->bytes, reader->size, reader->delimiter,
					       reader->delimiter_size);
		ssize_t got;
		int rc = bytes_set(reader, reader->bytes + reader->size - begun, begun);

		if (rc == 0)
			rc = bytes_allocate(reader, begun + READ_CHUNK);
		if (rc < 0)
			return rc;
		got = input_read(&reader->input, reader->bytes + begun, READ_CHUNK);
		if (got < 0)
			return (int)got;
		reader->ended = got == 0;
		reader->size += (size_t)got;
		end = delimiter_skip(reader->bytes, reader->size, reader->delimiter,
				     reader->delimiter_size, 1);
	}
	return bytes_set(reader, reader->bytes + end, end > 0 ? reader->size - end : 0);
}

/* Sends a message that does not fit into the ring, and whose beginning is in reader->bytes. */
static int send_stream(struct reader *reader)
{
	struct channel *channel = reader->channel;
	struct channel_block piece = { .messages = 1, .flags = CHANNEL_MORE };
	size_t most = channel_block_max(channel);
	size_t sent = 0, count, end;
	bool dropped;
	int rc = 0;

	if (channel_nonblocking(channel))
		return -CHANNEL_ETOOBIG;
	reader->streamed = true;
	/* Leave less than a piece for stream_rest(), which puts it before what it reads. */
	while (rc == 0 && reader->size - sent >= most) {
		piece.size = most - reader->delimiter_size;
		rc = channel_send_block(channel, reader->bytes + sent, &piece);
		sent += piece.size;
		if (rc == 0)
			input_tell(&reader->input, CHANNEL_SENT, 0, piece.size);
	}
	dropped = rc == CHANNEL_DROPPED; /* the first piece is, or none */
	if (dropped)
		rc = stream_forget(reader);
	else if (rc == 0)
		bytes_drop(reader, sent);
	if (rc == 0 && !dropped)
		rc = stream_rest(reader);
	if (rc < 0)
		return rc;
	input_tell(&reader->input, dropped ? CHANNEL_DROPPED : CHANNEL_SENT, 1, 0);
	/* The read that ended the message may have brought more messages. */
	count = delimiters(reader, reader->bytes, 0, reader->size, &end);
	return count > 0 ? send_complete(reader, count, end) : 0;
}

/* ---- all of it ---- */

/*
 * Sends what is left at the end of the input. With no delimiter that is all of it, even if empty.
 */
static int send_last(struct reader *reader)
{
	int rc;

	if (reader->size == 0 && (reader->delimiter_size > 0 || reader->streamed))
		return 0;
	rc = channel_send(reader->channel, reader->bytes, reader->size,
			  reader->delimiter_size > 0 ? CHANNEL_UNTERMINATED : 0);
	if (rc < 0)
		return rc;
	input_tell(&reader->input, rc, 1, reader->size);
	return 0;
}

static int send_step(struct reader *reader)
{
	struct channel *channel = reader->channel;

	/* Too long for a message, even if its last bytes begin a delimiter. */
	if (reader->size > channel_message_max(channel) + reader->delimiter_size)
		return send_stream(reader);
	if (reader->delimiter_size > 0 && !reader->no_nowait &&
	    reader->size < channel_block_max(channel) / 2) {
		size_t ready = bytes_ready(reader);

		if (ready > 0) /* at the end of a file it would wait for room for nothing */
			return send_direct(reader, ready);
	}
	return send_buffered(reader);
}

int frame_send(struct channel *channel, struct frame_input *input)
{
	struct reader reader = { .channel = channel,
				 .input = input_of(channel, input),
				 .delimiter = input->delimiter->bytes,
				 .delimiter_size = input->delimiter->size };
	int rc;

	if (input->netstrings)
		return frame_send_netstrings(channel, input);
	rc = bytes_allocate(&reader, READ_CHUNK);
	if (rc < 0)
		return rc;
	/*
	 * A file known to be longer than the ring is not read into memory first. (A producer that
	 * may drop it has to know from its first piece whether there is room.)
	 */
	if (reader.delimiter_size == 0 && reader.input.regular && !channel_drops(channel) &&
	    bytes_ready(&reader) > channel_message_max(channel))
		rc = send_stream(&reader);
	while (rc == 0 && !reader.ended)
		rc = send_step(&reader);
	if (rc == 0)
		rc = send_last(&reader);
	free(reader.bytes);
	return rc;
}
