/*
 * --progress and --stats: what is shown while messages move, where it is shown, and what is left of
 * it at the end.
 */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* ---- a terminal ---- */

struct terminal {
	int master;
	char path[64];
	char text[65536]; /* what the terminal was sent */
	size_t size;
};

static void terminal_open(struct terminal *terminal, unsigned short columns)
{
	const struct winsize window = { .ws_row = 24, .ws_col = columns };

	memset(terminal, 0, sizeof(*terminal));
	terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	cr_assert_geq(terminal->master, 0);
	cr_assert_eq(grantpt(terminal->master), 0);
	cr_assert_eq(unlockpt(terminal->master), 0);
	cr_assert_eq(ptsname_r(terminal->master, terminal->path, sizeof(terminal->path)), 0);
	cr_assert_eq(ioctl(terminal->master, TIOCSWINSZ, &window), 0);
}

/* Reads what has come. */
static const char *terminal_text(struct terminal *terminal)
{
	for (;;) {
		ssize_t got = read(terminal->master, terminal->text + terminal->size,
				   sizeof(terminal->text) - 1 - terminal->size);

		if (got <= 0)
			break;
		terminal->size += (size_t)got;
	}
	terminal->text[terminal->size] = '\0';
	return terminal->text;
}

static bool terminal_has(struct terminal *terminal, const char *part)
{
	return strstr(terminal_text(terminal), part) != NULL;
}

/* Starts the command line with its standard error on the terminal. */
static struct tool start_on(const struct terminal *terminal, int input, const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "cd \"$TOOLS\" && exec ./%s 2>%s", command, terminal->path);
	return tool_start_fds(input, -1, "/bin/sh", "-c", line, NULL);
}

/*
 * Plays what was sent on a screen of one row for each newline, and returns what is to be seen in
 * the end. Fails if anything goes beyond the columns.
 */
static char *screen(struct terminal *terminal, size_t columns)
{
	const char *at = terminal_text(terminal);
	char *lines = calloc(1, sizeof(terminal->text)), *line = lines;
	size_t column = 0;

	for (; *at != '\0'; at++) {
		if (*at == '\r') {
			column = 0;
		} else if (*at == '\n') {
			line += strlen(line);
			*line++ = '\n';
			column = 0;
		} else if (strncmp(at, "\033[K", 3) == 0) {
			line[column] = '\0';
			at += 2;
		} else {
			cr_assert_neq(*at, '\033', "an unknown sequence: %s", at);
			cr_assert_lt(column, columns, "longer than %zu columns: %s", columns, line);
			line[column++] = *at;
		}
	}
	return lines;
}

/* ---- the line ---- */

Test(progress, is_not_drawn_where_there_is_no_terminal_unless_it_must_be, .timeout = 60)
{
	char name[NAME_SIZE], *errors;
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "--progress", "abc"),
		     0);
	errors = tool_errors(&tool);
	cr_expect_str_empty(errors);
	free(errors);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--progress=always"), 0);
	expect_output(&tool, "abc\n");
	errors = tool_errors(&tool);
	cr_expect(strncmp(errors, "\r\033[K1 message  3 B  ", 20) == 0, "%s", errors);
	cr_expect_eq(errors[strlen(errors) - 1], '\n');
	free(errors);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "--progress=sometimes"), 2);
	expect_errors_contain(&tool, "\"sometimes\"");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-produce", "--progress", "--hold", "--", "true"), 2);
	expect_errors_contain(&tool, "--progress");
	tool_free(&tool);
}

