/* --trace: what happened, from both processes, in one file that Perfetto reads. */
#include "tests/support/agents.h"
#include "tests/support/folder.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef WITH_JANSSON

#include <jansson.h>

/* ---- the file ---- */

/* Returns the contents of a file; to be freed. */
static char *text_of(const char *path)
{
	FILE *file = fopen(path, "re");
	struct stat status;
	char *text;

	cr_assert_not_null(file, "no %s", path);
	cr_assert_eq(fstat(fileno(file), &status), 0);
	text = calloc(1, (size_t)status.st_size + 2);
	cr_assert_not_null(text);
	cr_assert_eq(fread(text, 1, (size_t)status.st_size, file), (size_t)status.st_size);
	fclose(file);
	return text;
}

static bool text_contains(const char *path, const char *part)
{
	char *text = access(path, R_OK) == 0 ? text_of(path) : NULL;
	bool found = text != NULL && strstr(text, part) != NULL;

	free(text);
	return found;
}

/*
 * Returns the events of a trace: whole lines, each ending with a comma, of which the last becomes
 * the "]" that may be missing. json_decref() it.
 */
static json_t *events_of(const char *path)
{
	char *text = text_of(path);
	size_t size = strlen(text);
	json_error_t error;
	json_t *events;

	cr_assert_eq(strncmp(text, "[\n{", 3), 0);
	cr_assert_eq(strcmp(text + size - 2, ",\n"), 0);
	text[size - 2] = ']';
	events = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(events, "line %d: %s", error.line, error.text);
	free(text);
	return events;
}

static const char *string_of(const json_t *event, const char *key)
{
	const char *value = json_string_value(json_object_get(event, key));

	return value != NULL ? value : "";
}

static json_int_t number_of(const json_t *event, const char *key)
{
	return json_integer_value(json_object_get(event, key));
}

static json_int_t argument_of(const json_t *event, const char *key)
{
	return number_of(json_object_get(event, "args"), key);
}

/*
 * Returns the event of this name and phase, the `skip`th after the first, or NULL if there is none.
 * pid 0: of any process.
 */
static const json_t *event_find(const json_t *events, json_int_t pid, const char *name,
				const char *phase, int skip)
{
	size_t index;
	json_t *event;

	json_array_foreach(events, index, event)
	{
		if (strcmp(string_of(event, "name"), name) == 0 &&
		    strcmp(string_of(event, "ph"), phase) == 0 &&
		    (pid == 0 || number_of(event, "pid") == pid) && skip-- == 0)
			return event;
	}
	return NULL;
}

static double time_of(const json_t *event)
{
	return json_number_value(json_object_get(event, "ts"));
}

/* ---- what is true of every trace ---- */

enum { LANES_MAX = 64, DEPTH_MAX = 16 };

/* The spans that are open in one thread. */
struct lane {
	json_int_t tid;
	double last;
	int depth;
	const char *open[DEPTH_MAX];
};

static struct lane *lane_of(struct lane lanes[LANES_MAX], json_int_t tid)
{
	int i = 0;

	while (lanes[i].tid != 0 && lanes[i].tid != tid)
		cr_assert_lt(++i, LANES_MAX);
	lanes[i].tid = tid;
	return &lanes[i];
}

static void check_event(struct lane *lane, const json_t *event)
{
	const char *name = string_of(event, "name"), *phase = string_of(event, "ph");

	cr_expect_geq(time_of(event), lane->last, "%s goes back in time", name);
	lane->last = time_of(event);
	if (*phase == 'B') {
		cr_assert_lt(lane->depth, DEPTH_MAX);
		lane->open[lane->depth++] = name;
	} else if (*phase == 'E') {
		cr_assert_gt(lane->depth, 0, "%s ends, and has not begun", name);
		cr_expect_str_eq(lane->open[--lane->depth], name);
	} else if (*phase == 'f') { /* an arrow's head belongs to a wait */
		cr_assert_gt(lane->depth, 0);
		cr_expect_eq(strncmp(lane->open[lane->depth - 1], "wait for ", 9), 0);
	} else {
		cr_expect_not_null(strchr("iXs", *phase), "phase %s", phase);
	}
}

/*
 * Expects that times do not decrease in a thread, that spans nest, and that all that began has
 * ended.
 */
