#include "consumer/work/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frame/netstring.h"
#include "frame/write.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3; some systems insist on it */
#endif

static const struct delimiter nothing; /* if each job is one message, nothing is between them */

static int memory_file(void)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("message", flags | MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create("message", flags) : fd;
}

/* Notes an error that is not the channel's. */
static int job_failed(struct job *job, int error)
{
	job->error = error;
	return -EIO;
}

static int ends_reserve(struct job *job, uint32_t messages)
{
	size_t room = 2 * (size_t)messages;
	size_t *ends;

	if (messages <= job->ends_room)
		return 0;
	ends = realloc(job->ends, room * sizeof(*ends));
	if (ends == NULL)
		return job_failed(job, ENOMEM);
	job->ends = ends;
	job->ends_room = room;
	return 0;
}

/* Notes where the messages of this part will end, each with our delimiter after it. */
static int ends_note(struct job *job, const struct channel_delivery *delivery)
{
	size_t end = job->messages == 0 ? 0 : job->ends[job->messages - 1];
	size_t at = 0;
	int rc = ends_reserve(job, job->messages + delivery->messages);

	for (uint32_t i = 0; rc == 0 && i < delivery->messages; i++) {
		size_t size = delivery->size;

		if (delivery->delimiter_size > 0)
			size = delimiter_skip(delivery->bytes + at, delivery->size - at,
					      delivery->delimiter, delivery->delimiter_size, 1);
		if (size < delivery->delimiter_size)
			return -CHANNEL_EDAMAGED; /* the block was changed while we read it */
		at += size;
		size -= delivery->delimiter_size;
		end += job->netstrings != NULL ? netstring_bytes(size)
					       : size + job->delimiter->size;
		job->ends[job->messages + i] = end;
	}
	return rc;
}

/* A batch has a key if all its messages have the same. */
static void key_note(struct job *job, const struct channel_delivery *delivery)
{
	if (!delivery->first)
		return;
	if (job->messages == 0) {
		memcpy(job->key, delivery->key, delivery->key_size);
		job->key_size = delivery->key_size;
	} else if (job->key_size != delivery->key_size ||
		   memcmp(job->key, delivery->key, job->key_size) != 0) {
		job->key_size = 0;
	}
}

/* Adds a delivery to the file. */
static int job_add(struct job *job, struct channel *channel, struct frame_output *output,
		   const struct channel_delivery *delivery)
{
	uint32_t done;
	int rc = 0;

	key_note(job, delivery);
	if (job->delimiter != NULL && delivery->first && delivery->last)
		rc = ends_note(job, delivery);
	if (rc == 0 && job->netstrings != NULL)
		rc = format_write(job->netstrings, channel, delivery, &done);
	else if (rc == 0)
		rc = frame_write(channel, output, delivery, &done);
	if (rc == -EBADMSG)
		return -CHANNEL_EDAMAGED;
	if (rc == -FORMAT_ELONG)
		return job_failed(job, EFBIG);
	if (rc < 0 && rc > -CHANNEL_EFOREIGN && rc != -EINTR && rc != -EIO)
		return job_failed(job, -rc);
	if (rc < 0)
		return rc;
	if (output->delimiter_due) { /* also after a last line that came without one */
		output->delimiter_due = false;
		if (write(output->fd, output->delimiter->bytes, output->delimiter->size) !=
		    (ssize_t)output->delimiter->size)
			return job_failed(job, ENOSPC);
	}
	if (delivery->first)
		job->messages += delivery->messages;
	return 0;
}

/* Receives the rest of a message longer than the ring. Its parts are acknowledged as they come. */
static int job_assemble(struct job *job, const struct job_source *source,
			struct frame_output *output)
{
	struct channel_delivery piece = { 0 };
	int rc = 0;

