/*
 * What the tools meet under a channel's name: strangers' files, damage, other builds, other
 * users, other modes and sizes, no room, no free slot, a lock that is held.
 */
#include "tests/support/agents.h"
#include "tests/support/process.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { NOBODY = 65534 };

/* Runs a tool with these arguments; what it said must contain `part` and be one line. */
#define EXPECT(status, part, ...)                                                                  \
	do {                                                                                       \
		struct tool tool_ = tool_start(__VA_ARGS__, NULL);                                 \
		int got_ = tool_end(&tool_);                                                       \
		char *errors_ = tool_errors(&tool_);                                               \
                                                                                                   \
		cr_expect_eq(got_, status, "ended with %d, not %d: %s", got_, status, errors_);    \
		cr_expect_not_null(strstr(errors_, part), "said \"%s\", without \"%s\"", errors_,  \
				   part);                                                          \
		cr_expect(errors_[strcspn(errors_, "\n")] == '\0' ||                               \
				  errors_[strcspn(errors_, "\n") + 1] == '\0',                     \
			  "said \"%s\", which is not one line", errors_);                          \
		free(errors_);                                                                     \
		tool_free(&tool_);                                                                 \
	} while (0)

/* what it said must not contain this */
#define EXPECT_WITHOUT(part, ...)                                                                  \
	do {                                                                                       \
		struct tool tool_ = tool_start(__VA_ARGS__, NULL);                                 \
		char *errors_ = (tool_end(&tool_), tool_errors(&tool_));                           \
                                                                                                   \
		cr_expect_null(strstr(errors_, part), "said \"%s\"", errors_);                     \
		free(errors_);                                                                     \
		tool_free(&tool_);                                                                 \
	} while (0)

/* Expects that both tools refuse the channel, in every way of attaching. */
#define REFUSED_BY_BOTH(part, name)                                                                \
	do {                                                                                       \
		EXPECT(1, part, "shm-produce", "-C", name, "x");                                   \
		EXPECT(1, part, "shm-produce", "-C", name, "-n", "x");                             \
		EXPECT(1, part, "shm-produce", "-C", name, "--new", "-w", "2", "x");               \
		EXPECT(1, part, "shm-consume", "-C", name);                                        \
		EXPECT(1, part, "shm-consume", "-C", name, "-n");                                  \
		EXPECT(1, part, "shm-consume", "-C", name, "-e");                                  \
	} while (0)

static void write_at(const char *name, size_t offset, const void *bytes, size_t size)
{
	int fd = open(object_path(name), O_WRONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, bytes, size, (off_t)offset), (ssize_t)size);
	close(fd);
}

#define WRITE_HEADER(name, field, ...)                                                             \
	do {                                                                                       \
		__typeof__(((struct header *)0)->field) value_ = __VA_ARGS__;                      \
		write_at(name, offsetof(struct header, field), &value_, sizeof(value_));           \
	} while (0)

/* ---- what is not a channel ---- */

Test(cli_objects, a_strangers_file_is_refused_and_left_alone, .timeout = 60)
{
	static const char garbage[] = "this is somebody's file, and quite important";
	static const size_t sizes[] = { 1, 7, 8, 9, sizeof(garbage) };
	char name[NAME_SIZE], is[sizeof(garbage) + 1];
	int fd;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		channel_name(name);
		object_plant(name, garbage, sizes[i]);
		REFUSED_BY_BOTH("is not a channel", name);
		EXPECT(1, name, "shm-consume", "-C", name);
		fd = open(object_path(name), O_RDONLY | O_CLOEXEC);
		cr_assert_eq(read(fd, is, sizeof(is)), (ssize_t)sizes[i]);
		cr_assert_eq(memcmp(is, garbage, sizes[i]), 0);
		close(fd);
		object_remove(name);
	}
}