Test(progress, is_drawn_on_a_terminal_and_counts_messages_in_blocks, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE], command[256], *shown;
	int input = bytes_file("one\ntwo\n\nfour", 13);
	struct terminal terminal;
	struct tool tool;

	terminal_open(&terminal, 80);
	snprintf(command, sizeof(command), "shm-produce -C %s --progress", channel_name(name));
	tool = start_on(&terminal, input, command);
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	shown = screen(&terminal, 80);
	cr_expect(strncmp(shown, "4 messages  10 B  ", 18) == 0, "%s", shown);
	cr_expect_not_null(strstr(shown, "100%  [==="), "%s", shown);
	cr_expect_not_null(strstr(shown, "  eta "), "%s", shown);
	cr_expect_not_null(strchr(shown, '\n'));
	free(shown);
	close(terminal.master);
	terminal_open(&terminal, 80);
	snprintf(command, sizeof(command), "shm-consume -C %s --progress", name);
	tool = start_on(&terminal, -1, command);
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "one\ntwo\n\nfour");
	tool_free(&tool);
	shown = screen(&terminal, 80);
	cr_expect(strncmp(shown, "4 messages  10 B  ", 18) == 0, "%s", shown);
	cr_expect_null(strchr(shown, '%'), "%s", shown);
	free(shown);
	close(terminal.master);
	close(input);
}

Test(progress, shows_how_much_of_a_file_is_done_while_it_waits, .timeout = 60)
{
	terminal_needed();
	enum { SIZE = 1 << 20 };
	char name[NAME_SIZE], command[256], *zeros = calloc(1, SIZE), *shown;
	int input = bytes_file(zeros, SIZE);
	struct terminal terminal;
	struct tool tool;

	terminal_open(&terminal, 100);
	snprintf(command, sizeof(command), "shm-produce -C %s -s 64K --progress -0",
		 channel_name(name));
	tool = start_on(&terminal, input, command);
	/* The ring is full and nothing is taken: the line is shown all the same. */
	WAIT_FOR(terminal_has(&terminal, "%  ["));
	cr_expect(!terminal_has(&terminal, "100%"));
	kill(tool.pid, SIGTERM);
	cr_expect_eq(tool_end(&tool), 128 + SIGTERM);
	shown = screen(&terminal, 100);
	cr_expect_eq(shown[strlen(shown) - 1], '\n', "the line is left open: %s", shown);
	free(shown);
	tool_free(&tool);
	close(terminal.master);
	close(input);
	free(zeros);
	object_remove(name);
}

static long times_slept(pid_t pid)
{
	char path[64], line[128];
	long times = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &times) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return times;
}

/*
 * The producer holds the turn meanwhile: others would have to wait for the process that stopped the
 * terminal.
 */
Test(progress, waits_for_room_and_not_for_a_stopped_terminal, .timeout = 60)
{
	terminal_needed();
	enum { SIZE = 1 << 20 };
	char name[NAME_SIZE], command[256], *zeros = calloc(1, SIZE);
	int input = bytes_file(zeros, SIZE), line;
	struct terminal terminal;
	struct tool tool;
	long slept;

	terminal_open(&terminal, 100);
	line = open(terminal.path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	snprintf(command, sizeof(command), "shm-produce -C %s -s 64K --progress -0",
		 channel_name(name));
	tool = start_on(&terminal, input, command);
	WAIT_FOR(terminal_has(&terminal, "%  ["));
	cr_assert_eq(tcflow(line, TCOOFF), 0);
	/* Once a second the tool looks after the channel, and would draw. */
	slept = times_slept(tool.pid);
	WAIT_FOR(times_slept(tool.pid) >= slept + 3);
	cr_assert_eq(tcflow(line, TCOON), 0);
	kill(tool.pid, SIGTERM);
	cr_expect_eq(tool_end(&tool), 128 + SIGTERM);
	tool_free(&tool);
	close(line);
	close(terminal.master);
	close(input);
	free(zeros);
	object_remove(name);
}

/* The file of -i is already closed when the last line is drawn. */
Test(progress, shows_how_much_of_a_message_from_a_file_is_done, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE], command[256], path[] = "/tmp/shm-channel-test-XXXXXX";
	int fd = mkstemp(path);
	struct terminal terminal;
	struct tool tool;

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "12345", 5), 5);
	close(fd);
	terminal_open(&terminal, 100);
	snprintf(command, sizeof(command), "shm-produce -C %s --progress -i %s", channel_name(name),
		 path);
	tool = start_on(&terminal, -1, command);
	cr_expect_eq(tool_end(&tool), 0);
	cr_expect(terminal_has(&terminal, "100%  ["), "%s", terminal_text(&terminal));
	tool_free(&tool);
	close(terminal.master);
	unlink(path);
	object_remove(name);
}