	source->inside(source->context, true);
	while (rc == 0 && !piece.last) {
		rc = channel_receive(source->channel, 1, source->flags, source->timeout_ns, &piece);
		if (rc == CHANNEL_DELIVERED)
			rc = job_add(job, source->channel, output, &piece);
	}
	source->inside(source->context, false);
	return rc;
}

/* Seals the file: from now on nobody can change it, whatever the command does. */
static int job_seal(struct job *job)
{
	off_t size = lseek(job->input, 0, SEEK_END);

	if (size < 0 || fcntl(job->input, F_ADD_SEALS,
			      F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return job_failed(job, errno);
	job->size = (size_t)size;
	return 0;
}

/* Checks that the file has as many bytes as were noted. */
static int ends_check(struct job *job, bool whole)
{
	if (job->messages == 0)
		return -CHANNEL_EDAMAGED;
	if (job->delimiter == NULL)
		return 0;
	if (!whole) {
		int rc = ends_reserve(job, 1);

		if (rc == 0)
			job->ends[0] = job->size;
		return rc;
	}
	return job->ends[job->messages - 1] == job->size ? 0 : -CHANNEL_EDAMAGED;
}

int job_receive(struct job *job, const struct job_source *source, const struct delimiter *delimiter,
		struct format *netstrings)
{
	struct channel_delivery delivery;
	struct frame_output output = { .delimiter = delimiter != NULL ? delimiter : &nothing };
	bool whole;
	int rc;

	*job = (struct job){ .input = -1, .delimiter = delimiter, .netstrings = netstrings };
	rc = channel_receive(source->channel, source->most, source->flags, source->timeout_ns,
			     &delivery);
	if (rc != CHANNEL_DELIVERED)
		return rc;
	job->sequence = delivery.sequence;
	job->attempts = delivery.attempts;
	job->failures = delivery.failures;
	whole = delivery.last;
	job->input = output.fd = memory_file();
	if (netstrings != NULL)
		netstrings->sink->fd = job->input;
	if (job->input < 0)
		rc = job_failed(job, errno);
	else
		rc = job_add(job, source->channel, &output, &delivery);
	if (rc == 0 && !whole)
		rc = job_assemble(job, source, &output);
	while (rc == 0 && whole &&
	       (rc = channel_receive_more(source->channel, &delivery)) == CHANNEL_DELIVERED)
		rc = job_add(job, source->channel, &output, &delivery);
	if (rc == 0)
		rc = job_seal(job);
	if (rc == 0)
		rc = ends_check(job, whole);
	if (rc == 0)
		return CHANNEL_DELIVERED;
	job_free(job);
	job->lost = channel_part_gone(source->channel);
	channel_give_back(source->channel, 0);
	return rc;
}

bool job_read(const struct job *job, size_t from, void *bytes, size_t size)
{
	while (size > 0) {
		ssize_t got = pread(job->input, bytes, size, (off_t)from);

		if (got <= 0)
			return false;
		bytes = (char *)bytes + got;
		from += (size_t)got;
		size -= (size_t)got;
	}
	return true;
}

const unsigned char *job_map(const struct job *job)
{
	/* Private: for a sealed file older kernels do not allow even a shared read-only mapping. */
	void *bytes = mmap(NULL, job->size, PROT_READ, MAP_PRIVATE, job->input, 0);

	return bytes == MAP_FAILED ? NULL : bytes;
}

void job_message(const struct job *job, uint32_t index, size_t *from, size_t *size)
{
	*from = 0;
	*size = job->size;
	if (job->delimiter == NULL)
		return;
	if (index > 0)
		*from = job->ends[index - 1];
	*size = job->ends[index] - *from;
	if (job->netstrings != NULL) {
		*from += *size - 1 - netstring_message(*size); /* after the colon */
		*size = netstring_message(*size);
	} else {
		*size -= job->delimiter->size;
	}
}

void job_free(struct job *job)
{
	if (job->input >= 0)
		close(job->input);
	free(job->ends);
	job->input = -1;
	job->ends = NULL;
}
