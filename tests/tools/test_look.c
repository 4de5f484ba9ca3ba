/* --list, --status and --watch say what is there and leave the object's bytes as they are. */
#include "tests/support/agents.h"
#include "tests/support/support.h"
#include "tests/support/terminal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef WITH_JANSSON
#include <jansson.h>
#endif

static void send_lines(const char *name, const char *lines)
{
	int input = bytes_file(lines, strlen(lines));
	struct tool producer =
		tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4096", NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

/* Runs the tool and returns what it prints; to be freed. It must end well and print no error. */
static char *print(const char *name, const char *what, const char *also)
{
	struct tool tool;
	char *output, *errors;

	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, what, also), 0);
	output = tool_output(&tool, NULL);
	errors = tool_errors(&tool);
	cr_expect_str_empty(errors);
	free(errors);
	tool_free(&tool);
	return output;
}

/* Returns the line of --list about this channel, with one space between words. */
static const char *list_line(const char *name)
{
	static char line[512];
	char *output = print(name, "--list", NULL), *at = NULL;
	size_t used = 0;

	for (char *each = strtok(output, "\n"); each != NULL; each = strtok(NULL, "\n"))
		if (strncmp(each, name, strlen(name)) == 0 && each[strlen(name)] == ' ')
			at = each + strlen(name);
	cr_assert_not_null(at, "--list does not name %s", name);
	for (; *at != '\0' && used + 1 < sizeof(line); at++)
		if (*at != ' ' || (used > 0 && line[used - 1] != ' '))
			line[used++] = *at;
	line[used] = '\0';
	free(output);
	return line;
}

static bool list_has(const char *name, const char *part)
{
	return strstr(list_line(name), part) != NULL;
}

static void expect_status(const char *name, const char *part)
{
	char *output = print(name, "--status", NULL);

	cr_expect_not_null(strstr(output, part), "--status says \"%s\", without \"%s\"", output,
			   part);
	free(output);
}

static bool status_has(const char *name, const char *part)
{
	char *output = print(name, "--status", NULL);
	bool has = strstr(output, part) != NULL;

	free(output);
	return has;
}

/* ---- what they say ---- */

Test(look, says_that_there_are_no_channels, .timeout = 60)
{
	struct tool tool;

	/* No user has this uid, and so no channels either. */
	cr_expect_eq(tool_run(&tool, "shm-consume", "--list", "--owner", "4294967290"), 0);
	expect_errors_contain(&tool, "no channels");
	expect_output(&tool, "");
	tool_free(&tool);
#ifdef WITH_JANSSON
	cr_expect_eq(tool_run(&tool, "shm-consume", "--list", "--json", "--owner", "4294967290"),
		     0);
	expect_output(&tool, "[]\n");
	tool_free(&tool);
#endif
}

Test(look, lists_messages_bytes_and_processes, .timeout = 60)
{
	char left[NAME_SIZE], waiting[NAME_SIZE], both[NAME_SIZE];
	struct agent consumer = agent_start(), a = agent_start(), b = agent_start();

	send_lines(channel_name(left), "one\ntwo\nthree\n");
	agent_expect(&consumer, "ok", "attach consumer %s", channel_name(waiting));
	agent_expect(&a, "ok", "attach producer %s size=8192", channel_name(both));
	agent_expect(&b, "ok", "attach consumer %s", both);
	cr_expect(list_has(left, "3 11 "), "%s", list_line(left));
	cr_expect(list_has(left, "/4.0K 0 0 "), "%s", list_line(left));
	cr_expect(list_has(left, "abandoned"), "%s", list_line(left));
	cr_expect(list_has(waiting, "0 0 0/1.0M 0 1 "), "%s", list_line(waiting));
	cr_expect(list_has(waiting, "no producers"), "%s", list_line(waiting));
	cr_expect(list_has(both, "0 0 0/8.0K 1 1 "), "%s", list_line(both));
	cr_expect(list_has(both, "idle"), "%s", list_line(both));
	agent_expect(&a, "ok", "send hello");
	cr_expect(list_has(both, "1 5 32/8.0K 1 1 "), "%s", list_line(both));
	cr_expect(list_has(both, "flowing"), "%s", list_line(both));
	agent_quit(&a);
	cr_expect(list_has(both, "draining"), "%s", list_line(both));
	agent_quit(&b);
	agent_quit(&consumer);
	object_remove(left);
	object_remove(both);
}