Test(progress, keeps_to_the_columns_of_the_terminal, .timeout = 120)
{
	terminal_needed();
	static const unsigned short columns[] = { 1, 20, 40, 60, 80, 200, 500 };

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		int input = bytes_file("one\ntwo\n", 8);
		char name[NAME_SIZE], command[256], *shown;
		struct terminal terminal;
		struct tool tool;

		terminal_open(&terminal, columns[i]);
		snprintf(command, sizeof(command), "shm-produce -C %s --progress",
			 channel_name(name));
		tool = start_on(&terminal, input, command);
		cr_expect_eq(tool_end(&tool), 0);
		tool_free(&tool);
		shown = screen(&terminal, columns[i] - 1U);
		cr_expect_eq(strstr(shown, "[=") != NULL, columns[i] >= 80, "%d: %s", columns[i],
			     shown);
		free(shown);
		close(terminal.master);
		close(input);
		object_remove(name);
	}
}

/* An error, or a note, has a line of its own. */
Test(progress, gives_way_to_what_else_is_printed, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE], command[256], *shown;
	struct terminal terminal;
	struct tool tool;
	int input[2];

	cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
	terminal_open(&terminal, 80);
	snprintf(command, sizeof(command), "shm-produce -v -C %s --progress --framing netstring",
		 channel_name(name));
	tool = start_on(&terminal, input[0], command);
	cr_assert_eq(write(input[1], "1:a,", 4), 4);
	WAIT_FOR(terminal_has(&terminal, "1 message  ")); /* drawn because nothing comes */
	cr_assert_eq(write(input[1], "1:b!", 4), 4);
	cr_expect_eq(tool_end(&tool), 1);
	shown = screen(&terminal, 200);
	cr_expect_not_null(strstr(shown, "\nshm-produce: cannot read standard input: "), "%s",
			   shown);
	cr_expect_not_null(strstr(shown, "\n1 message  1 B  "), "%s", shown);
	cr_expect_eq(shown[strlen(shown) - 1], '\n');
	free(shown);
	tool_free(&tool);
	close(terminal.master);
	close(input[0]);
	close(input[1]);
	object_remove(name);
}

Test(progress, is_shown_by_a_consumer_that_waits_and_by_one_that_runs_commands, .timeout = 60)
{
	terminal_needed();
	static const char *const commands[] = { "", "--tap --from oldest", "-j 2 -- cat" };

	for (int i = 0; i < 3; i++) {
		struct agent producer = agent_start();
		char name[NAME_SIZE], command[256], *shown;
		struct terminal terminal;
		struct tool tool;

		terminal_open(&terminal, 80);
		agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
		snprintf(command, sizeof(command), "shm-consume -C %s --progress %s", name,
			 commands[i]);
		tool = start_on(&terminal, -1, command);
		WAIT_FOR(terminal_has(&terminal, "0 messages  0 B"));
		agent_expect(&producer, "ok", "send abcd");
		agent_expect(&producer, "ok", "send efgh");
		WAIT_FOR(terminal_has(&terminal, "2 messages  8 B"));
		agent_quit(&producer);
		cr_expect_eq(tool_end(&tool), 0);
		shown = screen(&terminal, 80);
		cr_expect(strncmp(shown, "2 messages  8 B", 15) == 0, "%s", shown);
		free(shown);
		tool_free(&tool);
		close(terminal.master);
		object_remove(name);
	}
}