static void expect_lanes(const json_t *events, bool all_ended)
{
	struct lane lanes[LANES_MAX] = { { 0 } };
	size_t index;
	json_t *event;

	json_array_foreach(events, index, event)
	{
		cr_assert_gt(number_of(event, "pid"), 0);
		cr_assert_gt(number_of(event, "tid"), 0);
		if (strcmp(string_of(event, "ph"), "M") != 0)
			check_event(lane_of(lanes, number_of(event, "tid")), event);
	}
	for (int i = 0; all_ended && i < LANES_MAX; i++)
		cr_expect_eq(lanes[i].depth, 0);
}

/* Expects that every arrow that ends has begun before, in another process. */
static int count_arrows(const json_t *events, json_int_t from, json_int_t to)
{
	size_t index, other;
	json_t *end, *begin = NULL;
	int count = 0;

	json_array_foreach(events, index, end)
	{
		if (strcmp(string_of(end, "ph"), "f") != 0 || number_of(end, "pid") != to)
			continue;
		json_array_foreach(events, other, begin)
		{
			if (strcmp(string_of(begin, "ph"), "s") == 0 &&
			    strcmp(string_of(begin, "id"), string_of(end, "id")) == 0)
				break;
		}
		cr_assert_lt(other, json_array_size(events), "an arrow from nowhere");
		cr_expect_leq(time_of(begin), time_of(end));
		count += number_of(begin, "pid") == from;
	}
	return count;
}

/* True if the tools have the option. If not, prints why. */
static void trace_needed(void)
{
	struct tool tool;
	char *errors;
	bool there;

	tool_run(&tool, "shm-produce", "--trace", "/dev/null/x", "x");
	errors = tool_errors(&tool);
	there = strstr(errors, "not in this build") == NULL;
	free(errors);
	tool_free(&tool);
	if (!there)
		test_skip("the tools were built without libjansson");
}

/* ---- the tests ---- */

Test(trace, shows_both_processes_and_every_step_of_the_handshake, .timeout = 60)
{
	char name[NAME_SIZE], process[64];
	struct tool consumer, producer;
	const char *file;
	json_t *events;
	json_int_t produce, consume;

	trace_needed();
	folder_make();
	file = folder_file("trace.json");
	consumer = tool_start("shm-consume", "-C", channel_name(name), "--spin", "off", "--trace",
			      file, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	WAIT_FOR(text_contains(file, "wait for data")); /* it has looked again, and sleeps */
	producer = tool_start("shm-produce", "-C", name, "--spin", "off", "-a", "--trace", file,
			      "one", "three", "seven", NULL);
	produce = producer.pid;
	consume = consumer.pid;
	cr_expect_eq(tool_end(&producer), 0);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "one\nthree\nseven\n");

	events = events_of(file);
	expect_lanes(events, true);
	snprintf(process, sizeof(process), "shm-produce %d", (int)produce);
	cr_expect_str_eq(
		string_of(json_object_get(event_find(events, produce, "process_name", "M", 0),
					  "args"),
			  "name"),
		process);
	cr_expect_not_null(event_find(events, consume, "thread_name", "M", 0));
	for (int i = 0; i < 2; i++) {
		json_int_t pid = i == 0 ? produce : consume;

		cr_expect_not_null(event_find(events, pid, "attach", "B", 0));
		cr_expect_not_null(event_find(events, pid, "hold producers' lock", "B", 0));
		cr_expect_not_null(event_find(events, pid, "hold consumers' lock", "B", 0));
		cr_expect_not_null(event_find(events, pid, "detach", "E", 0));
	}
	cr_expect_not_null(event_find(events, consume, "wait for data", "B", 0));
	cr_expect_not_null(event_find(events, produce, "wake consumer 0", "X", 0));
	cr_expect_geq(count_arrows(events, produce, consume), 1);
	for (int i = 0; i < 3; i++) {
		const json_t *commit = event_find(events, produce, "commit", "i", i);
		const json_t *acknowledge = event_find(events, consume, "acknowledge", "i", i);

		cr_assert_not_null(commit);
		cr_assert_not_null(acknowledge);
		cr_expect_eq(argument_of(commit, "sequence"), i + 1);
		cr_expect_eq(argument_of(commit, "messages"), 1);
		cr_expect_eq(argument_of(commit, "bytes"), i == 0 ? 3 : 5);
		cr_expect_eq(argument_of(commit, "position"), 32 * (i + 1));
		cr_expect_eq(argument_of(acknowledge, "sequence"), i + 1);
		cr_expect_eq(argument_of(acknowledge, "position"), 32 * (i + 1));
		cr_expect_lt(time_of(commit), time_of(acknowledge));
	}
	cr_expect_null(event_find(events, 0, "commit", "i", 3));
	cr_expect_null(event_find(events, 0, "acknowledge", "i", 3));
	cr_expect_eq(argument_of(event_find(events, consume, "claim", "i", 0), "sequence"), 1);
	json_decref(events);
	tool_free(&producer);
	tool_free(&consumer);
	folder_remove();
	cr_assert(!object_exists(name));
}