Test(look, counts_what_each_group_and_consumer_has, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), a = agent_start(), b = agent_start();

	agent_expect(&producer, "ok", "attach producer %s size=4096 groups=late",
		     channel_name(name));
	agent_expect(&producer, "ok", "block 5 b");
	agent_expect(&producer, "ok", "send c");
	agent_expect(&a, "ok", "attach consumer %s group=first", name);
	agent_expect(&b, "ok", "attach consumer %s group=first", name);
	agent_expect_delivery(&a, "receive share", .sequence = 1, .text = "b;");
	agent_expect_delivery(&a, "receive", .sequence = 2, .messages = 4, .text = "b;b;b;b;");
	expect_status(name, "6 to be taken");
	expect_status(name, "\nfirst         5        4        0        0        0     2  open");
	expect_status(name, "\nlate          6        0        0        0        0     0  durable");
	expect_status(name, "its output, 4 in hand");
	agent_kill(&a);
	expect_status(name, "dead");
	WAIT_FOR(strcmp(agent_ask(&b, "look"), "ok") == 0 && object_look(name).consumers == 1);
	agent_expect_delivery(&b, "receive", .sequence = 2, .messages = 4, .attempts = 2,
			      .text = "b;b;b;b;");
	expect_status(name, "\nfirst         5        4        0        1        0     1  open");
	expect_status(name, "4 in hand (attempt 2)");
	expect_status(name, "from 1 death: 0 producers, 1 consumer");
	agent_kill(&b);
	WAIT_FOR(strcmp(agent_ask(&producer, "look"), "ok") == 0 &&
		 object_look(name).consumers == 0);
	expect_status(name, "\nfirst         5        0        4        1        0     0  left");
	agent_quit(&producer);
	object_remove(name);
}

Test(look, counts_what_was_dropped, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start();

	agent_expect(&producer, "ok", "attach producer %s size=4096 drop-new", channel_name(name));
	agent_expect(&producer, "ok", "sendn 4000");
	agent_expect(&producer, "dropped", "sendn 400");
	agent_expect(&producer, "dropped", "sendn 400");
	WAIT_FOR(status_has(name, "producer"));
	expect_status(name, "alive         1   3.9K        2 ");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_ask(&consumer, "receive");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&producer, "ok", "send x");
	agent_expect_delivery(&consumer, "receive", .sequence = 4, .text = "x");
	expect_status(name, "1        1        0        0        2     1  open");
	agent_kill(&consumer);
	agent_quit(&producer);
	object_remove(name);
}

/* What each process waits for is seen in the object; the processes are not asked. */
Test(look, says_what_each_endpoint_waits_for, .timeout = 60)
{
	char name[NAME_SIZE], pid[64];
	struct agent a = agent_start(), b = agent_start(), c = agent_start();

	agent_expect(&a, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&b, "ok", "attach producer %s", name);
	agent_expect(&c, "ok", "attach consumer %s", name);
	agent_tell(&c, "receive");
	WAIT_FOR(status_has(name, "messages\n"));
	agent_expect(&a, "ok", "send x");
	expect_delivery(agent_hear(&c), .sequence = 1, .text = "x");
	agent_expect(&a, "ok", "sendn 4000");
	agent_tell(&a, "sendn 400");
	WAIT_FOR(status_has(name, "room: the ring is full"));
	cr_expect(list_has(name, "full"), "%s", list_line(name));
	agent_tell(&b, "send y");
	snprintf(pid, sizeof(pid), "its turn, after %ld\n", (long)a.tool.pid);
	WAIT_FOR(status_has(name, pid));
	kill(a.tool.pid, SIGSTOP);
	snprintf(pid, sizeof(pid), "its turn, after %ld (stopped)\n", (long)a.tool.pid);
	WAIT_FOR(status_has(name, pid));
	expect_status(name, "stopped");
	kill(a.tool.pid, SIGCONT);
	agent_ask(&c, "receive");
	agent_expect(&c, "ok", "acknowledge");
	cr_expect_str_eq(agent_hear(&a), "ok");
	cr_expect_str_eq(agent_hear(&b), "ok");
	agent_tell(&a, "ack");
	WAIT_FOR(status_has(name, "acknowledgements\n"));
	agent_kill(&a);
	agent_kill(&b);
	agent_kill(&c);
	object_remove(name);
}

