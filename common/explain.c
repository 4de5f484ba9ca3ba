/* What went wrong, in words: the only place that knows how an error reads. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "endpoint.h"

/* Whom all wait for, and what can be done about it. */
static void explain_group(const struct channel_report *report, char *buffer, size_t size)
{
	char name[CHANNEL_GROUP_MAX + 16] = "the group without a name";

	if (report->group[0] != '\0')
		snprintf(name, sizeof(name), "group \"%s\"", report->group);
	if (report->members > 0)
		snprintf(buffer, size, "it is full: %s is behind, with %u consumer%s", name,
			 report->members, report->members == 1 ? "" : "s");
	else if (report->group[0] != '\0')
		snprintf(buffer, size,
			 "it is full: %s is behind and has no consumer (start one "
			 "with --group %s, or shm-consume --remove-group %s)",
			 name, report->group, report->group);
	else
		snprintf(buffer, size,
			 "it is full: %s is behind and has no consumer (start "
			 "one, "
			 "or shm-consume --remove-group '')",
			 name);
}

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
		explain_group(report, buffer, size);
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

const char *channel_explain(const struct channel *channel, int error, char *buffer, size_t size)
{
	const struct channel_report *report = &channel->report;
	const char *role = channel->role == CHANNEL_PRODUCER ? "producer" : "consumer";

	switch (-error) {
	case CHANNEL_EFOREIGN:
		snprintf(buffer, size, "the shared-memory object of that name is not a channel");
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
		snprintf(buffer, size,
			 "it belongs to user %lu; --owner names another user's channel",
			 (unsigned long)report->owner);
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
	case ENOSPC:
		if (report->needed_bytes <= report->free_bytes)
			snprintf(buffer, size, "No space left in shared memory for another object");
		else
			snprintf(buffer, size,
				 "No space left in shared memory: %llu bytes are needed, %llu are "
				 "free"
				 " (a smaller --size, or more for /dev/shm; in Docker --shm-size)",
				 (unsigned long long)report->needed_bytes,
				 (unsigned long long)report->free_bytes);
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
