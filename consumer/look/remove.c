/* --remove: removes a channel with the messages in it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "channel/owner.h"
#include "cli/figures.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "consumer/look/read.h"
#include "consumer/look/remove.h"
#include "consumer/look/show.h"
#include "observe/removal.h"

static bool stands(const struct snapshot_endpoint *endpoint)
{
	return endpoint->life != LIFE_DEAD;
}

static unsigned count_attached(const struct snapshot *snapshot, enum channel_role role, long *first)
{
	unsigned count = 0;

	for (unsigned i = 0; i < snapshot->endpoint_count; i++)
		if (snapshot->endpoints[i].role == role && stands(&snapshot->endpoints[i]) &&
		    count++ == 0 && *first == 0)
			*first = (long)snapshot->endpoints[i].pid;
	return count;
}

/* Writes "2 producers and 1 consumer are attached (process 7, ...)". */
static void explain_attached(const struct snapshot *snapshot, char *text, size_t size)
{
	long first = 0;
	unsigned producers = count_attached(snapshot, CHANNEL_PRODUCER, &first);
	unsigned consumers = count_attached(snapshot, CHANNEL_CONSUMER, &first);
	bool one = producers + consumers == 1;
	size_t used = 0;

	if (producers > 0)
		used = (size_t)snprintf(text, size, "%u producer%s", producers, plural(producers));
	if (producers > 0 && consumers > 0)
		used += (size_t)snprintf(text + used, size - used, " and ");
	if (consumers > 0)
		used += (size_t)snprintf(text + used, size - used, "%u consumer%s", consumers,
					 plural(consumers));
	snprintf(text + used, size - used,
		 " %s attached (process %ld%s); --force removes it anyway", one ? "is" : "are",
		 first, one ? "" : " and others");
}

static void explain_owner(const struct snapshot *snapshot, char *text, size_t size)
{
	if (owner_unknown(snapshot->owner))
		snprintf(text, size,
			 "it belongs to another user, whom this user namespace does not know");
	else
		snprintf(text, size,
			 "it belongs to another user (%lu): only that one, or root, can remove it",
			 (unsigned long)snapshot->owner);
}

static void explain(const struct snapshot *snapshot, int error, pid_t holder, char *text,
		    size_t size)
{
	switch (-error) {
	case CHANNEL_EINUSE:
		explain_attached(snapshot, text, size);
		break;
	case CHANNEL_EOWNER:
		explain_owner(snapshot, text, size);
		break;
	case ENOTEMPTY:
		snprintf(text, size, "it is a folder, with something in it");
		break;
	case CHANNEL_EFOREIGN:
		snprintf(text, size,
			 "the object of that name is not a channel (--force removes it anyway)");
		break;
	case CHANNEL_ELINKED:
		snprintf(text, size,
			 "its object has another name, too (--force removes it, and makes it "
			 "useless "
			 "under the other)");
		break;
	case CHANNEL_EDAMAGED:
		snprintf(text, size, "channel is damaged (--force removes it)");
		break;
	case CHANNEL_EVERSION:
	case CHANNEL_EABI:
		snprintf(text, size,
			 "it was made by a different build (%s; this is %s); --force removes it",
			 snapshot->theirs, snapshot->ours);
		break;
	case ENOENT:
		snprintf(text, size, "there is none of that name (--list prints those there are)");
		break;
	case ENODEV:
		snprintf(text, size, "there is no " OBJECT_FOLDER);
		break;
	case ETIMEDOUT:
	case EWOULDBLOCK:
		if (holder > 0)
			snprintf(text, size, "its lock is held by process %ld", (long)holder);
		else
			snprintf(text, size, "its lock is held by another process");
		break;
	default:
		snprintf(text, size, "%s", strerror(-error));
		break;
	}
}

static void tell_removed(const struct look *look, const struct snapshot *snapshot)
{
	const char *name = look->settings->channel.name;

	if (snapshot->kind == SNAPSHOT_CHANNEL && snapshot->messages > 0)
		cli_note(look->settings, "removed channel \"%s\": %s%llu message%s went with it",
			 name, snapshot->estimated ? "about " : "",
			 (unsigned long long)snapshot->messages, plural(snapshot->messages));
	else
		cli_note(look->settings, "removed channel \"%s\"%s", name,
			 snapshot->kind == SNAPSHOT_CHANNEL ? ", which was empty" : "");
}

/* With --nonblock a lock still gets a second, as everywhere. */
static struct deadline deadline_for(const struct look *look)
{
	const struct channel_options *options = &look->settings->channel;
	uint64_t timeout = options->timeout_ns == 0 ? DEADLINE_NEVER : options->timeout_ns;

	if (!options->nonblock)
		return deadline_after(timeout, -ETIMEDOUT, NULL);
	/* With --force the lock is not needed after that second. */
	return deadline_after(look->force ? 2 * NS_PER_SEC : NS_PER_SEC, -EWOULDBLOCK, NULL);
}

/*
 * A signal ends the wait for the lock, which is not interrupted otherwise. After a second --force
 * goes on without the lock: the channel is ours, and a user who may only read it could hold the
 * lock for ever.
 */
static int remove_interruptibly(const struct look *look, const struct deadline *deadline,
				struct snapshot *snapshot, pid_t *holder)
{
	struct deadline patience = deadline_after(NS_PER_SEC, -EWOULDBLOCK, NULL);
	enum removal_how how = look->force ? REMOVAL_FORCED : REMOVAL_UNUSED;
	int rc;

	do {
		struct deadline slice = deadline_after(deadline_slice_ns(deadline, NS_PER_SEC / 4),
						       -EWOULDBLOCK, NULL);

		rc = channel_remove(&look->settings->channel, how, &slice, snapshot, holder);
		if (cli_signal_caught() != 0)
			return -EINTR;
		if (rc == -EWOULDBLOCK && look->force && deadline_passed(&patience) < 0) {
			slice = deadline_after(NS_PER_SEC, -ETIMEDOUT, NULL);
			return channel_remove(&look->settings->channel, REMOVAL_UNLOCKED, &slice,
					      snapshot, holder);
		}
		if (rc == -EWOULDBLOCK && deadline_passed(deadline) < 0)
			return deadline->expired;
	} while (rc == -EWOULDBLOCK);
	return rc;
}

int look_remove(const struct look *look)
{
	const struct cli_settings *settings = look->settings;
	struct deadline deadline = deadline_for(look);
	static struct snapshot snapshot;
	char cause[256];
	pid_t holder;
	int rc = remove_interruptibly(look, &deadline, &snapshot, &holder);

	if (rc == 0) {
		tell_removed(look, &snapshot);
		return CLI_DONE;
	}
	if (rc != -EINTR) {
		explain(&snapshot, rc, holder, cause, sizeof(cause));
		cli_error(settings, "cannot remove channel \"%s\": %s%s", settings->channel.name,
			  rc == -ETIMEDOUT ? "timed out: " : "", cause);
	}
	return (int)cli_status(rc);
}