Test(look, shows_the_dead_as_dead_and_changes_nothing_about_it, .timeout = 60)
{
	char name[NAME_SIZE], line[64];
	struct agent producer = agent_start(), consumer = agent_start();
	long pid = (long)consumer.tool.pid;

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_kill(&consumer);
	snprintf(line, sizeof(line), "%ld  dead ", pid);
	expect_status(name, line);
	expect_status(name, line);
	cr_expect(list_has(name, " 1 0+1 "), "%s", list_line(name));
	cr_expect_eq(object_look(name).consumers, 1u);
	agent_quit(&producer);
	object_remove(name);
}

Test(look, says_that_there_is_no_such_channel, .timeout = 30)
{
	char name[NAME_SIZE];
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-consume", "--status", "-C", channel_name(name)), 1);
	expect_errors_contain(&tool, "shm-consume: there is no channel \"test-");
	expect_output(&tool, "");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

/* ---- they change nothing ---- */

static void expect_unchanged(const char *name, const char *what, const char *also)
{
	size_t size_before, size_after;
	unsigned char *before = object_contents(name, &size_before), *after;

	free(print(name, what, also));
	after = object_contents(name, &size_after);
	cr_expect_eq(size_before, size_after);
	cr_expect_eq(memcmp(before, after, size_after), 0, "%s has changed the object", what);
	free(before);
	free(after);
}

Test(look, changes_no_byte_whoever_holds_a_lock, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start(), dead = agent_start();

	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&dead, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	agent_expect_delivery(&dead, "receive", .sequence = 1, .text = "one");
	agent_kill(&dead);
	agent_expect(&producer, "ok", "flock");
	agent_expect(&producer, "ok", "lock producer");
	agent_expect(&consumer, "ok", "lock consumer");
	expect_unchanged(name, "--list", NULL);
	expect_unchanged(name, "--status", NULL);
#ifdef WITH_JANSSON
	expect_unchanged(name, "--status", "--json");
#endif
	agent_kill(&producer);
	agent_kill(&consumer);
	expect_unchanged(name, "--status", NULL);
	object_remove(name);
}

/* No channel is called damaged, or half there, because processes are at work on it. */
Test(look, tells_no_damage_while_others_are_at_full_speed, .timeout = 120)
{
	enum { LOOKS = 150 };
	char name[NAME_SIZE];
	struct tool endless, producer, consumer;
	int ends[2], null;

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	cr_assert_geq(null, 0);
	consumer = tool_start_fds(-1, null, "shm-consume", "-C", channel_name(name), "-f", NULL);
	close(null);
	WAIT_FOR(object_look(name).consumers == 1);
	producer = tool_start_fds(ends[0], -1, "shm-produce", "-C", name, NULL);
	endless = tool_start_fds(-1, ends[1], "yes", NULL);
	close(ends[0]);
	close(ends[1]);
	WAIT_FOR(object_look(name).tail > 0);
	for (int i = 0; i < LOOKS; i++) {
		const char *line = list_line(name);

		cr_expect_null(strstr(line, "damaged"), "%s", line);
		cr_expect_not_null(strstr(line, "/1.0M"), "%s", line);
		cr_expect_null(strstr(line, "-"), "%s", line);
	}
	tool_kill(&endless);
	cr_expect_eq(tool_end(&producer), 0);
	tool_kill(&consumer);
	tool_free(&endless);
	tool_free(&producer);
	tool_free(&consumer);
	object_remove(name);
}

/* ---- what is not a channel ---- */

static void expect_state(const char *name, const char *state)
{
	cr_expect(list_has(name, state), "%s: not \"%s\"", list_line(name), state);
	expect_status(name, state);
}

Test(look, names_what_is_not_a_channel, .timeout = 60)
{
	char name[NAME_SIZE];

	object_plant(channel_name(name), "", 0);
	expect_state(name, "no channel");
	object_remove(name);
	object_plant(channel_name(name), "", 0);
	cr_assert_eq(chmod(object_path(name), 01400), 0);
	expect_state(name, "removed");
	object_remove(name);
	object_plant(channel_name(name), "something else, of somebody",
		     strlen("something else, of somebody"));
	expect_state(name, "no channel");
	object_remove(name);
	cr_assert_eq(symlink("/etc/passwd", object_path(channel_name(name))), 0);
	expect_state(name, "no channel");
	object_remove(name);
	cr_assert_eq(mkfifo(object_path(channel_name(name)), 0600), 0);
	expect_state(name, "no channel");
	object_remove(name);
	if (geteuid() == 0) {
		object_plant(channel_name(name), "x", strlen("x"));
		cr_assert_eq(chown(object_path(name), 12345, (gid_t)-1), 0);
		expect_state(name, "not yours");
		object_remove(name);
	}
}

Test(look, names_another_layout_and_damage, .timeout = 60)
{
	const uint64_t nonsense = UINT64_C(0x1234567812345678);
	const uint32_t version = 77;
	char name[NAME_SIZE];

	send_lines(channel_name(name), "one\n");
	object_write(name, OFFSET(header.layout_version), &version, sizeof(version));
	expect_state(name, "other version");
	expect_status(name, "layout 77");
	object_remove(name);
	send_lines(channel_name(name), "one\n");
	object_write(name, OFFSET(producers.tail), &nonsense, sizeof(nonsense));
	expect_state(name, "damaged");
	expect_status(name, "--remove --force");
	object_remove(name);
	send_lines(channel_name(name), "one\n");
	object_write(name, OFFSET(consumers.groups[0].next), &nonsense, sizeof(nonsense));
	expect_state(name, "damaged");
	object_remove(name);
	send_lines(channel_name(name), "one\n");
	cr_assert_eq(truncate(object_path(name), 9000), 0);
	expect_state(name, "damaged");
	object_remove(name);
}

/*
 * The consumer was killed between its claim and `next`: the process that locks next repairs that,
 * and we need not wait for it.
 */
Test(look, takes_what_a_death_left_half_done_for_what_it_is, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start();
	struct cursor begin = { 0 };

	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "one");
	agent_kill(&consumer);
	object_write(name, OFFSET(consumers.groups[0].next[0]), &begin, sizeof(begin));
	object_write(name, OFFSET(consumers.groups[0].next[1]), &begin, sizeof(begin));
	expect_status(name, "2 to be taken (6 bytes);");
	expect_status(name, "2        1        0        0        0     0  left");
	agent_kill(&producer);
	object_remove(name);
}