Test(trace, shows_the_wait_for_room_and_the_consumer_that_makes_it, .timeout = 60)
{
	char name[NAME_SIZE], line[2048];
	struct tool consumer, producer;
	const char *file;
	json_t *events;
	json_int_t produce, consume;

	trace_needed();
	folder_make();
	file = folder_file("trace.json");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	producer = tool_start("shm-produce", "-C", channel_name(name), "-s", "4096", "--spin",
			      "off", "--trace", file, line, line, line, NULL);
	WAIT_FOR(text_contains(file, "wait for room"));
	consumer = tool_start("shm-consume", "-C", name, "--trace", file, NULL);
	produce = producer.pid;
	consume = consumer.pid;
	cr_expect_eq(tool_end(&producer), 0);
	cr_expect_eq(tool_end(&consumer), 0);
	events = events_of(file);
	expect_lanes(events, true);
	cr_expect_not_null(event_find(events, consume, "wake producer 0", "X", 0));
	cr_expect_geq(count_arrows(events, consume, produce), 1);
	json_decref(events);
	tool_free(&producer);
	tool_free(&consumer);
	folder_remove();
}

Test(trace, shows_the_repair_after_a_death_with_a_lock, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent dying = agent_start();
	struct tool consumer;
	const char *file;
	json_t *events;

	trace_needed();
	folder_make();
	file = folder_file("trace.json");
	agent_expect(&dying, "ok", "attach consumer %s", channel_name(name));
	agent_expect(&dying, "ok", "lock consumer");
	consumer = tool_start("shm-consume", "-C", name, "-e", "--trace", file, NULL);
	WAIT_FOR(text_contains(file, "wait for consumers' lock"));
	agent_kill(&dying);
	cr_expect_eq(tool_end(&consumer), 0);
	tool_free(&consumer);
	/* The newcomer may have come while the kernel still had the dead process's other mutex. */
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e", "--trace", file), 0);
	events = events_of(file);
	expect_lanes(events, true);
	cr_expect_not_null(event_find(events, 0, "repair (consumers' lock)", "B", 0));
	cr_expect_not_null(event_find(events, 0, "repair after dead consumer 0", "i", 0));
	json_decref(events);
	tool_free(&consumer);
	folder_remove();
	object_remove(name);
}

Test(trace, tells_what_was_given_back_and_adopted, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent other = agent_start();
	struct tool tool;
	const char *file;
	json_t *events;

	trace_needed();
	folder_make();
	file = folder_file("trace.json");
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "x"), 0);
	tool_free(&tool);
	agent_expect(&other, "ok", "attach consumer %s", name);
	agent_expect_delivery(&other, "receive 1", .sequence = 1, .text = "x");
	agent_kill(&other);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--retries", "0", "--trace", file,
			      "--", "false"),
		     123);
	tool_free(&tool);
	events = events_of(file);
	expect_lanes(events, true);
	cr_expect_eq(argument_of(event_find(events, 0, "adopt", "i", 0), "sequence"), 1);
	cr_expect_eq(argument_of(event_find(events, 0, "give back", "i", 0), "sequence"), 1);
	json_decref(events);
	folder_remove();
	object_remove(name);
}

Test(trace, keeps_what_a_killed_process_had_written_before_it_slept, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool consumer, producer;
	const char *file;
	json_int_t killed;
	json_t *events;

	trace_needed();
	folder_make();
	file = folder_file("trace.json");
	consumer = tool_start("shm-consume", "-C", channel_name(name), "--trace", file, NULL);
	WAIT_FOR(text_contains(file, "\"wait for data\""));
	killed = consumer.pid;
	tool_kill(&consumer);
	cr_expect_eq(tool_run(&producer, "shm-produce", "-C", name, "--trace", file, "x"), 0);
	events = events_of(file);
	expect_lanes(events, false);
	/* At once, not up to a second later, when it looks around. */
	cr_expect_null(event_find(events, killed, "wait for data", "E", 0));
	cr_expect_not_null(event_find(events, killed, "attach", "E", 0));
	cr_expect_not_null(event_find(events, killed, "wait for data", "B", 0));
	cr_expect_null(event_find(events, killed, "detach", "B", 0));
	cr_expect_not_null(event_find(events, 0, "commit", "i", 0));
	json_decref(events);
	tool_free(&consumer);
	tool_free(&producer);
	folder_remove();
	object_remove(name);
}