Test(cli_objects, a_large_file_of_random_bytes_is_refused, .timeout = 60)
{
	size_t size = sizeof(struct shared_buffer) + 65536;
	unsigned char *bytes = malloc(size);
	uint64_t state = 99;
	char name[NAME_SIZE];

	cr_assert_not_null(bytes);
	for (size_t i = 0; i < size; i++) {
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
		bytes[i] = (unsigned char)(state >> 56);
	}
	channel_name(name);
	object_plant(name, bytes, size);
	free(bytes);
	REFUSED_BY_BOTH("is not a channel", name);
	object_remove(name);
}

Test(cli_objects, a_symbolic_link_is_refused_and_not_followed, .timeout = 60)
{
	char name[NAME_SIZE], target[64] = "/dev/shm/shm-channel-target-XXXXXX";
	struct stat status;
	int fd = mkstemp(target);

	cr_assert_geq(fd, 0);
	channel_name(name);
	cr_assert_eq(symlink(target, object_path(name)), 0);
	REFUSED_BY_BOTH("is not a channel", name);
	cr_assert_eq(fstat(fd, &status), 0);
	cr_assert_eq(status.st_size, 0);
	close(fd);
	unlink(target);
	REFUSED_BY_BOTH("is not a channel", name); /* now the link dangles */
	cr_assert_neq(access(target, F_OK), 0);
	object_remove(name);
}

Test(cli_objects, a_directory_a_fifo_and_a_socket_are_refused, .timeout = 60)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[NAME_SIZE];
	int fd;

	channel_name(name);
	cr_assert_eq(mkdir(object_path(name), 0700), 0);
	REFUSED_BY_BOTH("is not a channel", name);
	cr_assert_eq(rmdir(object_path(name)), 0);

	channel_name(name);
	cr_assert_eq(mkfifo(object_path(name), 0600), 0);
	REFUSED_BY_BOTH("is not a channel", name);
	object_remove(name);

	channel_name(name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", object_path(name));
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	REFUSED_BY_BOTH("is not a channel", name);
	close(fd);
	object_remove(name);
}

/* ---- what is no longer, or not yet, a channel ---- */

Test(cli_objects, another_layout_version_is_refused_with_both_named, .timeout = 60)
{
	char name[NAME_SIZE], ours[32];

	snprintf(ours, sizeof(ours), "layout %u", LAYOUT_VERSION);
	channel_name(name);
	message_send(name, "x");
	WRITE_HEADER(name, layout_version, 77);
	REFUSED_BY_BOTH("layout 77", name);
	REFUSED_BY_BOTH(ours, name);
	object_remove(name);
}

Test(cli_objects, another_libc_or_word_size_is_refused_with_both_named, .timeout = 60)
{
	char name[NAME_SIZE], abi[48] = "otherlibc, 16-bit, mutex of 3 bytes";

	channel_name(name);
	message_send(name, "x");
	write_at(name, offsetof(struct header, abi), abi, sizeof(abi));
	REFUSED_BY_BOTH("otherlibc, 16-bit, mutex of 3 bytes", name);
	REFUSED_BY_BOTH("-bit, mutex of ", name);
	memset(abi, '\x1b', sizeof(abi)); /* no end, and not for a terminal */
	write_at(name, offsetof(struct header, abi), abi, sizeof(abi));
	REFUSED_BY_BOTH("different build", name);
	object_remove(name);
}

Test(cli_objects, a_damaged_header_is_refused, .timeout = 60)
{
	static const uint64_t capacities[] = {
		0, 1, 4095, 8192, 3 << 20, UINT64_MAX, UINT64_C(1) << 63
	};
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	message_send(name, "x");
	for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		WRITE_HEADER(name, capacity, capacities[i]);
		REFUSED_BY_BOTH("channel is damaged", name);
	}
	WRITE_HEADER(name, capacity, 1 << 20);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "x\n"); /* nothing else was touched */
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(cli_objects, a_channel_of_the_wrong_size_is_refused, .timeout = 60)
{
	static const size_t sizes[] = { 9,
					40,
					71,
					72,
					4096,
					sizeof(struct shared_buffer),
					sizeof(struct shared_buffer) + 4096 };
	char name[NAME_SIZE];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		channel_name(name);
		message_send(name, "x");
		cr_assert_eq(truncate(object_path(name), (off_t)sizes[i]), 0);
		REFUSED_BY_BOTH("channel is damaged", name);
		object_remove(name);
	}
}

