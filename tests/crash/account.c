#include "tests/crash/account.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/crash/scene.h"

/* A try that began and did not end well has failed, once; being in a consumer's hands is no try. */
static void failures_check(const struct message *message, const struct delivered *delivered)
{
	bool must = !delivered->by_victim && atomic_load(&message->must_fail);

	if (delivered->failures > (uint32_t)atomic_load(&message->may_fail) ||
	    (must && delivered->failures == 0))
		fail("\"%s\" comes with %u failures", message->text, delivered->failures);
}

void account(struct tally *tally)
{
	int deliveries = atomic_load(&scene->delivery_count);
	int messages = atomic_load(&scene->message_count);
	int dropped = 0;
	bool may_drop = false;

	for (int m = 0; m < messages; m++) {
		const struct message *message = &scene->messages[m];
		bool newcomer = strcmp(message->text, "newcomer") == 0;
		int times = 0, first_times = 0;
		uint64_t sequence = 0;

		for (int d = 0; d < deliveries; d++) {
			const struct delivered *delivered = &scene->deliveries[d];

			if (!atomic_load(&delivered->complete) ||
			    strcmp(delivered->text, message->text) != 0)
				continue;
			times += !delivered->by_victim || atomic_load(&message->taken_over);
			first_times += delivered->attempts == 1;
			failures_check(message, delivered);
			if (sequence != 0 && delivered->sequence != sequence)
				fail("\"%s\" has two sequence numbers", message->text);
			sequence = delivered->sequence;
		}
		tally->doubled += first_times > 1;
		may_drop |= atomic_load(&message->may_drop);
		if (times == 0 && atomic_load(&message->may_drop)) {
			dropped++;
		} else if (times == 0 && atomic_load(&message->returned)) {
			tally->lost++;
			fail("\"%s\" is lost", message->text);
		}
		if (first_times > 1)
			fail("\"%s\" is doubled", message->text);
		/* The newcomer's message may be in another channel than the rest. */
		for (int d = 0; d < deliveries && sequence != 0 && !newcomer; d++)
			if (atomic_load(&scene->deliveries[d].complete) &&
			    scene->deliveries[d].sequence == sequence &&
			    strcmp(scene->deliveries[d].text, message->text) != 0 &&
			    strcmp(scene->deliveries[d].text, "newcomer") != 0)
				fail("\"%s\" and \"%s\" have one sequence number", message->text,
				     scene->deliveries[d].text);
		if (sequence > (uint64_t)messages)
			fail("\"%s\" has the number %llu, so some were skipped", message->text,
			     (unsigned long long)sequence);
	}
	if (may_drop && atomic_load(&scene->missed) != dropped)
		fail("%d were dropped, and consumers know of %d", dropped,
		     atomic_load(&scene->missed));
}

/* A private name that the victim gave the object that it made, and that nobody removed. */
static bool private_remains(pid_t victim_pid)
{
	const struct dirent *entry;
	char prefix[80];
	bool found = false;
	DIR *folder = opendir("/dev/shm");

	snprintf(prefix, sizeof(prefix), ".shm-channel-new.%lu.%ld.", (unsigned long)geteuid(),
		 (long)victim_pid);
	while (folder != NULL && (entry = readdir(folder)) != NULL)
		found |= strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	if (folder != NULL)
		closedir(folder);
	return found;
}

void remains(struct tally *tally, pid_t victim_pid)
{
	if (private_remains(victim_pid)) {
		tally->left++;
		fail("an unfinished object was left behind");
	}
	if (shm_unlink(object_name()) != 0)
		return;
	tally->left++;
	fail("the object was left behind");
}