/* A record's header, a group's name and a slot's hints are read, but not believed. */
Test(look, believes_nothing_that_is_written_there, .timeout = 60)
{
	const char nonsense[8] = "\033[31m\n\xff";
	const uint64_t all = UINT64_MAX;
	char name[NAME_SIZE], *output;
	long page = sysconf(_SC_PAGESIZE);
	size_t ring =
		(sizeof(struct shared_buffer) + (size_t)page - 1) / (size_t)page * (size_t)page;
	struct agent producer = agent_start();

	agent_expect(&producer, "ok", "attach producer %s size=4096 groups=abc",
		     channel_name(name));
	agent_expect(&producer, "ok", "send one");
	object_write(name, OFFSET(consumers.groups[0].names), nonsense, sizeof(nonsense));
	object_write(name, OFFSET(consumers.groups[1].names), nonsense, sizeof(nonsense));
	object_write(name, OFFSET(producers.side.slots[0].pid), &all, 4);
	object_write(name, OFFSET(producers.side.slots[0].since), &all, sizeof(all));
	object_write(name, OFFSET(producers.side.slots[0].messages), &all, sizeof(all));
	object_write(name, OFFSET(header.epoch), &all, sizeof(all));
	output = print(name, "--status", NULL);
	for (const char *c = output; *c != '\0'; c++)
		cr_assert(*c == '\n' || isprint((unsigned char)*c));
	cr_expect_not_null(strstr(output, "unknown"), "%s", output);
	free(output);
	object_write(name, ring, &all, sizeof(all)); /* the record's check and size */
	expect_state(name, "damaged");
	agent_kill(&producer);
	object_remove(name);
}

