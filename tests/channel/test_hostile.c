/*
 * Hostile contents, one by one: what a process with the right to write could put into the object.
 * Each is refused by name. The fuzz target finds such contents by chance; here they are made on
 * purpose.
 */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel/ring.h"

#define RECORD(field) (sizeof(struct shared_buffer) + offsetof(struct record, field))

/* Makes a channel of 4 KiB with one block of three lines in it. */
static void channel_fill(char name[NAME_SIZE])
{
	static const char lines[] = "one\ntwo\nthree\n";
	int input = bytes_file(lines, sizeof(lines) - 1);
	struct tool tool;

	channel_name(name);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4K", NULL);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	close(input);
}

/* Runs a tool to its end, which must come soon and be a refusal with this text. */
#define REFUSED(what, ...)                                                                         \
	do {                                                                                       \
		struct tool tool_ = tool_start(__VA_ARGS__, NULL);                                 \
		int status_ = tool_end_within(&tool_, 3);                                          \
		cr_expect_eq(status_, 1, "%s: exit status %d", what, status_);                     \
		expect_errors_contain(&tool_, "channel is damaged");                               \
		tool_free(&tool_);                                                                 \
	} while (0)

Test(hostile, a_header_that_does_not_fit_its_object_is_refused, .timeout = 60)
{
	static const uint64_t capacities[] = { 2048,
					       4096 + 512,
					       UINT64_C(3) * 4096,
					       UINT64_C(1) << 32,
					       UINT64_C(1) << 33,
					       UINT64_C(1) << 62 };
	static const off_t more[] = { 1, 4096, 1 << 20 };
	char name[NAME_SIZE], what[64];
	struct stat status;

	for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		snprintf(what, sizeof(what), "capacity %llu", (unsigned long long)capacities[i]);
		channel_fill(name);
		object_write(name, OFFSET(header.capacity), &capacities[i], sizeof(capacities[i]));
		REFUSED(what, "shm-produce", "-C", name, "-w", "1", "x");
		REFUSED(what, "shm-consume", "-C", name, "-w", "1");
		object_remove(name);
	}
	/*
	 * An object longer than its header says, and one whose end has been cut off, by one byte or
	 * more.
	 */
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		snprintf(what, sizeof(what), "%ld bytes more", (long)more[i]);
		channel_fill(name);
		cr_assert_eq(stat(object_path(name), &status), 0);
		cr_assert_eq(truncate(object_path(name), status.st_size + more[i]), 0);
		REFUSED(what, "shm-produce", "-C", name, "-w", "1", "x");
		REFUSED(what, "shm-consume", "-C", name, "-w", "1");
		cr_assert_eq(truncate(object_path(name), status.st_size - 1), 0);
		REFUSED("a byte less", "shm-consume", "-C", name, "-w", "1");
		object_remove(name);
	}
}

/* The record's check is right, so only its fields can give it away. */
Test(hostile, a_record_that_says_what_cannot_be_is_refused, .timeout = 60)
{
	static const struct {
		const char *what;
		size_t offset;
		uint64_t value;
		size_t size;
	} cases[] = {
		{ "larger than the ring", RECORD(size), 4097, 4 },
		{ "as large as the ring", RECORD(size), 4096, 4 },
		{ "beyond tail", RECORD(size), 24, 4 },
		{ "largest size", RECORD(size), UINT32_MAX, 4 },
		{ "size that overflows when rounded", RECORD(size), UINT32_MAX - 23, 4 },
		{ "no message", RECORD(messages), 0, 4 },
		{ "more messages than bytes", RECORD(messages), 15, 4 },
		{ "most messages", RECORD(messages), UINT32_MAX, 4 },
		{ "delimiter longer than the payload", RECORD(delimiter_size), 255, 1 },
		{ "three messages without a delimiter", RECORD(delimiter_size), 0, 1 },
		{ "unknown flags", RECORD(flags), 0xf0, 1 },
		{ "a piece in the middle of nothing", RECORD(flags), RECORD_CONTINUED, 1 },
		{ "aborted with a payload", RECORD(flags), RECORD_ABORTED | RECORD_CONTINUED, 1 },
		{ "a first piece with lines", RECORD(flags), RECORD_MORE, 1 },
		{ "a key longer than the payload", RECORD(key_size), 15, 1 },
		{ "a key that leaves too little for three lines", RECORD(key_size), 12, 1 },
		{ "producer without a slot", RECORD(producer), 64, 1 },
	};
	char name[NAME_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		channel_fill(name);
		object_write(name, cases[i].offset, &cases[i].value, cases[i].size);
		REFUSED(cases[i].what, "shm-consume", "-C", name, "-w", "1");
		REFUSED(cases[i].what, "shm-consume", "-C", name, "-w", "1", "-c", "1");
		REFUSED(cases[i].what, "shm-consume", "-C", name, "-w", "1", "-e");
		object_remove(name);
	}
}