Test(cli_objects, damaged_positions_are_refused, .timeout = 60)
{
	static const uint64_t bad = UINT64_C(0x1234567);
	char name[NAME_SIZE];

	channel_name(name);
	message_send(name, "x");
	write_at(name, offsetof(struct shared_buffer, producers.tail), &bad, sizeof(bad));
	REFUSED_BY_BOTH("channel is damaged", name);
	object_remove(name);
	channel_name(name);
	message_send(name, "x");
	write_at(name, offsetof(struct shared_buffer, consumers.head), &bad, sizeof(bad));
	REFUSED_BY_BOTH("channel is damaged", name);
	object_remove(name);
}

Test(cli_objects, a_damaged_record_is_refused_by_the_consumer, .timeout = 60)
{
	static const unsigned char bad[8] = { 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff };
	char name[NAME_SIZE];

	channel_name(name);
	message_send(name, "x");
	write_at(name, sizeof(struct shared_buffer), bad, sizeof(bad));
	EXPECT(1, "channel is damaged", "shm-consume", "-C", name);
	object_remove(name);
}

/*
 * It cannot be known which other processes have the object open: it is never made a channel, and
 * the advice works.
 */
static void never_taken_over(const void *bytes, size_t size, off_t length)
{
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	object_plant(name, bytes, size);
	cr_assert_eq(truncate(object_path(name), length), 0);
	REFUSED_BY_BOTH("--remove --force removes it)", name);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove", "--force"), 0);
	tool_free(&tool);
	cr_expect(!object_exists(name));
	message_send(name, "first");
	expect_rest(name, 0, "first\n");
}

Test(cli_objects, an_empty_object_is_never_taken_over, .timeout = 30)
{
	never_taken_over("", 0, 0);
}

/* An object as creators of earlier versions left it when they died. */
Test(cli_objects, a_half_made_object_is_never_taken_over, .timeout = 30)
{
	static const char making[] = ".MAKING.";

	never_taken_over(making, 8, 8);
	never_taken_over(making, 8, 100000);
	never_taken_over(making, 8, sizeof(struct shared_buffer) + (1 << 20));
}

/* ---- other users ---- */

/* Runs a tool as the user nobody; the tool's words follow. */
#define AS_NOBODY(...)                                                                             \
	tool_start("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c",      \
		   "tool=$1; shift; exec \"$TOOLS/$tool\" \"$@\"", "sh", __VA_ARGS__, NULL)

/* Skips the test unless we are root and nobody can run the tools. */
static void need_nobody(void)
{
	struct tool tool;
	int status;

	if (geteuid() != 0) {
		test_note("not root: other users are not tested");
		test_skip("needs root");
	}
	tool = AS_NOBODY("shm-produce", "--version");
	status = tool_end(&tool);
	tool_free(&tool);
	if (status != 0) {
		test_note("the user nobody cannot run the tools: other users are not tested");
		test_skip("needs setpriv, and tools that all may run");
	}
}

static const char *nobodys_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "/dev/shm/shm-channel.%d.%s", NOBODY, name);
	return path;
}

Test(cli_objects, somebody_elses_object_under_our_name_is_refused, .timeout = 60)
{
	char name[NAME_SIZE];

	if (geteuid() != 0) {
		test_note("not root: another user's object is not tested");
		test_skip("needs root");
	}
	channel_name(name);
	message_send(name, "secret");
	cr_assert_eq(chown(object_path(name), NOBODY, NOBODY), 0);
	REFUSED_BY_BOTH("belongs to user 65534", name);
	cr_assert_eq(chmod(object_path(name), 0666), 0);
	REFUSED_BY_BOTH("belongs to user 65534", name);
	/* the advice must not send messages to the user who has planted it */
	REFUSED_BY_BOTH("that user, or root, can remove /dev/shm/shm-channel.0.", name);
	EXPECT_WITHOUT("--owner", "shm-produce", "-C", name, "x");
	EXPECT_WITHOUT("--owner", "shm-consume", "-C", name);
	object_remove(name);
}