Test(trace, is_one_valid_file_when_many_begin_it_at_once, .timeout = 120)
{
	enum { TOOLS = 12, ROUNDS = 5 };
	char name[NAME_SIZE];
	const char *file;

	trace_needed();
	folder_make();
	file = folder_file("trace.json");
	channel_name(name);
	for (int round = 0; round < ROUNDS; round++) {
		struct tool tools[TOOLS];
		json_t *events;

		for (int i = 0; i < TOOLS; i++)
			tools[i] =
				tool_start("shm-produce", "-C", name, "--trace", file, "x", NULL);
		for (int i = 0; i < TOOLS; i++) {
			cr_expect_eq(tool_end(&tools[i]), 0);
			tool_free(&tools[i]);
		}
		events = events_of(file);
		expect_lanes(events, true);
		cr_expect_not_null(event_find(events, 0, "commit", "i", TOOLS - 1));
		cr_expect_null(event_find(events, 0, "commit", "i", TOOLS));
		json_decref(events);
		unlink(file);
	}
	folder_remove();
	object_remove(name);
}

/* True if the tool itself sleeps and has this file open. */
static bool sleeps_with(const struct tool *tool, const char *file)
{
	char path[64], text[4096];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)tool->pid);
	status = fopen(path, "re");
	if (status == NULL || fgets(text, sizeof(text), status) == NULL)
		text[0] = '\0';
	if (status != NULL)
		fclose(status);
	if (strstr(text, "(shm-produce) S") == NULL)
		return false;
	for (int fd = 0; fd < 32; fd++) {
		ssize_t size;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)tool->pid, fd);
		size = readlink(path, text, sizeof(text) - 1);
		text[size > 0 ? size : 0] = '\0';
		if (strcmp(text, file) == 0)
			return true;
	}
	return false;
}

Test(trace, is_begun_by_one_while_the_others_wait, .timeout = 60)
{
	char name[NAME_SIZE];
	const char *file;
	struct tool tool;
	json_t *events;
	int fd;

	trace_needed();
	folder_make();
	file = folder_file("trace.json");
	fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(flock(fd, LOCK_EX), 0); /* we are the first writer, and not done yet */
	tool = tool_start("shm-produce", "-C", channel_name(name), "--trace", file, "x", NULL);
	WAIT_FOR(tool_ended(&tool) || sleeps_with(&tool, file));
	cr_expect_eq(write(fd, "[\n", 2), 2);
	cr_assert_eq(flock(fd, LOCK_UN), 0);
	cr_expect_eq(tool_end(&tool), 0);
	events = events_of(file);
	expect_lanes(events, true);
	json_decref(events);
	tool_free(&tool);
	close(fd);
	folder_remove();
	object_remove(name);
}

/*
 * The process never sleeps, and notes more events than it has memory for: they are written in
 * between.
 */
Test(trace, leaves_out_no_message_of_a_run_without_a_pause, .timeout = 60)
{
	enum { MESSAGES = 3000, WORDS = 5 };
	char name[NAME_SIZE];
	const char *argv[MESSAGES + WORDS + 1] = { "shm-produce", "-C", channel_name(name),
						   "--trace" };
	struct tool producer;
	json_t *events, *event;
	json_int_t commits = 0;
	size_t index;

	trace_needed();
	folder_make();
	argv[WORDS - 1] = folder_file("trace.json");
	for (int i = 0; i < MESSAGES; i++)
		argv[WORDS + i] = "x";
	producer = tool_start_argv(STDIN_FILENO, -1, argv);
	cr_expect_eq(tool_end(&producer), 0);
	events = events_of(argv[WORDS - 1]);
	expect_lanes(events, true);
	json_array_foreach(events, index, event)
	{
		if (strcmp(string_of(event, "name"), "commit") == 0)
			cr_assert_eq(argument_of(event, "sequence"), ++commits);
	}
	cr_expect_eq(commits, MESSAGES);
	json_decref(events);
	tool_free(&producer);
	folder_remove();
	object_remove(name);
}

