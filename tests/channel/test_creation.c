/*
 * How a channel's object is made: in private, complete before it has a name, on any machine, and
 * with memory that is there.
 */
#include "tests/support/without_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "channel/creation.h"

#define MIB (UINT64_C(1) << 20)

/* ---- on machines that lack something ---- */

/* A tool without some system calls: its name and arguments. */
#define WITHOUT(what, ...) tool_start_without(what, -1, __VA_ARGS__, NULL)

static void expect_done(struct tool tool, const char *output)
{
	int status = tool_end(&tool);
	char *errors = tool_errors(&tool);

	cr_expect_eq(status, 0, "ended with %d: %s", status, errors);
	expect_output(&tool, output);
	free(errors);
	tool_free(&tool);
}

static void expect_mode(const char *name, mode_t mode)
{
	struct stat status;

	cr_assert_eq(stat(object_path(name), &status), 0);
	cr_expect_eq(status.st_mode & 07777, mode);
}

/*
 * The umask belongs to the whole process, and another thread may be starting a command at this
 * moment.
 */
Test(creation, never_touches_the_umask, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE];
	struct tool tool;

	filters_needed();
	channel_name(name);
	channel_name(dead);
	expect_done(WITHOUT("umask", "shm-produce", "-C", name, "-m", "0666", "x"), "");
	expect_mode(name, 0666);
	tool = WITHOUT("umask", "shm-consume", "-C", name, "--retries", "0", "--on-failure", "dead",
		       "--dead-letter", dead, "--", "false");
	cr_expect_eq(tool_end(&tool), 123);
	tool_free(&tool);
	expect_mode(dead, 0600);
	expect_done(WITHOUT("umask", "shm-consume", "-C", dead), "x\n");
	cr_expect(!object_exists(name));
	cr_expect(!object_exists(dead));
}

/*
 * Returns how many objects of this user some process is making, or was making when it died, under
 * private names.
 */
static int private_objects(void)
{
	char command[200];
	struct tool tool;
	char *output;
	int count;

	snprintf(command, sizeof(command),
		 "find /dev/shm -maxdepth 1 -name '.shm-channel-new.%lu.*' | wc -l",
		 (unsigned long)geteuid());
	cr_assert_eq(tool_run(&tool, "sh", "-c", command), 0);
	output = tool_output(&tool, NULL);
	count = atoi(output);
	free(output);
	tool_free(&tool);
	return count;
}

/* Gives this test a /dev/shm of its own. */
static void own_memory(const char *options)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, options) != 0) {
		test_note("no tmpfs of our own here (%s)", strerror(errno));
		test_skip("needs to mount a tmpfs");
	}
}

Test(creation, works_where_no_file_is_without_a_name, .timeout = 60)
{
	char name[NAME_SIZE];

	filters_needed();
	own_memory("size=64m");
	for (int i = 0; i < 2; i++) {
		channel_name(name);
		expect_done(
			i == 0 ? WITHOUT("unnamed", "shm-produce", "-C", name, "-m", "0620", "x")
			       : WITHOUT("link", "shm-produce", "-C", name, "-m", "0660", "x"),
			"");
		expect_mode(name, i == 0 ? 0620 : 0660);
		cr_expect_eq(private_objects(), 0);
		expect_done(WITHOUT("unnamed,link", "shm-produce", "-C", name, "y"), "");
		expect_done(tool_start("shm-consume", "-C", name, NULL), "x\ny\n");
		cr_expect(!object_exists(name));
	}
}