/* A message longer than the ring counts when it is complete; its bytes count as they go. */
Test(progress, counts_the_bytes_of_a_long_message_as_they_go, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE], command[256], *zeros = calloc(1, 65536);
	struct terminal terminal;
	struct tool producer, consumer;
	int input[2];

	cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
	terminal_open(&terminal, 80);
	consumer =
		tool_start("shm-consume", "-s", "4096", "-C", channel_name(name), "--stats", NULL);
	snprintf(command, sizeof(command), "shm-produce -s 4096 -C %s --progress -D ''", name);
	producer = start_on(&terminal, input[0], command);
	cr_assert_eq(write(input[1], zeros, 65536), 65536);
	WAIT_FOR(terminal_has(&terminal, "0 messages  63."));
	close(input[1]);
	cr_expect_eq(tool_end(&producer), 0);
	cr_expect(terminal_has(&terminal, "1 message  64.0 KiB"));
	cr_expect_eq(tool_end(&consumer), 0);
	expect_errors_contain(&consumer, "1 message, 65536 bytes in ");
	tool_free(&producer);
	tool_free(&consumer);
	close(terminal.master);
	close(input[0]);
	free(zeros);
}

/* Lines that are longer than a block are sent in another way than shorter ones. */
Test(progress, counts_no_delimiters_whatever_way_lines_go, .timeout = 60)
{
	enum { LINE = 20000 };
	char name[NAME_SIZE], *lines = malloc(2 * LINE + 8);
	struct tool tool;
	int input;

	memset(lines, 'x', 2 * LINE + 8);
	lines[2] = lines[4] = '\n'; /* "xx", "x" */
	lines[5 + LINE] = lines[6 + 2 * LINE] = '\n';
	input = bytes_file(lines, 7 + 2 * LINE);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), "-s", "64K",
			      "--stats", NULL);
	cr_expect_eq(tool_end(&tool), 0);
	expect_errors_contain(&tool, "4 messages, 40003 bytes in ");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--stats"), 0);
	expect_errors_contain(&tool, "4 messages, 40003 bytes in ");
	tool_free(&tool);
	close(input);
	free(lines);
}

/* If messages are printed on the same terminal, they themselves are to be seen. */
Test(progress, does_not_run_into_messages_on_the_terminal, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE], command[256], *shown;
	struct terminal terminal;
	struct tool tool;

	terminal_open(&terminal, 80);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "a", "b"), 0);
	tool_free(&tool);
	snprintf(command, sizeof(command), "shm-consume -C %s --progress >%s", name, terminal.path);
	tool = start_on(&terminal, -1, command);
	cr_expect_eq(tool_end(&tool), 0);
	shown = screen(&terminal, 80);
	cr_expect_str_eq(shown, "a\nb\n");
	free(shown);
	tool_free(&tool);
	close(terminal.master);
}

Test(progress, does_not_run_into_what_a_command_prints_on_the_terminal, .timeout = 60)
{
	terminal_needed();
	static const char *const how[] = { "--progress", "--progress=always" };

	for (int i = 0; i < 2; i++) {
		char name[NAME_SIZE], command[256], *shown;
		struct terminal terminal;
		struct tool tool;

		terminal_open(&terminal, 80);
		cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "a", "b"), 0);
		tool_free(&tool);
		snprintf(command, sizeof(command), "shm-consume -C %s %s >%s -- cat", name, how[i],
			 terminal.path);
		tool = start_on(&terminal, -1, command);
		cr_expect_eq(tool_end(&tool), 0);
		shown = screen(&terminal, 80);
		if (i == 0)
			cr_expect_str_eq(shown, "ab");
		else
			cr_expect_not_null(strstr(shown, "2 messages"), "%s", shown);
		free(shown);
		tool_free(&tool);
		close(terminal.master);
	}
}

/* With -c the consumer knows how many there will be. */
Test(progress, knows_the_part_of_a_count, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE], command[256];
	struct terminal terminal;
	struct tool tool;

	terminal_open(&terminal, 80);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "a", "b", "c"), 0);
	tool_free(&tool);
	snprintf(command, sizeof(command), "shm-consume -e -C %s --progress -c 4", name);
	tool = start_on(&terminal, -1, command);
	cr_expect_eq(tool_end(&tool), 3);
	cr_expect(terminal_has(&terminal, " 75%  ["), "%s", terminal_text(&terminal));
	tool_free(&tool);
	close(terminal.master);
}