Test(trace, has_a_lane_for_each_job_and_no_command_inherits_the_file, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool producer, consumer;
	const char *file;
	struct lane lanes[LANES_MAX] = { { 0 } };
	json_t *events, *event;
	size_t index;

	trace_needed();
	folder_make();
	file = folder_file("trace.json");
	cr_expect_eq(tool_run(&producer, "shm-produce", "-C", channel_name(name), "1", "2"), 0);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-j", "2", "--trace", file,
			      "--", "sh", "-c", "readlink /proc/$$/fd/*; true"),
		     0);
	{
		char *output = tool_output(&consumer, NULL);

		cr_expect_neq(*output, '\0');
		cr_expect_null(strstr(output, "trace.json"), "%s", output);
		free(output);
	}
	events = events_of(file);
	expect_lanes(events, true);
	json_array_foreach(events, index, event)
	{
		lane_of(lanes, number_of(event, "tid"));
		cr_expect_eq(number_of(event, "pid"), number_of(json_array_get(events, 0), "pid"));
	}
	cr_expect_neq(lanes[0].tid, 0);
	cr_expect_neq(lanes[1].tid, 0, "both jobs are in one lane");
	json_decref(events);
	tool_free(&producer);
	tool_free(&consumer);
	folder_remove();
}

static void expect_said_once(const struct tool *tool, const char *line)
{
	char *errors = tool_errors(tool);

	cr_expect_str_eq(errors, line);
	free(errors);
}

Test(trace, that_cannot_be_written_is_told_once_and_the_messages_go_on, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool producer, consumer;

	trace_needed();
	cr_expect_eq(tool_run(&producer, "shm-produce", "-C", channel_name(name), "--trace",
			      "/dev/full", "one", "two"),
		     0);
	expect_said_once(&producer, "shm-produce: cannot write trace \"/dev/full\": No space left "
				    "on device; going on without it\n");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--trace", "/dev/full"), 0);
	expect_output(&consumer, "one\ntwo\n");
	expect_said_once(&consumer, "shm-consume: cannot write trace \"/dev/full\": No space left "
				    "on device; going on without it\n");
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(trace, that_becomes_too_large_in_the_middle_does_not_stop_the_messages, .timeout = 60)
{
	char name[NAME_SIZE], command[512];
	struct agent consumer = agent_start();
	struct tool producer;

	trace_needed();
	folder_make();
	agent_expect(&consumer, "ok", "attach consumer %s", channel_name(name));
	snprintf(command, sizeof(command),
		 "ulimit -f 1; i=0; while [ $i -lt 50 ]; do echo $i; i=$((i + 1)); done | "
		 "exec %s/shm-produce -C %s --trace %s",
		 getenv("TOOLS"), name, folder_file("trace.json"));
	cr_expect_eq(tool_run(&producer, "sh", "-c", command), 0);
	expect_errors_contain(&producer, "going on without it");
	tool_free(&producer);
	cr_expect_eq(tool_run(&producer, "shm-consume", "-C", name, "-n", "-q"), 0);
	{
		char *output = tool_output(&producer, NULL);

		cr_expect_not_null(strstr(output, "49\n"));
		free(output);
	}
	tool_free(&producer);
	agent_quit(&consumer);
	folder_remove();
}

static void expect_refused(const char *file, int status, const char *why)
{
	char name[NAME_SIZE];
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "--trace", file, "x"),
		     status, "%s", file);
	expect_errors_contain(&tool, why);
	tool_free(&tool);
	cr_expect(!object_exists(name), "%s: nothing shall be sent", file);
}

Test(trace, refuses_what_is_not_a_trace_and_what_could_hold_up_messages, .timeout = 60)
{
	const char *file;
	FILE *stream;

	trace_needed();
	folder_make();
	file = folder_file("other");
	expect_refused("-", 2, "it needs a file of its own");
	expect_refused("", 2, "it needs a file of its own");
	expect_refused(folder_file("missing/trace"), 1, "No such file or directory");
	expect_refused("/dev/null/trace", 1, "Not a directory");
	expect_refused("/dev", 1, "Is a directory");
	cr_assert_eq(mkfifo(file, 0600), 0);
	expect_refused(file, 1, "could hold up the messages");
	unlink(file);
	stream = fopen(file, "we");
	fputs("precious\n", stream);
	fclose(stream);
	expect_refused(file, 1, "it exists and is not a trace");
	expect_file("other", "precious\n");
	stream = fopen(file, "we");
	fputs("[\n{}\n]\n", stream);
	fclose(stream);
	expect_refused(file, 1, "it is complete");
	expect_file("other", "[\n{}\n]\n");
	folder_remove();
}