Test(cli_objects, another_users_private_channel_cannot_be_opened, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	need_nobody();
	channel_name(name);
	message_send(name, "secret");
	tool = AS_NOBODY("shm-consume", "-C", name, "--owner", "root");
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "Permission denied");
	expect_output(&tool, "");
	tool_free(&tool);
	tool = AS_NOBODY("shm-produce", "-C", name, "--owner", "0", "x");
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "Permission denied");
	tool_free(&tool);
	expect_rest(name, 0, "secret\n");
}

Test(cli_objects, the_owner_that_is_named_is_the_one_used, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	need_nobody();
	channel_name(name);
	tool = AS_NOBODY("shm-produce", "-C", name, "from nobody");
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_assert_eq(access(nobodys_path(name), F_OK), 0);
	cr_assert(!object_exists(name));
	EXPECT(3, "", "shm-consume", "-C", name, "-n"); /* ours is another channel */
	cr_assert_eq(
		tool_run(&tool, "shm-consume", "-C", name, "--owner", "65534", "--trust-owner"), 0);
	expect_output(&tool, "from nobody\n");
	tool_free(&tool);
	cr_assert_neq(access(nobodys_path(name), F_OK), 0);
}

Test(cli_objects, a_channel_open_to_others_is_used_by_them_and_left_empty, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE], *errors;

	need_nobody();
	channel_name(name);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-m", "0666", "for all"), 0);
	tool_free(&tool);
	tool = AS_NOBODY("shm-consume", "-C", name, "--owner", "root");
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "for all\n");
	errors = tool_errors(&tool);
	cr_expect_str_empty(errors, "%s", errors);
	free(errors);
	tool_free(&tool);
	/* /dev/shm is sticky: only the owner may remove it */
	cr_assert(object_exists(name));
	expect_rest(name, 0, "");
}

Test(cli_objects, another_users_channel_is_never_created, .timeout = 60)
{
	char name[NAME_SIZE];

	if (geteuid() != 0) {
		test_note("not root: creating for another user is not tested");
		test_skip("needs root");
	}
	channel_name(name);
	EXPECT(1, "No such file", "shm-produce", "-C", name, "--owner", "65534", "--trust-owner",
	       "x");
	EXPECT(1, "No such file", "shm-consume", "-C", name, "--owner", "65534", "--trust-owner");
	cr_assert_neq(access(nobodys_path(name), F_OK), 0);
	cr_assert(!object_exists(name));
}

/* ---- mode ---- */

static mode_t mode_made(const char *mask, const char *option, const char *mode)
{
	char name[NAME_SIZE];
	struct stat status;
	struct tool tool;

	channel_name(name);
	tool = tool_start("sh", "-c",
			  "umask $1; shift; exec \"$TOOLS/shm-produce\" -C \"$@\" message", "sh",
			  mask, name, option, mode, NULL);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_assert_eq(stat(object_path(name), &status), 0);
	expect_rest(name, 0, "message\n");
	return status.st_mode & 07777;
}

Test(cli_objects, the_mode_is_exact_whatever_the_umask, .timeout = 30)
{
	cr_expect_eq(mode_made("077", "-m", "0666"), 0666u);
	cr_expect_eq(mode_made("000", "-m", "0640,readers"), 0640u);
	cr_expect_eq(mode_made("777", "--mode", "660"), 0660u);
	cr_expect_eq(mode_made("000", "-s", "4K"), 0600u); /* no mode given: private */
	cr_expect_eq(mode_made("777", "-s", "4K"), 0600u);
}

Test(cli_objects, a_mode_that_differs_is_refused_and_the_same_is_not, .timeout = 30)
{
	char name[NAME_SIZE];

	channel_name(name);
	message_send(name, "a");
	EXPECT(1, "0600", "shm-produce", "-C", name, "-m", "0666", "b");
	EXPECT(1, "0666", "shm-consume", "-C", name, "-m", "0666");
	EXPECT(1, "mode", "shm-consume", "-C", name, "-m", "0660", "-e");
	EXPECT(0, "", "shm-produce", "-C", name, "-m", "0600", "c");
	expect_rest(name, 0, "a\nc\n");
}