/* The header says three lines; the payload has fewer delimiters than that. */
Test(hostile, a_block_without_its_delimiters_is_refused_when_taken_apart, .timeout = 60)
{
	char name[NAME_SIZE];

	channel_fill(name);
	object_write(name, sizeof(struct shared_buffer) + sizeof(struct record), "oneXtwoXthree",
		     13);
	REFUSED("one of the block", "shm-consume", "-C", name, "-w", "1", "-c", "1");
	REFUSED("two of the block", "shm-consume", "-C", name, "-w", "1", "-c", "2");
	object_remove(name);
}

/* The claim of a killed consumer, rewritten: the next consumer would have to deliver it. */
Test(hostile, an_orphaned_claim_on_garbage_is_refused, .timeout = 120)
{
	static const struct {
		const char *what;
		struct claim_state state;
	} cases[] = {
		{ "beyond tail", { .begin = { 4096, 0, 0 }, .end = { 4096, 0, 0 } } },
		{ "before head", { .begin = { UINT64_MAX - 7, 0, 0 }, .end = { 40, 0, 0 } } },
		{ "not aligned", { .begin = { 4, 0, 0 }, .end = { 40, 0, 0 } } },
		{ "inside a record", { .begin = { 8, 0, 0 }, .end = { 40, 0, 0 } } },
		{ "ends before it begins", { .begin = { 0, 8, 2 }, .end = { 0, 4, 1 } } },
		{ "offset beyond the record", { .begin = { 0, 4096, 1 }, .end = { 40, 0, 0 } } },
		{ "index beyond the record", { .begin = { 0, 4, 77 }, .end = { 40, 0, 0 } } },
		{ "end beyond the record", { .begin = { 0, 0, 0 }, .end = { 0, 4096, 2 } } },
		{ "inside a long message that is not there",
		  { .begin = { 8, 0, 0 }, .end = { 40, 0, 0 }, .flags = CLAIM_MID } },
		{ "a part of one that is not there",
		  { .begin = { 0, 0, 0 },
		    .end = { 40, 0, 0 },
		    .flags = CLAIM_MID | CLAIM_PART,
		    .sequence = 1,
		    .producer = UINT32_MAX } },
	};
	char name[NAME_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct agent consumer = agent_start();

		channel_fill(name);
		agent_expect(&consumer, "ok", "attach consumer %s", name);
		agent_expect_delivery(&consumer, "receive 2", .sequence = 1, .messages = 2,
				      .size = 8);
		agent_kill(&consumer);
		for (size_t copy = 0; copy < 2; copy++)
			object_write(name, OFFSET(consumers.groups[0].claims[0].states[copy]),
				     &cases[i].state, sizeof(cases[i].state));
		REFUSED(cases[i].what, "shm-consume", "-C", name, "-w", "1");
		object_remove(name);
	}
}