/* ---- JSON ---- */

#ifdef WITH_JANSSON

static json_t *read_json(const char *name, const char *what)
{
	char *output = print(name, what, "--json");
	json_error_t error;
	json_t *json = json_loads(output, 0, &error);

	cr_assert_not_null(json, "\"%s\": %s", output, error.text);
	free(output);
	return json;
}

static json_int_t number_at(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	cr_assert(json_is_integer(value), "no number \"%s\"", key);
	return json_integer_value(value);
}

static const char *text_at(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	cr_assert(json_is_string(value), "no text \"%s\"", key);
	return json_string_value(value);
}

static const json_t *endpoint_at(const json_t *status, pid_t pid)
{
	const json_t *endpoints = json_object_get(status, "endpoints");

	for (size_t i = 0; i < json_array_size(endpoints); i++)
		if (number_at(json_array_get(endpoints, i), "pid") == pid)
			return json_array_get(endpoints, i);
	cr_assert_fail("no endpoint of process %ld", (long)pid);
	return NULL;
}

Test(look, prints_the_status_as_json, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start(), dead = agent_start();
	pid_t pid = dead.tool.pid;
	const json_t *endpoint, *group;
	json_t *status;

	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s group=g", name);
	agent_expect(&dead, "ok", "attach consumer %s group=g", name);
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	agent_expect_delivery(&consumer, "receive share", .sequence = 1, .text = "one");
	agent_kill(&dead);
	status = read_json(name, "--status");
	cr_expect_str_eq(text_at(status, "name"), name);
	cr_expect_str_eq(text_at(status, "state"), "flowing");
	cr_expect_str_eq(text_at(status, "mode"), "0600");
	cr_expect_eq(number_at(status, "messages"), 2);
	cr_expect_eq(number_at(status, "bytes"), 6);
	cr_expect_eq(number_at(status, "size"), 4096);
	cr_expect_eq(number_at(status, "used"), 64);
	cr_expect_eq(number_at(status, "sent"), 2);
	cr_expect_eq(number_at(status, "producers"), 1);
	cr_expect_eq(number_at(status, "consumers"), 1);
	cr_expect_eq(number_at(status, "dead"), 1);
	endpoint = endpoint_at(status, producer.tool.pid);
	cr_expect_str_eq(text_at(endpoint, "role"), "producer");
	cr_expect_str_eq(text_at(endpoint, "life"), "alive");
	cr_expect_eq(number_at(endpoint, "messages"), 2);
	endpoint = endpoint_at(status, consumer.tool.pid);
	cr_expect_str_eq(text_at(endpoint, "group"), "g");
	cr_expect_eq(number_at(endpoint, "in_hand"), 1);
	cr_expect_str_eq(text_at(endpoint_at(status, pid), "life"), "dead");
	group = json_array_get(json_object_get(status, "groups"), 0);
	cr_expect_str_eq(text_at(group, "name"), "g");
	cr_expect_eq(number_at(group, "in_hand"), 1);
	cr_expect_eq(number_at(group, "dead"), 1);
	json_decref(status);
	agent_kill(&consumer);
	agent_quit(&producer);
	object_remove(name);
}

Test(look, prints_the_list_as_json_sorted_by_name, .timeout = 60)
{
	char a[NAME_SIZE], b[NAME_SIZE];
	const char *before = "";
	int found = 0;
	json_t *list;

	send_lines(channel_name(a), "one\n");
	object_plant(channel_name(b), "nonsense", strlen("nonsense"));
	list = read_json(a, "--list");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *channel = json_array_get(list, i);
		const char *name = text_at(channel, "name");

		cr_expect_lt(strcmp(before, name), 0);
		before = name;
		if (strcmp(name, a) == 0) {
			found++;
			cr_expect_eq(number_at(channel, "messages"), 1);
		} else if (strcmp(name, b) == 0) {
			found++;
			cr_expect_str_eq(text_at(channel, "state"), "no channel");
			cr_expect_eq(number_at(channel, "object_bytes"), 8);
		}
	}
	cr_expect_eq(found, 2);
	json_decref(list);
	object_remove(a);
	object_remove(b);
}