/* ---- no room in shared memory ---- */

/* Runs a script with a /dev/shm of its own of that size; sets TOOLS for it. */
static struct tool small_memory(const char *size, const char *script)
{
	static const char set_up[] =
		"mount -t tmpfs -o size=$1 none /dev/shm 2>/dev/null || exit 77; eval \"$2\"";

	if (geteuid() == 0)
		return tool_start("unshare", "-m", "sh", "-c", set_up, "sh", size, script, NULL);
	return tool_start("unshare", "-rm", "sh", "-c", set_up, "sh", size, script, NULL);
}

static void need_small_memory(void)
{
	struct tool tool = small_memory("1m", "exit 0");
	int status = tool_end(&tool);

	tool_free(&tool);
	if (status != 0) {
		test_note("no mount namespace here: a full /dev/shm is not tested");
		test_skip("needs unshare -m");
	}
}

Test(cli_objects, a_size_that_does_not_fit_is_an_error_at_the_start, .timeout = 60)
{
	static const char *const scripts[] = {
		"\"$TOOLS/shm-produce\" -C x -s 1M hello",
		"\"$TOOLS/shm-consume\" -C x -s 1M",
		"\"$TOOLS/shm-produce\" -C x hello",
		"\"$TOOLS/shm-produce\" -C x -n -s 4G hello",
	};

	need_small_memory();
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		char script[300];
		struct tool tool;

		snprintf(script, sizeof(script), "%s; s=$?; ls -A /dev/shm; exit $s", scripts[i]);
		tool = small_memory("1m", script);
		cr_expect_eq(tool_end(&tool), 1, "%s", scripts[i]);
		expect_errors_contain(&tool, "No space left");
		expect_errors_contain(&tool, " are free");
		expect_errors_contain(&tool, "are needed");
		expect_errors_contain(&tool, "--size");
		expect_errors_contain(&tool, "--shm-size");
		expect_output(&tool, ""); /* nothing left behind */
		tool_free(&tool);
	}
}

Test(cli_objects, a_full_memory_is_an_error_with_the_need_in_it, .timeout = 60)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char needed[64];
	struct tool tool;

	need_small_memory();
	tool = small_memory("1m", "cat /dev/zero > /dev/shm/filler 2>/dev/null; "
				  "\"$TOOLS/shm-produce\" -C x -s 64K hello; s=$?; "
				  "ls -A /dev/shm; exit $s");
	snprintf(needed, sizeof(needed), "%zu bytes are needed",
		 (sizeof(struct shared_buffer) + page - 1) / page * page + 65536);
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "No space left");
	expect_errors_contain(&tool, " 0 are free");
	expect_errors_contain(&tool, needed);
	expect_output(&tool, "filler\n");
	tool_free(&tool);
}

Test(cli_objects, a_message_longer_than_a_small_memory_still_goes_through, .timeout = 60)
{
	struct tool tool;

	need_small_memory();
	tool = small_memory("1m",
			    "head -c 3000000 /dev/zero | \"$TOOLS/shm-produce\" -C x -s 64K & "
			    "\"$TOOLS/shm-consume\" -C x -s 64K | wc -c; ls -A /dev/shm");
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "3000000\n");
	tool_free(&tool);
}

Test(cli_objects, memory_is_reserved_so_that_a_disk_filled_later_does_no_harm, .timeout = 60)
{
	struct tool tool;

	need_small_memory();
	tool = small_memory("1m",
			    "\"$TOOLS/shm-produce\" -C x -s 256K first && "
			    "{ cat /dev/zero > /dev/shm/filler; "
			    "head -c 200000 /dev/zero | \"$TOOLS/shm-produce\" -C x; echo $?; "
			    "\"$TOOLS/shm-consume\" -C x | wc -c; }");
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "0\n200006\n");
	tool_free(&tool);
}

