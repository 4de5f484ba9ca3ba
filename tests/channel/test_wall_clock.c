/* The wall clock: no wait follows it, so that setting it neither shortens nor lengthens one. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* True if this system call waits by the wall clock, to a point in time. */
static bool waits_by_wall_clock(long number, const unsigned long arguments[3])
{
	enum { CLOCK_REALTIME_FLAG = 256 };

#ifdef SYS_futex
	if (number == SYS_futex)
		return (arguments[1] & CLOCK_REALTIME_FLAG) != 0;
#endif
#ifdef SYS_futex_time64
	if (number == SYS_futex_time64)
		return (arguments[1] & CLOCK_REALTIME_FLAG) != 0;
#endif
#ifdef SYS_clock_nanosleep
	if (number == SYS_clock_nanosleep)
		return arguments[0] == CLOCK_REALTIME && (arguments[1] & TIMER_ABSTIME) != 0;
#endif
	return false;
}

/* Looks many times in which system call a waiting process is. */
static void expect_monotonic(const struct tool *tool, const char *what)
{
	unsigned long arguments[3] = { 0 };
	int seen = 0;

	for (int look = 0; look < 200; look++) {
		long number = process_system_call(tool->pid, arguments);

		if (number == -2) {
			test_note("no /proc/PID/syscall here: by which clock the tools wait is "
				  "not tested");
			test_skip("needs to know where another process is");
		}
		seen += number >= 0;
		cr_assert(!waits_by_wall_clock(number, arguments),
			  "waiting for %s it follows the wall clock: system call %ld (%lx, %lx)",
			  what, number, arguments[0], arguments[1]);
		test_pause();
	}
	cr_expect_gt(seen, 0, "waiting for %s it was never seen asleep", what);
}

/*
 * This machine's clock is not set for a test. But a wait that a step of the wall clock could
 * shorten or lengthen has to name that clock to the kernel, and that can be seen.
 */
Test(wall_clock, no_wait_follows_the_wall_clock, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool first, second, consumer;
	char name[NAME_SIZE];
	int ends[2], lock;

	cr_log_info("the wall clock is not set back and forth here: it is everybody's");
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	channel_name(name);
	consumer = tool_start("shm-consume", "-C", name, "-s", "4K", "-w", "60", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	expect_monotonic(&consumer, "data");

	agent_expect(&holder, "ok", "attach producer %s", name);
	agent_expect(&holder, "ok", "lock consumer");
	first = tool_start("shm-consume", "-C", name, "-w", "60", NULL);
	WAIT_FOR(process_state(first.pid) == 'S');
	expect_monotonic(&first, "the consumers' lock");
	tool_kill(&first);
	tool_free(&first);
	tool_kill(&consumer);
	tool_free(&consumer);
	agent_expect(&holder, "ok", "unlock consumer");

	agent_expect(&holder, "ok", "sendn 4000");
	first = tool_start_fds(ends[0], -1, "shm-produce", "-C", name, "-w", "60", NULL);
	WAIT_FOR(object_look(name).producers == 2);
	expect_monotonic(&first, "input");
	cr_assert_eq(write(ends[1],
			   "a line that does not fit any more, as the ring is full, as "
			   "full as it can be with just one message in it\n",
			   106),
		     106);
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	expect_monotonic(&first, "room");
	second = tool_start("shm-produce", "-C", name, "-w", "60", "x", NULL);
	WAIT_FOR(object_look(name).waiting_turn != 0);
	expect_monotonic(&second, "the turn");
	tool_kill(&second);
	tool_free(&second);
	tool_kill(&first);
	tool_free(&first);

	agent_tell(&holder, "ack");
	first = tool_start("shm-produce", "-C", name, "-a", "-w", "60", "-i", "/dev/null", NULL);
	WAIT_FOR((object_look(name).waiting_ack & ~UINT64_C(1)) != 0);
	expect_monotonic(&first, "the acknowledgement");
	tool_kill(&first);
	tool_free(&first);

	lock = open(object_path(name), O_RDWR | O_CLOEXEC);
	cr_assert_geq(lock, 0);
	cr_assert_eq(flock(lock, LOCK_EX), 0);
	first = tool_start("shm-produce", "-C", name, "-w", "60", "x", NULL);
	WAIT_FOR(process_state(first.pid) == 'S');
	expect_monotonic(&first, "the file's lock");
	tool_kill(&first);
	tool_free(&first);
	close(lock);
	close(ends[0]);
	close(ends[1]);
	agent_kill(&holder);
	object_remove(name);
}