Test(creation, removes_what_dead_creators_left_under_private_names, .timeout = 60)
{
	char dead[100], alive[100], name[NAME_SIZE];
	int fd;

	filters_needed();
	own_memory("size=64m");
	snprintf(dead, sizeof(dead), "/dev/shm/.shm-channel-new.%lu.1.a", (unsigned long)geteuid());
	snprintf(alive, sizeof(alive), "/dev/shm/.shm-channel-new.%lu.1.b",
		 (unsigned long)geteuid());
	fd = open(dead, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	close(fd);
	fd = open(alive, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(flock(fd, LOCK_EX), 0);
	expect_done(WITHOUT("unnamed", "shm-produce", "-C", channel_name(name), "x"), "");
	cr_expect_neq(access(dead, F_OK), 0);
	cr_expect_eq(access(alive, F_OK), 0);
	unlink(alive);
	close(fd);
	expect_done(tool_start("shm-consume", "-C", name, NULL), "x\n");
}

/* ---- complete before it has a name ---- */

static uint64_t memory_free(void)
{
	struct statvfs space;

	cr_assert_eq(statvfs("/dev/shm", &space), 0);
	return (uint64_t)space.f_bavail * space.f_frsize;
}

/*
 * An object that others may write could be given another name by them, and if its creator died that
 * name would be its only one.
 */
Test(creation, under_a_private_name_is_never_open_to_others, .timeout = 60)
{
	char name[NAME_SIZE], other[NAME_SIZE], path[300], link_path[300];
	struct creation creation;
	struct stat status;
	int taken;

	snprintf(path, sizeof(path), "%s", object_path(channel_name(name)));
	snprintf(link_path, sizeof(link_path), "%s", object_path(channel_name(other)));
	taken = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cr_assert_geq(taken, 0);
	close(taken);
	cr_assert_eq(creation_begin(&creation, false), 0);
	cr_assert_eq(link(creation.private_path, link_path), 0);
	cr_expect_eq(creation_publish(&creation, path, 0666), -EEXIST);
	cr_expect_eq(fstat(creation.fd, &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0600u);
	creation_abandon(&creation);
	cr_expect_eq(stat(link_path, &status), 0);
	cr_expect_eq(status.st_mode & 07777, (unsigned)CREATION_REMOVED_MODE);
	cr_expect_eq(unlink(path), 0);
	cr_expect_eq(unlink(link_path), 0);
}

Test(creation, that_is_killed_leaves_nothing, .timeout = 60)
{
	char name[NAME_SIZE];
	int killed_before = 0;

	own_memory("size=1g");
	for (int i = 0; i < 20 && killed_before < 3; i++) {
		uint64_t before = memory_free();
		struct tool tool = tool_start("shm-produce", "-C", channel_name(name), "-s", "512M",
					      "x", NULL);

		WAIT_FOR(memory_free() < before);
		tool_kill(&tool);
		tool_free(&tool);
		if (object_exists(name)) { /* it was faster; then it has made a channel */
			cr_expect(object_look(name).exists);
			object_remove(name);
		} else {
			killed_before++;
		}
		WAIT_FOR(memory_free() == before);
	}
	if (killed_before == 0)
		test_note("every creator was faster than this test");
}

/* Each process reserves all of the memory, and there is only so much. */
Test(creation, by_several_at_once_needs_the_memory_of_one, .timeout = 120)
{
	enum { ROUNDS = 10, CREATORS = 4 };

	own_memory("size=64m");
	for (int round = 0; round < ROUNDS; round++) {
		struct tool consumer, producers[CREATORS];
		char name[NAME_SIZE];

		channel_name(name);
		consumer =
			tool_start("shm-consume", "-C", name, "-s", "32M", "-q", "-c", "4", NULL);
		for (int i = 0; i < CREATORS; i++)
			producers[i] =
				tool_start("shm-produce", "-C", name, "-s", "32M", "x", NULL);
		for (int i = 0; i < CREATORS; i++)
			expect_done(producers[i], "");
		cr_expect_neq(tool_end(&consumer), 1);
		tool_free(&consumer);
		object_remove(name);
	}
}

/* ---- limits of control groups ---- */

/* A tree of files as the kernel shows it: path, contents, ..., NULL. */
static void tree_make(const char *root, const char *const *files)
{
	for (; files[0] != NULL; files += 2) {
		char path[600];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", root, files[0]);
		for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
		     slash = strchr(slash + 1, '/')) {
			*slash = '\0';
			if (mkdir(path, 0755) != 0)
				cr_assert_eq(errno, EEXIST);
			*slash = '/';
		}
		file = fopen(path, "w");
		cr_assert_not_null(file, "%s: %s", path, strerror(errno));
		fputs(files[1], file);
		fclose(file);
	}
}

static uint64_t room_of(const char *const *files)
{
	char root[] = "/tmp/shm-channel-test-XXXXXX", groups[600], command[700];
	struct tool tool;
	uint64_t room;

	cr_assert_not_null(mkdtemp(root));
	tree_make(root, files);
	snprintf(groups, sizeof(groups), "%s/groups", root);
	snprintf(command, sizeof(command), "rm -r '%s'", root);
	room = cgroup_room_at(groups, root);
	cr_assert_eq(tool_run(&tool, "sh", "-c", command), 0);
	tool_free(&tool);
	return room;
}

/* No swap is allowed in these groups, so what this machine has does not matter. */
Test(creation, knows_the_limits_of_all_control_groups_above, .timeout = 60)
{
	static const char *const outer[] = { "groups",
					     "0::/a/b\n",
					     "a/memory.max",
					     "1000000\n",
					     "a/memory.current",
					     "400000\n",
					     "a/memory.swap.max",
					     "0\n",
					     "a/memory.swap.current",
					     "0\n",
					     "a/memory.stat",
					     "anon 7\nfile 5000\ninactive_file 30\nactive_file 4\n",
					     "a/b/memory.max",
					     "max\n",
					     "a/b/memory.current",
					     "400000\n",
					     NULL };
	static const char *const inner[] = { "groups",
					     "1:name=systemd:/memory\n0::/a/b\n",
					     "a/memory.max",
					     "1000000\n",
					     "a/memory.current",
					     "400000\n",
					     "a/memory.swap.max",
					     "0\n",
					     "a/memory.swap.current",
					     "0\n",
					     "a/b/memory.max",
					     "500000\n",
					     "a/b/memory.current",
					     "700000\n",
					     "a/b/memory.swap.max",
					     "0\n",
					     "a/b/memory.swap.current",
					     "0\n",
					     NULL };
	static const char *const first[] = {
		"groups",
		"5:cpu:/\n4:hugetlb,memory:/x\n0::/\n",
		"memory/x/memory.limit_in_bytes",
		"8000\n",
		"memory/x/memory.usage_in_bytes",
		"3000\n",
		"memory/x/memory.memsw.limit_in_bytes",
		"8000\n",
		"memory/x/memory.memsw.usage_in_bytes",
		"3000\n",
		"memory/x/memory.stat",
		"cache 5\ntotal_inactive_file 100\ntotal_active_file 11\n",
		"memory/memory.limit_in_bytes",
		"9223372036854771712\n",
		"memory/memory.usage_in_bytes",
		"1\n",
		NULL
	};
	static const char *const container[] = { "groups",
						 "4:memory:/docker/0123\n",
						 "memory/memory.limit_in_bytes",
						 "5000\n",
						 "memory/memory.usage_in_bytes",
						 "3000\n",
						 "memory/memory.memsw.limit_in_bytes",
						 "5000\n",
						 "memory/memory.memsw.usage_in_bytes",
						 "3000\n",
						 NULL };
	static const char *const none[] = { "groups", "0::/\n", NULL };
	static const char *const unlimited[] = { "groups", "0::/a\n",	       "a/memory.max",
						 "max\n",  "a/memory.current", "17\n",
						 NULL };

	cr_expect_eq(room_of(outer), 600034);
	cr_expect_eq(room_of(inner), 0);
	cr_expect_eq(room_of(first), 5111);
	cr_expect_eq(room_of(container), 2000);
	cr_expect_eq(room_of(none), UINT64_MAX);
	cr_expect_eq(room_of(unlimited), UINT64_MAX);
}

/* Mounts such a tree in the place of the kernel's. */
static void limits_pretend(const char *current)
{
	const char *const files[] = { "memory.max",
				      "67108864\n",
				      "memory.current",
				      current,
				      "memory.swap.max",
				      "0\n",
				      "memory.swap.current",
				      "0\n",
				      NULL };

	own_memory("size=1g");
	if (mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) != 0) {
		test_note("no control groups to hide here (%s)", strerror(errno));
		test_skip("needs /sys/fs/cgroup");
	}
	tree_make("/sys/fs/cgroup", files);
}

static void expect_doctor(const char *line)
{
	struct tool tool = tool_start("shm-consume", "--doctor", NULL);
	char *output;

	tool_end(&tool);
	output = tool_output(&tool, NULL);
	cr_expect_not_null(strstr(output, line), "%s", output);
	free(output);
	tool_free(&tool);
}

static bool in_second_version(void)
{
	struct tool tool;
	int status = tool_run(&tool, "grep", "-q", "^0::", "/proc/self/cgroup");

	tool_free(&tool);
	return status == 0;
}

Test(creation, beyond_the_limit_of_a_control_group_is_an_error, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	if (!in_second_version()) {
		test_note("no control groups of version 2: limits are not tested");
		test_skip("needs control groups");
	}
	limits_pretend("1048576\n");
	channel_name(name);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "256M", "x"), 1);
	expect_errors_contain(&tool, "memory limit of this control group");
	expect_errors_contain(&tool, "66060288 are free");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-s", "64M"), 1);
	expect_errors_contain(&tool, "memory limit of this control group");
	tool_free(&tool);
	cr_expect(!object_exists(name));
	expect_doctor("ok    the memory limit of this control group leaves 63M\n");
	expect_done(tool_start("shm-produce", "-C", name, "-s", "32M", "x", NULL), "");
	expect_done(tool_start("shm-consume", "-C", name, NULL), "x\n");
}