/* ---- --new ---- */

Test(cli_objects, new_refuses_a_channel_with_messages, .timeout = 30)
{
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(0, "", "shm-produce", "-C", name, "--new", "a");
	EXPECT(1, "already holds messages", "shm-produce", "-C", name, "--new", "b");
	EXPECT(1, "already holds messages", "shm-consume", "-C", name, "--new");
	EXPECT(1, "--new", "shm-produce", "-C", name, "--new", "-n", "b");
	expect_rest(name, 0, "a\n");
}

Test(cli_objects, new_refuses_another_endpoint_of_the_same_kind_only, .timeout = 30)
{
	struct agent producer = agent_start(), consumer = agent_start();
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	EXPECT(1, "already has 1 producer", "shm-produce", "-C", name, "--new", "x");
	tool = tool_start("shm-consume", "-C", name, "--new", NULL);
	WAIT_FOR(object_look(name).consumers == 1);
	EXPECT(1, "already has 1 consumer", "shm-consume", "-C", name, "--new");
	agent_quit(&producer);
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_assert(!object_exists(name));

	agent_expect(&consumer, "ok", "attach consumer %s", name);
	EXPECT(0, "", "shm-produce", "-C", name, "--new", "x");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "x");
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	cr_assert(!object_exists(name));
}

