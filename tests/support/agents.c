#include "tests/support/agents.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct agent agent_start(void)
{
	struct agent agent = { 0 };
	int commands[2], answers[2];

	cr_assert_eq(pipe2(commands, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(answers, O_CLOEXEC), 0);
	agent.tool = tool_start_fds(commands[0], answers[1], tool_path("tests/agent"), NULL);
	close(commands[0]);
	close(answers[1]);
	agent.commands = commands[1];
	agent.answers = answers[0];
	return agent;
}

static void agent_tell_list(struct agent *agent, const char *format, va_list arguments)
{
	char line[512];
	int size = vsnprintf(line, sizeof(line) - 1, format, arguments);

	line[size++] = '\n';
	cr_assert_eq(write(agent->commands, line, (size_t)size), size);
}

void agent_tell(struct agent *agent, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	agent_tell_list(agent, format, arguments);
	va_end(arguments);
}

bool agent_answered(const struct agent *agent)
{
	struct pollfd ready = { .fd = agent->answers, .events = POLLIN };

	return poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0;
}

const char *agent_hear(struct agent *agent)
{
	size_t size = 0;

	for (;;) {
		struct pollfd ready = { .fd = agent->answers, .events = POLLIN };

		cr_assert_gt(poll(&ready, 1, DEADLINE_S * 1000), 0, "the agent does not answer");
		cr_assert_eq(read(agent->answers, agent->answer + size, 1), 1, "the agent is dead");
		if (agent->answer[size] == '\n')
			break;
		cr_assert_lt(++size, sizeof(agent->answer) - 1);
	}
	agent->answer[size] = '\0';
	return agent->answer;
}

const char *agent_ask(struct agent *agent, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	agent_tell_list(agent, format, arguments);
	va_end(arguments);
	return agent_hear(agent);
}

static void agent_close(struct agent *agent)
{
	close(agent->commands);
	close(agent->answers);
	tool_free(&agent->tool);
}

void agent_kill(struct agent *agent)
{
	tool_kill(&agent->tool);
	agent_close(agent);
}

void agent_quit(struct agent *agent)
{
	agent_tell(agent, "quit");
	cr_expect_eq(tool_end(&agent->tool), 0);
	agent_close(agent);
}

/* ---- what a consumer is handed ---- */

const char *delivery_answer(const struct delivery *expected)
{
	bool first = expected->part == WHOLE || expected->part == FIRST_PART;
	bool last = expected->part == WHOLE || expected->part == LAST_PART;
	unsigned messages = expected->messages != 0 ? expected->messages : first;
	unsigned attempts = expected->attempts != 0 ? expected->attempts : 1;
	const char *text = expected->text;
	size_t size = expected->size != 0 || text == NULL ? expected->size : strlen(text);
	static char answer[1024];
	char *end = answer + sizeof(answer), *at = answer;

	at += snprintf(at, sizeof(answer),
		       "ok seq=%llu messages=%u attempts=%u%s%s%s%s size=", expected->sequence,
		       messages, attempts, first ? " first" : "", last ? " last" : "",
		       expected->key != NULL ? " key=" : "",
		       expected->key != NULL ? expected->key : "");
	if (size > 0 || text != NULL)
		at += snprintf(at, (size_t)(end - at), "%zu text=", size);
	if (text != NULL)
		snprintf(at, (size_t)(end - at), "%.64s", text);
	return answer;
}

struct delivery delivery_read(const char *answer)
{
	struct delivery read = { 0 };
	const char *size = strstr(answer, " size=");
	bool first = strstr(answer, " first ") != NULL, last = strstr(answer, " last ") != NULL;

	cr_assert(size != NULL && sscanf(size, " size=%zu", &read.size) == 1 &&
			  sscanf(answer, "ok seq=%llu messages=%u attempts=%u", &read.sequence,
				 &read.messages, &read.attempts) == 3,
		  "answered: \"%s\", expected: a delivery", answer);
	read.part = first ? (last ? WHOLE : FIRST_PART) : (last ? LAST_PART : MIDDLE_PART);
	return read;
}

bool delivery_is(const char *answer, const struct delivery *expected)
{
	const char *wanted = delivery_answer(expected);

	if (expected->text == NULL)
		return strncmp(answer, wanted, strlen(wanted)) == 0;
	return strcmp(answer, wanted) == 0;
}