#else

Test(look, says_that_json_is_not_in_this_build, .timeout = 30)
{
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-consume", "--list", "--json"), 1);
	expect_errors_contain(&tool, "--json is not in this build");
	tool_free(&tool);
}

#endif

/* ---- on a terminal ---- */

/* Returns the width of the widest line, without escape sequences. */
static size_t widest(const char *text)
{
	size_t most = 0, width = 0;

	for (; *text != '\0'; text++) {
		if (*text == '\033') {
			while (*text != '\0' && !isalpha((unsigned char)*text))
				text++;
			continue;
		}
		width = *text == '\n' ? 0 : width + (isprint((unsigned char)*text) ? 1 : 0);
		if (width > most)
			most = width;
	}
	return most;
}

Test(look, fits_a_terminal_and_has_colours_there_only, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE], *output;
	struct agent consumer = agent_start();
	struct terminal terminal;

	agent_expect(&consumer, "ok", "attach consumer %s group=a-group-with-a-long-name",
		     channel_name(name));
	terminal = terminal_start(80, "shm-consume", "--list", NULL);
	cr_expect_eq(terminal_end(&terminal), 0);
	cr_expect(terminal_shows(&terminal, "\033[1mNAME\033[0m"));
	cr_expect_leq(widest(terminal.text), 80u, "%s", terminal.text);
	terminal_free(&terminal);
	terminal = terminal_start(80, "shm-consume", "--status", "-C", name, NULL);
	cr_expect_eq(terminal_end(&terminal), 0);
	cr_expect(terminal_shows(&terminal, "consumer"));
	cr_expect_leq(widest(terminal.text), 80u, "%s", terminal.text);
	terminal_free(&terminal);
	terminal = terminal_start(200, "shm-consume", "--list", NULL);
	cr_expect_eq(terminal_end(&terminal), 0);
	cr_expect(terminal_shows(&terminal, "GROUPS"));
	terminal_free(&terminal);
	setenv("NO_COLOR", "1", 1);
	terminal = terminal_start(80, "shm-consume", "--list", NULL);
	unsetenv("NO_COLOR");
	cr_expect_eq(terminal_end(&terminal), 0);
	cr_expect(!terminal_shows(&terminal, "\033"));
	terminal_free(&terminal);
	output = print(name, "--list", NULL);
	cr_expect_null(strchr(output, '\033'));
	free(output);
	agent_quit(&consumer);
}

#define SCREEN_BEGIN "\033[?1049h"
#define SCREEN_END   "\033[?25h\033[?1049l"

Test(look, gives_the_terminal_back_on_every_way_out, .timeout = 60)
{
	terminal_needed();
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct terminal terminal =
			terminal_start(80, "shm-consume", "--watch", "0.05", "--list", NULL);
		const char *end;

		WAIT_FOR(terminal_shows(&terminal, "\033[J"));
		cr_expect(terminal_shows(&terminal, SCREEN_BEGIN));
		kill(terminal.pid, signals[i]);
		cr_expect_eq(terminal_end(&terminal), 128 + signals[i]);
		cr_assert(terminal_shows(&terminal, SCREEN_END), "signal %d", signals[i]);
		end = strstr(terminal.text, SCREEN_END) + strlen(SCREEN_END);
		cr_expect_null(strstr(end, "\033[H"), "it went on after that");
		terminal_free(&terminal);
	}
}

