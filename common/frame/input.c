#include "frame/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/*
	 * Not larger: the pipes of a user are limited together (pipe-user-pages-soft, 64 MiB as a
	 * rule), and when 64 producers have used that up, pipe(2) gives everybody one page or two.
	 */
	PIPE_SIZE = 256 << 10,
	POLL_MS = 1000 /* how often the channel is looked after while no input comes */
};

/*
 * Makes a pipe larger, so that its writer has to wait less often. Does nothing if it is not a pipe.
 */
static void pipe_raise(int fd)
{
	int size = fcntl(fd, F_GETPIPE_SZ);

	if (size >= 0 && size < PIPE_SIZE) /* its owner may have made it larger */
		fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
}

struct input input_of(struct channel *channel, struct frame_input *asked)
{
	struct stat status;

	asked->error = 0;
	asked->malformed = NULL;
	pipe_raise(asked->fd);
	return (struct input){ .channel = channel,
			       .asked = asked,
			       .regular =
				       fstat(asked->fd, &status) == 0 && S_ISREG(status.st_mode) };
}

int input_failed(struct input *input, int error)
{
	if (error == EFAULT) /* the read was into the ring, and the ring is gone */
		return -CHANNEL_EDAMAGED;
	input->asked->error = error;
	return -EIO;
}

/* Waits until there may be something to read. Returns 0, or an error of the channel. */
static int input_wait(const struct input *input)
{
	struct pollfd ready = { .fd = input->asked->fd, .events = POLLIN };

	if (input->regular)
		return channel_interrupted(input->channel) ? -EINTR : 0;
	for (;;) {
		int rc = channel_interrupted(input->channel) ? -EINTR
							     : channel_look_after(input->channel);
		int count;

		if (rc < 0)
			return rc;
		count = poll(&ready, 1, POLL_MS);
		if (count != 0 && ready.revents != 0)
			return 0;
		if (count == 0 && input->asked->waiting != NULL)
			input->asked->waiting();
	}
}

ssize_t input_read(struct input *input, unsigned char *at, size_t size)
{
	for (;;) {
		ssize_t got;
		int rc = input_wait(input);

		if (rc < 0)
			return rc;
		got = read(input->asked->fd, at, size);
		if (got > 0)
			input->asked->read = true;
		if (got >= 0)
			return got;
		if (errno != EINTR && errno != EAGAIN)
			return input_failed(input, errno);
	}
}

void input_tell(const struct input *input, int result, uint32_t messages, size_t bytes)
{
	const struct frame_input *asked = input->asked;

	if (result == CHANNEL_DROPPED && asked->dropped != NULL)
		asked->dropped();
	else if (result != CHANNEL_DROPPED && asked->sent != NULL)
		asked->sent(messages, bytes);
}