Test(cli_objects, new_does_not_mind_endpoints_that_died, .timeout = 30)
{
	struct agent producer = agent_start();
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_kill(&producer);
	EXPECT(0, "", "shm-produce", "-C", name, "--new", "x");
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name), 4);
	expect_output(&tool, "x\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

/* ---- all slots of a side taken ---- */

Test(cli_objects, with_all_slots_taken_newcomers_wait_or_say_so, .timeout = 120)
{
	static const char *const roles[] = { "producer", "consumer" };
	static const char *const tools[] = { "shm-produce", "shm-consume" };
	struct agent agents[SLOT_COUNT];
	struct tool tool, waiting;
	char name[NAME_SIZE];

	for (int i = 0; i < SLOT_COUNT; i++)
		agents[i] = agent_start();
	for (int role = 0; role < 2; role++) {
		int input = bytes_file("got in\n", 7);

		channel_name(name);
		for (int i = 0; i < SLOT_COUNT; i++)
			agent_expect(&agents[i], "ok", "attach %s %s", roles[role], name);
		tool = tool_start_fds(input, -1, tools[role], "-C", name, "-n", NULL);
		cr_expect_eq(tool_end(&tool), 3);
		tool_free(&tool);
		EXPECT(124, "64", tools[role], "-C", name, "-w", "0.2");
		EXPECT(124, "taken", tools[role], "-C", name, "-w", "0.2");
		/* the other side still gets in */
		EXPECT(role == 0 ? 3 : 0, "", tools[1 - role], "-C", name, "-n");

		waiting = tool_start_fds(input, -1, tools[role], "-C", name, NULL);
		tool = tool_start(tools[role], "-C", name, "-w", "0.2", NULL);
		cr_expect_eq(tool_end(&tool), 124);
		tool_free(&tool);
		cr_assert(!tool_ended(&waiting));
		if (role == 0) {
			agent_expect(&agents[5], "ok", "detach");
			cr_assert_eq(tool_end(&waiting), 0);
		} else { /* a consumer that dies makes room, too */
			agent_kill(&agents[5]);
			agents[5] = agent_start();
			WAIT_FOR(object_look(name).consumer_tid[5] == (uint32_t)waiting.pid);
		}
		for (int i = 0; i < SLOT_COUNT; i++)
			agent_expect(&agents[i], "ok", "detach");
		if (role == 0) {
			expect_rest(name, 0, "got in\n");
		} else {
			message_send(name, "for the one who waited");
			cr_assert_eq(tool_end(&waiting), 0);
			expect_output(&waiting, "for the one who waited\n");
		}
		tool_free(&waiting);
		close(input);
		cr_assert(!object_exists(name));
	}
	for (int i = 0; i < SLOT_COUNT; i++)
		agent_quit(&agents[i]);
}

Test(cli_objects, a_signal_ends_the_wait_for_a_slot, .timeout = 60)
{
	struct agent agents[SLOT_COUNT];
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	for (int i = 0; i < SLOT_COUNT; i++) {
		agents[i] = agent_start();
		agent_expect(&agents[i], "ok", "attach producer %s", name);
	}
	tool = tool_start("shm-produce", "-C", name, "-v", "x", NULL);
	for (bool begun = false; !begun;) {
		char *errors = tool_errors(&tool);

		begun = strstr(errors, "preparing data") != NULL;
		free(errors);
	}
	kill(tool.pid, SIGTERM);
	cr_expect_eq(tool_end(&tool), 128 + SIGTERM);
	tool_free(&tool);
	for (int i = 0; i < SLOT_COUNT; i++)
		agent_quit(&agents[i]);
	expect_rest(name, 0, "");
}

/* ---- a lock held by a stopped process ---- */

static void lock_held(const char *role, const char *lock)
{
	struct agent holder = agent_start();
	char name[NAME_SIZE], pid[32];
	struct tool tool;

	channel_name(name);
	agent_expect(&holder, "ok", "attach %s %s", role, name);
	agent_expect(&holder, "ok", "%s", lock);
	process_stop(holder.tool.pid);
	snprintf(pid, sizeof(pid), "process %ld", (long)holder.tool.pid);
	EXPECT(124, pid, "shm-produce", "-C", name, "-w", "0.3", "x");
	EXPECT(124, pid, "shm-consume", "-C", name, "-w", "0.3");
	EXPECT(124, pid, "shm-consume", "-C", name, "-w", "0.3", "-e");
	EXPECT(3, pid, "shm-produce", "-C", name, "-n", "x");
	EXPECT(3, pid, "shm-consume", "-C", name, "-n");

	tool = tool_start("shm-consume", "-C", name, "-v", NULL);
	for (bool begun = false; !begun;) {
		char *errors = tool_errors(&tool);

		begun = strstr(errors, "waiting for shared memory") != NULL;
		free(errors);
	}
	kill(tool.pid, SIGINT);
	cr_expect_eq(tool_end(&tool), 128 + SIGINT);
	tool_free(&tool);

	/* a dead process holds up no other */
	agent_kill(&holder);
	EXPECT(0, "", "shm-produce", "-C", name, "-w", "10", "x");
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "-e"),
		     strcmp(role, "producer") == 0 ? 4 : 0);
	expect_output(&tool, "x\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(cli_objects, a_producers_lock_held_by_a_stopped_process_is_named, .timeout = 60)
{
	lock_held("producer", "lock producer");
}

Test(cli_objects, a_consumers_lock_held_by_a_stopped_process_is_named, .timeout = 60)
{
	lock_held("consumer", "lock consumer");
}

Test(cli_objects, a_file_lock_held_by_a_stopped_process_is_named, .timeout = 60)
{
	lock_held("producer", "flock");
}

Test(cli_objects, a_lock_taken_while_attached_times_out_too, .timeout = 60)
{
	struct agent holder = agent_start();
	char name[NAME_SIZE], pid[32];
	struct tool producer, consumer;
	int ends[2];

	channel_name(name);
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	agent_expect(&holder, "ok", "attach producer %s", name);
	producer = tool_start_fds(ends[0], -1, "shm-produce", "-C", name, "-w", "0.3", NULL);
	WAIT_FOR(object_look(name).producers == 2);
	agent_expect(&holder, "ok", "lock producer");
	process_stop(holder.tool.pid);
	snprintf(pid, sizeof(pid), "process %ld", (long)holder.tool.pid);
	cr_assert_eq(write(ends[1], "line\n", 5), 5);
	cr_expect_eq(tool_end(&producer), 124);
	expect_errors_contain(&producer, pid);
	tool_free(&producer);
	kill(holder.tool.pid, SIGCONT);
	agent_expect(&holder, "ok", "unlock producer");
	agent_quit(&holder);
	close(ends[0]);
	close(ends[1]);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}