Test(look, gives_the_terminal_back_while_it_is_stopped, .timeout = 60)
{
	terminal_needed();
	struct terminal terminal = terminal_start(80, "shm-consume", "--watch", "--status", NULL);
	const char *again;

	WAIT_FOR(terminal_shows(&terminal, "\033[J"));
	kill(terminal.pid, SIGTSTP);
	WAIT_FOR(terminal_shows(&terminal, SCREEN_END));
	kill(terminal.pid, SIGCONT);
	/* Its process group may be orphaned, as here, and then it does not stop. */
	WAIT_FOR((again = strstr(terminal.text, SCREEN_END)) != NULL &&
		 terminal_shows(&terminal, "") && strstr(again, SCREEN_BEGIN) != NULL);
	kill(terminal.pid, SIGINT);
	cr_expect_eq(terminal_end(&terminal), 128 + SIGINT);
	terminal_free(&terminal);
}

static int count_of(const struct tool *tool, const char *part)
{
	char *output = tool_output(tool, NULL);
	int count = 0;

	for (const char *at = output; (at = strstr(at, part)) != NULL; at++)
		count++;
	free(output);
	return count;
}

Test(look, prints_a_block_each_time_where_there_is_no_terminal, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	send_lines(channel_name(name), "one\n");
	tool = tool_start("shm-consume", "--watch=0.1", "--status", "-C", name, NULL);
	WAIT_FOR(count_of(&tool, "1 to be taken") >= 3);
	WAIT_FOR(count_of(&tool, "0/s in, 0/s out") >= 1);
	cr_expect_eq(count_of(&tool, "\033"), 0);
	object_remove(name);
	WAIT_FOR(count_of(&tool, "there is no channel") >= 1);
	kill(tool.pid, SIGINT);
	cr_expect_eq(tool_end(&tool), 128 + SIGINT);
	tool_free(&tool);
}

Test(look, ends_when_nobody_reads_what_it_watches, .timeout = 60)
{
	int ends[2];
	struct tool tool;
	char *errors;

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	tool = tool_start_fds(-1, ends[1], "shm-consume", "--watch", "3600", NULL);
	close(ends[1]);
	close(ends[0]);
	cr_expect_eq(tool_end(&tool), 128 + SIGPIPE);
	errors = tool_errors(&tool);
	cr_expect_str_empty(errors);
	free(errors);
	tool_free(&tool);
}

Test(look, fails_when_it_cannot_print, .timeout = 30)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	char name[NAME_SIZE];
	struct tool tool;

	cr_assert_geq(full, 0);
	send_lines(channel_name(name), "one\n");
	tool = tool_start_fds(-1, full, "shm-consume", "--status", "-C", name, NULL);
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "cannot write standard output: No space left");
	tool_free(&tool);
	close(full);
	object_remove(name);
}

/* ---- the command line ---- */

static void refuse(const char *part, const char *a, const char *b, const char *c)
{
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-consume", a, b, c), 2, "%s %s", a, b);
	expect_errors_contain(&tool, part);
	tool_free(&tool);
}

Test(look, refuses_what_does_not_go_together, .timeout = 60)
{
	refuse("--status does not go with --list", "--list", "--status", NULL);
	refuse("--peek does not go with --list", "--list", "--peek", NULL);
	refuse("--count does not go with --status", "--status", "-c", "1");
	refuse("--force goes with --remove", "--force", NULL, NULL);
	refuse("--watch does not go with --doctor", "--doctor", "--watch", NULL);
	refuse("bad interval \"x\"", "--watch=x", NULL, NULL);
	refuse("bad interval \"0\"", "--watch", "0", NULL);
	refuse("--json does not go with --remove", "--remove", "--json", NULL);
	refuse("--timeout does not go with --list", "--list", "-w", "1");
	refuse("unexpected operand \"x\" (try", "--list", "x", NULL);
	refuse("unexpected operand \"jobs\"; a channel: -C jobs (try", "--status", "jobs", NULL);
	refuse("unexpected operand \"/x\" (try", "--status", "/x", NULL);
	refuse("unexpected operand \"7\"; a channel: -C 7 (try", "--remove", "7", NULL);
	refuse("unexpected operand \"jobs\"; a channel: -C jobs (try", "--peek", "jobs", NULL);
	refuse("a channel: -C jobs; a command for each message: -- jobs (try", "jobs", NULL, NULL);
	refuse("to stop after a number of messages: -c 7 (try", "7", NULL, NULL);
	refuse("messages as JSON: --json-lines", "--json", NULL, NULL);
}