Test(hostile, a_claim_table_full_of_garbage_is_refused, .timeout = 60)
{
	static struct claim claims[SLOT_COUNT];
	const uint64_t all = UINT64_MAX;
	char name[NAME_SIZE];

	/* the owners: another process, an impossible one, none (an orphan) */
	for (unsigned fill = 0; fill < 3; fill++) {
		static const uint64_t owners[] = { 5, 200, OWNER_NONE };

		for (unsigned i = 0; i < SLOT_COUNT; i++) {
			memset(claims[i].states, (int)(0x11 * i), sizeof(claims[i].states));
			atomic_store(&claims[i].owner, owners[fill]);
		}
		channel_fill(name);
		object_write(name, OFFSET(consumers.groups[0].claims_used), &all, sizeof(all));
		object_write(name, OFFSET(consumers.groups[0].claims), claims, sizeof(claims));
		REFUSED("garbage", "shm-consume", "-C", name, "-w", "1");
		REFUSED("garbage", "shm-produce", "-C", name, "-w", "1", "x");
		object_remove(name);
	}
	/* there is no claim, but none is free either */
	channel_fill(name);
	object_write(name, OFFSET(consumers.groups[0].claims_used), &all, sizeof(all));
	REFUSED("full", "shm-consume", "-C", name, "-w", "1");
	object_remove(name);
}

/* The first claim lies at head; all others, and `next`, lie far ahead of it. */
static void group_crowd(struct group *group, uint64_t head, uint64_t tail)
{
	atomic_store(&group->state, GROUP_OPEN);
	atomic_store(&group->claims_used, UINT64_MAX);
	group->next[0] = group->next[1] = (struct cursor){ .record = tail };
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		struct claim *claim = &group->claims[i];
		struct cursor at = { .record = i == 0 ? head : tail };

		atomic_store(&claim->owner, i % 2 == 0 ? OWNER_NONE : i + 1);
		atomic_store(&claim->done, at.record);
		claim->states[0] = claim->states[1] = (struct claim_state){ at, at, 1, 0, 0 };
	}
}

/* As many groups and claims as there can be: a process that inspects them has room for all. */
Test(hostile, all_groups_with_all_claims_are_looked_at, .timeout = 60)
{
	static struct shared_buffer copy;
	struct consumers *consumers = &copy.consumers;
	struct agent producer = agent_start();
	char name[NAME_SIZE];
	unsigned char *bytes;
	struct tool tool;
	size_t size;

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	for (int i = 0; i < 100; i++)
		agent_expect(&producer, "ok", "sendn 8000");
	agent_quit(&producer);
	bytes = object_contents(name, &size);
	cr_assert_geq(size, sizeof(struct shared_buffer));
	memcpy(&copy, bytes, sizeof(copy));
	free(bytes);
	for (unsigned i = 0; i < GROUP_COUNT; i++)
		group_crowd(&consumers->groups[i], object_look(name).head, object_look(name).tail);
	atomic_store(&consumers->groups_used, (1u << GROUP_COUNT) - 1);
	object_write(name, OFFSET(consumers), consumers, sizeof(*consumers));
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--status"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "--list"), 0);
	tool_free(&tool);
	object_remove(name);
}

Test(hostile, an_impossible_owner_is_noticed_by_attached_consumers, .timeout = 60)
{
	struct agent holder = agent_start(), other = agent_start();
	const uint64_t nobody = 200;
	char name[NAME_SIZE];

	channel_fill(name);
	agent_expect(&holder, "ok", "attach consumer %s timeout=1000", name);
	agent_expect(&other, "ok", "attach consumer %s timeout=1000", name);
	agent_expect_delivery(&holder, "receive 1", .sequence = 1, .size = 4);
	object_write(name, OFFSET(consumers.groups[0].claims[0].owner), &nobody, sizeof(nobody));
	agent_expect(&other, "error DAMAGED", "receive 1");
	agent_quit(&other);
	agent_quit(&holder);
	object_remove(name);
}
