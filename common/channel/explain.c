/*
 * Errors in words: the only file that knows how an error reads. Nothing here changes the channel or
 * takes a lock.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/escape.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/owner.h"
#include "shared_buffer.h"

const char *channel_words(const struct channel_options *options, char words[CHANNEL_WORDS])
{
	char owner[OWNER_WORDS];

	owner_words(options->owner, owner);
	snprintf(words, CHANNEL_WORDS, "-C %s%s%s", options->name, owner,
		 owner[0] != '\0' && geteuid() == 0 ? " --trust-owner" : "");
	return words;
}

/* Explains which group keeps the ring full, and what can be done about it. */
static void explain_group(const struct channel *channel, char *buffer, size_t size)
{
	const struct channel_report *report = &channel->report;
	char name[CHANNEL_GROUP_MAX + 48], words[CHANNEL_WORDS], word[ESCAPE_WORD];
	char start[CHANNEL_GROUP_MAX + 32] = "start one, or ";
	bool bad = strcmp(report->group, CHANNEL_GROUP_BAD) == 0;

	if (report->group[0] == '\0')
		strcpy(name, "the group without a name");
	else
		snprintf(name, sizeof(name), "group \"%s\"%s", report->group,
			 bad ? ", whose name is damaged," : "");
	if (report->members > 0) {
		snprintf(buffer, size, "it is full: %s is behind, with %u consumer%s", name,
			 report->members, report->members == 1 ? "" : "s");
		return;
	}
	if (bad) /* no consumer can join it */
		start[0] = '\0';
	else if (report->group[0] != '\0')
		snprintf(start, sizeof(start), "start one with --group %s, or ", report->group);
	snprintf(buffer, size,
		 "it is full: %s is behind and has no consumer (%sshm-consume %s --remove-group "
		 "%s)",
		 name, start, channel_words(&channel->options, words),
		 escape_word(word, report->group));
}

/* Explains -EAGAIN and -ETIMEDOUT: what was waited for in vain. */
static void explain_wait(const struct channel *channel, char *buffer, size_t size)
{
	const struct channel_report *report = &channel->report;
	const char *side = channel->role == CHANNEL_PRODUCER ? "producers" : "consumers";

	if (report->fences_awaited)
		snprintf(
			buffer, size,
			"membarrier is refused here (by a sandbox's filter, or an old kernel), and "
			"process %ld, which uses it, is stopped or held up: let it go on, or allow "
			"membarrier, or make the channel from in here first",
			(long)report->holder);
	else if (report->slots_taken)
		snprintf(buffer, size, "all %d places for %s are taken", SLOT_COUNT, side);
	else if (report->lock_taken && report->holder != 0)
		snprintf(buffer, size, "its lock is held by process %ld", (long)report->holder);
	else if (report->lock_taken)
		snprintf(buffer, size, "its lock is held by another process");
	else if (report->turn_taken)
		snprintf(buffer, size, "another producer, process %ld, is first and does not go on",
			 (long)report->holder);
	else if (report->held_by_group)
		explain_group(channel, buffer, size);
	else if (channel->role == CHANNEL_PRODUCER)
		snprintf(buffer, size, "it is full and no consumer has made room");
	else
		snprintf(buffer, size, "no message has come");
}

static void explain_in_use(const struct channel_report *report, char *buffer, size_t size,
			   const char *role)
{
	if (report->holds_messages)
		snprintf(buffer, size, "it already holds messages (--new asks for a new channel)");
	else
		snprintf(buffer, size, "it already has %u %s%s (--new asks for a new channel)",
			 report->endpoints, role, report->endpoints == 1 ? "" : "s");
}

/* Explains a limit on the size of files: for the kernel a channel's memory is a file. */
static void explain_file_size(const struct channel *channel, char *buffer, size_t size)
{
	unsigned long long needed = channel->report.needed_bytes;
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		snprintf(buffer, size, "%s (use a smaller --size)", strerror(EFBIG));
	else
		snprintf(buffer, size,
			 "%s: %llu bytes are needed, and files of this process may have %llu "
			 "(ulimit -f unlimited, or a smaller --size)",
			 strerror(EFBIG), needed, (unsigned long long)limit.rlim_cur);
}

/*
 * Explains that the object is another user's, and what can be done. It does not suggest --owner: if
 * the stranger that has put an object here has a channel of this name, too, the messages would go
 * to that channel.
 */
static void explain_owner(const struct channel *channel, char *buffer, size_t size)
{
	unsigned long theirs = channel->report.owner, asked = channel->options.owner;

	if (owner_unknown(channel->report.owner))
		snprintf(buffer, size,
			 "it belongs to a user whom this user namespace does not know");
	else if (channel->options.owner == geteuid())
		snprintf(buffer, size,
			 "it belongs to user %lu: that user, or root, can remove /dev/shm%s; or "
			 "use another name (-C)",
			 theirs, channel->segment.name);
	else
		snprintf(buffer, size, "it belongs to user %lu, not to user %lu", theirs, asked);
}