/* A real control group: the kernel would kill the process. */
Test(creation, is_not_killed_for_its_memory, .timeout = 60)
{
	static const char script[] = "for root in /sys/fs/cgroup/memory /sys/fs/cgroup; do\n"
				     "  group=$root/shm-channel-test-$$\n"
				     "  mkdir \"$group\" 2>/dev/null || continue\n"
				     "  if echo 64M >\"$group/memory.max\" || echo 64M "
				     ">\"$group/memory.limit_in_bytes\"\n"
				     "  then\n"
				     "    echo 0 >\"$group/memory.swap.max\"; echo 64M "
				     ">\"$group/memory.memsw.limit_in_bytes\"\n"
				     "    sh -c 'echo $$ >\"$1/cgroup.procs\" && exec "
				     "\"$TOOLS/shm-produce\" -C \"$2\" \\\n"
				     "      -s 256M x' sh \"$group\" \"$1\" >&3 2>&4\n"
				     "    status=$?\n"
				     "    rmdir \"$group\"\n"
				     "    exit $status\n"
				     "  fi\n"
				     "  rmdir \"$group\"\n"
				     "done 3>&1 4>&2 2>/dev/null\n"
				     "exit 77\n";
	char name[NAME_SIZE];
	struct tool tool;
	int status;

	own_memory("size=1g");
	status = tool_run(&tool, "sh", "-c", script, "sh", channel_name(name));
	if (status == 77) {
		tool_free(&tool);
		test_note("no control group with a memory limit can be made here");
		test_skip("needs a memory control group");
	}
	cr_expect_eq(status, 1);
	expect_errors_contain(&tool, "memory limit of this control group");
	tool_free(&tool);
	cr_expect(!object_exists(name));
}