/* One event, or as much of it as was written. */
static void event_write(FILE *file, const char *name, size_t cut)
{
	char line[256];
	int size = snprintf(line, sizeof(line),
			    "{\"name\":\"%s\",\"ph\":\"i\",\"pid\":1,\"tid\":1,\"cat\":\"channel\","
			    "\"ts\":1.5,\"s\":\"t\",\"args\":{\"slot\":1}},\n",
			    name);

	fwrite(line, 1, cut > 0 ? cut : (size_t)size, file);
}

Test(trace, is_finished_without_what_a_killed_process_left_unfinished, .timeout = 60)
{
	static const char *const whole[] = { "a", "b", "d", "f" };
	json_t *events, *event;
	struct tool tool;
	const char *path;
	char *output;
	size_t index;
	FILE *file;

	folder_make();
	path = folder_file("trace.json");
	file = fopen(path, "we");
	fputs("[\n", file);
	event_write(file, "a", 0);
	event_write(file, "b", 0);
	event_write(file, "torn early", 12); /* another process goes on in the same line */
	event_write(file, "c", 0);
	event_write(file, "d", 0);
	event_write(file, "torn late", 70);
	event_write(file, "e", 0);
	event_write(file, "f", 0);
	event_write(file, "torn at the end", 98);
	fclose(file);
	cr_expect_eq(tool_run(&tool, "scripts/trace-demo.sh", "-f", path), 0);
	output = tool_output(&tool, NULL);
	events = json_loads(output, 0, NULL);
	cr_assert_not_null(events, "%s", output);
	cr_expect_eq(json_array_size(events), 4);
	json_array_foreach(events, index, event)
	{
		cr_expect_str_eq(string_of(event, "name"), whole[index]);
	}
	json_decref(events);
	free(output);
	tool_free(&tool);
	folder_remove();
}

Test(trace, is_drawn_by_the_demonstration, .timeout = 120)
{
	struct tool tool;
	json_t *events;

	trace_needed();
	folder_make();
	cr_expect_eq(
		tool_run(&tool, "sh", "-c", "BUILD=$TOOLS exec scripts/trace-demo.sh \"$DIR\""), 0);
	events = json_load_file(folder_file("trace.json"), JSON_REJECT_DUPLICATES, NULL);
	cr_assert_not_null(events);
	expect_lanes(events, true);
	json_decref(events);
	cr_expect(text_contains(folder_file("handshake.svg"), "wait for data</text>"));
	cr_expect(text_contains(folder_file("handshake.svg"), "commit 3</text>"));
	cr_expect(text_contains(folder_file("handshake.svg"), "</svg>"));
	tool_free(&tool);
	folder_remove();
}

Test(trace, is_made_by_a_tap_and_not_by_a_peek, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool producer, tap;
	const char *file;
	json_int_t produce, consume;
	json_t *events;

	trace_needed();
	folder_make();
	file = folder_file("trace.json");
	cr_expect_eq(
		tool_run(&tap, "shm-consume", "-C", channel_name(name), "--peek", "--trace", file),
		2);
	expect_errors_contain(&tap, "--trace does not go with --peek");
	tool_free(&tap);
	tap = tool_start("shm-consume", "-C", name, "--tap", "--spin", "off", "--trace", file,
			 NULL);
	WAIT_FOR(text_contains(file, "wait for data"));
	producer = tool_start("shm-produce", "-C", name, "--trace", file, "x", NULL);
	produce = producer.pid;
	consume = tap.pid;
	cr_expect_eq(tool_end(&producer), 0);
	cr_expect_eq(tool_end(&tap), 0);
	events = events_of(file);
	expect_lanes(events, true);
	cr_expect_geq(count_arrows(events, produce, consume), 1);
	json_decref(events);
	tool_free(&producer);
	tool_free(&tap);
	folder_remove();
	object_remove(name);
}

#else

Test(trace, is_not_in_a_build_without_its_library, .timeout = 30)
{
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-produce", "--trace", "trace.json", "x"), 1);
	expect_errors_contain(&tool,
			      "--trace is not in this build: it was made without libjansson");
	tool_free(&tool);
}

#endif