/* ---- the sum ---- */

#ifdef WITH_JANSSON
#define json_needed()
#else
#define json_needed() test_skip("built without jansson")
#endif

/* Returns the number after "name": in an object. */
static double json_number(const char *object, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(object, key);
	cr_assert_not_null(at, "no \"%s\" in %s", name, object);
	return strtod(at + strlen(key), NULL);
}

Test(progress, sums_up_as_text_and_as_json, .timeout = 60)
{
	char name[NAME_SIZE], *errors;
	struct tool tool;

	json_needed();
	cr_expect_eq(
		tool_run(&tool, "shm-produce", "-C", channel_name(name), "--stats", "one", "three"),
		0);
	expect_errors_contain(&tool, "shm-produce: 2 messages, 8 bytes in ");
	expect_errors_contain(&tool, "dropped 0\n");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek", "-q", "--stats"), 0);
	expect_errors_contain(&tool, "shm-consume: 2 messages, 8 bytes in ");
	expect_errors_contain(&tool, "redelivered 0, lost 0\n");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--stats", "--json", "--", "cat"),
		     0);
	errors = tool_errors(&tool);
	cr_expect_eq(json_number(errors, "messages"), 2);
	cr_expect_eq(json_number(errors, "bytes"), 8);
	cr_expect_eq(json_number(errors, "status"), 0);
	cr_expect_eq(json_number(errors, "lost"), 0);
	cr_expect_gt(json_number(errors, "seconds"), 0);
	cr_expect_gt(json_number(errors, "messages_per_second"), 0);
	cr_expect_gt(json_number(errors, "bytes_per_second"), 0);
	cr_expect(errors[0] == '{' && strchr(errors, '\n')[1] == '\0', "%s", errors);
	free(errors);
	tool_free(&tool);
}

Test(progress, sums_up_also_what_was_interrupted_or_failed, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE], *errors;
	struct tool tool;
	size_t size = 0;

	json_needed();
	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&producer, "ok", "send one");
	tool = tool_start("shm-consume", "-C", name, "--stats", "--json", NULL);
	while (size < 4) {
		free(tool_output(&tool, &size));
		test_pause();
	}
	kill(tool.pid, SIGINT);
	cr_expect_eq(tool_end(&tool), 128 + SIGINT);
	errors = tool_errors(&tool);
	cr_expect_eq(json_number(errors, "status"), 128 + SIGINT);
	cr_expect_eq(json_number(errors, "messages"), 1);
	free(errors);
	tool_free(&tool);
	agent_quit(&producer);
	tool = tool_start("shm-produce", "-C", name, "--stats", "-i", "/proc/self/mem", NULL);
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "shm-produce: 0 messages, 0 bytes in ");
	tool_free(&tool);
	object_remove(name);
}

Test(progress, sums_up_what_was_dropped, .timeout = 60)
{
	char name[NAME_SIZE], *errors, *body = calloc(1, 3001);
	struct tool tool;

	json_needed();
	memset(body, 'x', 3000);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-q", "-s", "4096", "-C", channel_name(name),
			      "--when-full", "drop-new", "--stats", "--json", body, body, "end"),
		     0);
	errors = tool_errors(&tool);
	cr_expect_eq(json_number(errors, "messages"), 2);
	cr_expect_eq(json_number(errors, "bytes"), 3003);
	cr_expect_eq(json_number(errors, "dropped"), 1);
	free(errors);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-q", "-C", name, "--stats", "--json"), 0);
	errors = tool_errors(&tool);
	cr_expect_eq(json_number(errors, "messages"), 2);
	cr_expect_eq(json_number(errors, "dropped"), 1);
	free(errors);
	tool_free(&tool);
	free(body);
}