/*
 * Says what is wrong with the object, and the command that removes it if this user may remove it.
 */
static void explain_unusable(const struct channel *channel, const char *what, const char *which,
			     char *buffer, size_t size)
{
	char words[CHANNEL_WORDS];

	if (channel->report.removable)
		snprintf(buffer, size, "%s (shm-consume %s --remove --force removes %s)", what,
			 channel_words(&channel->options, words), which);
	else
		snprintf(buffer, size, "%s", what);
}

const char *channel_explain(const struct channel *channel, int error, char *buffer, size_t size)
{
	const struct channel_report *report = &channel->report;
	const char *role = channel->role == CHANNEL_PRODUCER ? "producer" : "consumer";

	switch (-error) {
	case CHANNEL_EFOREIGN:
		explain_unusable(channel, "the shared-memory object of that name is not a channel",
				 "it", buffer, size);
		break;
	case CHANNEL_ELINKED:
		explain_unusable(channel,
				 "its object has another name, too, so it may be another channel's",
				 "it, and makes it useless under the other", buffer, size);
		break;
	case CHANNEL_EDAMAGED:
		snprintf(buffer, size, "channel is damaged");
		break;
	case CHANNEL_EVERSION:
	case CHANNEL_EABI:
		snprintf(buffer, size, "it was made by a different build (%s; this is %s)",
			 report->theirs, report->ours);
		break;
	case CHANNEL_EOWNER:
		explain_owner(channel, buffer, size);
		break;
	case CHANNEL_EMODE:
		snprintf(buffer, size, "it exists with mode %04o, not %04o", (unsigned)report->mode,
			 (unsigned)channel->options.mode);
		break;
	case CHANNEL_EINUSE:
		explain_in_use(report, buffer, size, role);
		break;
	case CHANNEL_ENOGROUP:
		snprintf(buffer, size, "it has no group of that name");
		break;
	case CHANNEL_EGROUPS:
		snprintf(buffer, size, "it has %d groups already, the most there can be",
			 GROUP_COUNT);
		break;
	case CHANNEL_ENAME:
		snprintf(buffer, size,
			 "not a channel name (1 to %d letters, digits, '.', '_' or '-')",
			 CHANNEL_NAME_MAX);
		break;
	case CHANNEL_EREMOVED:
		snprintf(buffer, size,
			 "the channel was removed while in use; %llu message%s in it cannot be "
			 "delivered",
			 (unsigned long long)report->messages, report->messages == 1 ? "" : "s");
		break;
	case CHANNEL_ETHREAD:
		snprintf(buffer, size, "this thread's id is in use on the other side");
		break;
	case CHANNEL_ELOST:
		snprintf(buffer, size,
			 "a consumer died or left with a part of it, the rest is discarded");
		break;
	case CHANNEL_EABORTED:
		snprintf(buffer, size, "its producer gave up in the middle of a message");
		break;
	case CHANNEL_EBEHIND:
		snprintf(buffer, size,
			 "it went on while this fell behind inside a message longer than the ring");
		break;
	case CHANNEL_ETOOBIG:
		snprintf(buffer, size,
			 "the message is larger than the ring of %llu bytes (--size, or without "
			 "--nonblock)",
			 (unsigned long long)channel->segment.ring.capacity);
		break;
	case ENODEV:
		snprintf(buffer, size,
			 "there is no /dev/shm, where shared memory is: a tmpfs has to be mounted "
			 "there");
		break;
	case ENOSPC:
		if (report->memory_limited)
			snprintf(buffer, size,
				 "No space left under the memory limit of this control group: "
				 "%llu bytes are needed, %llu are free (a smaller --size, or a "
				 "higher limit: in Docker --memory)",
				 (unsigned long long)report->needed_bytes,
				 (unsigned long long)report->free_bytes);
		else if (report->needed_bytes <= report->free_bytes)
			snprintf(buffer, size, "No space left in shared memory for another object");
		else
			snprintf(buffer, size,
				 "No space left in shared memory: %llu bytes are needed, %llu are "
				 "free"
				 " (a smaller --size, or more for /dev/shm; in Docker --shm-size)",
				 (unsigned long long)report->needed_bytes,
				 (unsigned long long)report->free_bytes);
		break;
	case EFBIG:
		explain_file_size(channel, buffer, size);
		break;
	case ETIMEDOUT:
	case EAGAIN:
		explain_wait(channel, buffer, size);
		break;
	default:
		snprintf(buffer, size, "%s", strerror(-error));
		break;
	}
	return buffer;
}
