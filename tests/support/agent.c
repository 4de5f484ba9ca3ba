/*
 * An endpoint in a process of its own. It reads commands from standard input, one a line, and
 * answers each with one line: "ok ...", or "error NAME". So a test can look at the channel, or stop
 * or kill the endpoint, between any two steps.
 *
 *   attach producer|consumer CHANNEL [size=N] [first=N] [timeout=MS] [share=N] [gather=MS]
 *          [nonblock] [fresh] [nocreate]
 *          [group=NAME] [newest] [durable] [groups=NAME,NAME]
 *          [fail] [drop-new] [drop-old]
 *                       when full; what is dropped is answered "dropped"
 *   detach [failed] [end] [unbegun]
 *   key [TEXT]          labels what is sent from now on (none: nothing); %XX is a byte
 *   send TEXT...
 *   sendn N             a message of N bytes, byte i being i * 31 % 251
 *   block N TEXT        N messages "TEXT;" with delimiter ";"
 *   piece N more|last   a piece of N bytes of a long message
 *   reserve N
 *   commit N
 *   cancel
 *   dropped             "ok N"
 *   consumers N         waits until so many are there
 *   ack                 waits until everything sent is acknowledged
 *   receive [N] [dontwait] [follow]
 *                       "ok seq=N messages=N attempts=N [first] [last] [unterminated]
 *                       [key=KEY] size=N text=TEXT"; of TEXT the first 64 bytes; or "ended",
 *                       "incomplete"
 *   more                the next part of a delivery of several records, as receive; "ended"
 *   retry               "ok ATTEMPTS"
 *   try                 begins a try with what is in hand
 *   tried [failed]      ends it
 *   failures            "ok N": how many tries with what was received had failed
 *   epoch               "ok EPOCH"
 *   check               "ok" if what was received is what sendn makes
 *   acknowledge         give N   lost   missed
 *   lock producer|consumer    takes that side's mutex; "unlock" releases it
 *   flock               takes the object's flock
 *   valid               ring_valid_records(): no other endpoint may be at work meanwhile
 *   look                channel_look_after()
 *   interrupt           channel_interrupt(), as a signal handler would
 *   die                 kill -9 itself
 *   quit
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/segment.h"
#include "channel/side.h"
#include "channel/validate.h"

static struct channel *channel;
static struct channel_delivery delivery;

static const char *error_name(int error)
{
	static char number[32];

	switch (-error) {
	case EAGAIN:
		return "EAGAIN";
	case ETIMEDOUT:
		return "ETIMEDOUT";
	case EINTR:
		return "EINTR";
	case ENOENT:
		return "ENOENT";
	case EMSGSIZE:
		return "EMSGSIZE";
	case ENOSPC:
		return "ENOSPC";
	case CHANNEL_EFOREIGN:
		return "FOREIGN";
	case CHANNEL_EDAMAGED:
		return "DAMAGED";
	case CHANNEL_EVERSION:
		return "VERSION";
	case CHANNEL_EABI:
		return "ABI";
	case CHANNEL_EOWNER:
		return "OWNER";
	case CHANNEL_EMODE:
		return "MODE";
	case CHANNEL_EINUSE:
		return "INUSE";
	case CHANNEL_ENAME:
		return "NAME";
	case CHANNEL_EREMOVED:
		return "REMOVED";
	case CHANNEL_ETHREAD:
		return "THREAD";
	case CHANNEL_ELOST:
		return "LOST";
	case CHANNEL_EABORTED:
		return "ABORTED";
	case CHANNEL_ETOOBIG:
		return "TOOBIG";
	case CHANNEL_EGROUPS:
		return "GROUPS";
	default:
		snprintf(number, sizeof(number), "%d", -error);
		return number;
	}
}

static void answer(int rc)
{
	if (rc < 0)
		printf("error %s\n", error_name(rc));
	else if (rc == CHANNEL_DROPPED)
		printf("dropped\n");
	else
		printf("ok\n");
}

static bool has_word(const char *line, const char *word)
{
	const char *found = strstr(line, word);

	return found != NULL && found > line && found[-1] == ' ' &&
	       (found[strlen(word)] == ' ' || found[strlen(word)] == '\0');
}

static uint64_t value_of(const char *line, const char *name)
{
	const char *found = strstr(line, name);

	return found == NULL ? 0 : strtoull(found + strlen(name), NULL, 0);
}

/*
 * Returns the word that follows "name=", stored in `words`, or NULL if it is not there. attach()
 * passes static buffers, so that the word lives until the next attach.
 */
static const char *word_after(const char *line, const char *name, char *words, size_t size)
{
	const char *found = strstr(line, name);

	if (found == NULL)
		return NULL;
	found += strlen(name);
	snprintf(words, size, "%.*s", (int)strcspn(found, " "), found);
	return words;
}

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 31 % 251);
}

static unsigned char *pattern_new(size_t size)
{
	unsigned char *bytes = malloc(size + 1);

	if (bytes == NULL)
		abort();
	for (size_t i = 0; i < size; i++)
		bytes[i] = pattern(i);
	return bytes;
}

static int attach(const char *line)
{
	char role[32], name[CHANNEL_NAME_MAX + 1];
	static char group[CHANNEL_NAME_MAX + 1], groups[256];
	const char *names[GROUP_COUNT + 1] = { NULL };
	struct channel_options options = { .name = name, .owner = geteuid() };

	if (sscanf(line, "attach %31s %200s", role, name) != 2)
		return -EINVAL;
	options.size = value_of(line, " size=");
	options.first_position = value_of(line, " first=");
	options.timeout_ns = value_of(line, " timeout=") * NS_PER_MS;
	options.share = (uint32_t)value_of(line, " share=");
	options.gather_ns = value_of(line, " gather=") * NS_PER_MS;
	options.nonblock = has_word(line, "nonblock");
	options.when_full = has_word(line, "fail")	 ? CHANNEL_FULL_FAIL
			    : has_word(line, "drop-new") ? CHANNEL_FULL_DROP_NEW
			    : has_word(line, "drop-old") ? CHANNEL_FULL_DROP_OLD
							 : CHANNEL_FULL_BLOCK;
	options.fresh = has_word(line, "fresh");
	options.never_create = has_word(line, "nocreate");
	options.newest = has_word(line, "newest");
	options.durable = has_word(line, "durable");
	options.group = word_after(line, " group=", group, sizeof(group));
	if (word_after(line, " groups=", groups, sizeof(groups)) != NULL) {
		size_t count = 0;

		for (char *next = strtok(groups, ","); next != NULL && count < GROUP_COUNT;
		     next = strtok(NULL, ","))
			names[count++] = next;
		options.groups = names;
	}
	return channel_attach(channel,
			      strcmp(role, "producer") == 0 ? CHANNEL_PRODUCER : CHANNEL_CONSUMER,
			      &options);
}

/* Labels what is sent from now on. In the text "%XX" is a byte. */
static int key_set(const char *text)
{
	unsigned char key[512];
	size_t size = 0;

	for (; *text != '\0'; text++) {
		unsigned byte = (unsigned char)*text;

		if (byte == '%' && sscanf(text + 1, "%2x", &byte) == 1)
			text += 2;
		key[size++] = (unsigned char)byte;
	}
	return channel_key_set(channel, key, size);
}

static void key_print(void)
{
	if (delivery.key_size > 0)
		printf(" key=");
	for (size_t i = 0; i < delivery.key_size; i++)
		printf(delivery.key[i] > ' ' && delivery.key[i] < 0x7f && delivery.key[i] != '%'
			       ? "%c"
			       : "%%%02x",
		       delivery.key[i]);
}

static int send_block(const char *line)
{
	struct channel_block block = { .delimiter_size = 1 };
	char text[256], *bytes;
	unsigned count;
	size_t length;
	int rc;

	if (sscanf(line, "block %u %255s", &count, text) != 2)
		return -EINVAL;
	length = strlen(text);
	bytes = malloc(count * (length + 1) + 1);
	if (bytes == NULL)
		abort();
	for (unsigned i = 0; i < count; i++)
		sprintf(bytes + i * (length + 1), "%s;", text);
	block.messages = count;
	block.size = count * (length + 1);
	rc = channel_send_block(channel, bytes, &block);
	free(bytes);
	return rc;
}

static int send_piece(const char *line)
{
	size_t size = value_of(line, "piece ");
	struct channel_block block = { .size = size,
				       .messages = 1,
				       .flags = has_word(line, "more") ? CHANNEL_MORE : 0 };
	unsigned char *bytes = pattern_new(size);
	int rc = channel_send_block(channel, bytes, &block);

	free(bytes);
	return rc;
}

static void tell_delivery(int rc)
{
	int shown;

	if (rc < 0) {
		answer(rc);
	} else if (rc == CHANNEL_ENDED) {
		printf("%s\n", channel_incomplete(channel) ? "incomplete" : "ended");
	} else {
		shown = delivery.size < 64 ? (int)delivery.size : 64;
		printf("ok seq=%llu messages=%u attempts=%u%s%s%s",
		       (unsigned long long)delivery.sequence, delivery.messages, delivery.attempts,
		       delivery.first ? " first" : "", delivery.last ? " last" : "",
		       delivery.unterminated ? " unterminated" : "");
		key_print();
		printf(" size=%zu text=%.*s\n", delivery.size, shown, (const char *)delivery.bytes);
	}
}

static void receive(const char *line)
{
	unsigned flags = (has_word(line, "dontwait") ? CHANNEL_DONTWAIT : 0) |
			 (has_word(line, "follow") ? CHANNEL_FOLLOW : 0) |
			 (has_word(line, "share") ? CHANNEL_SHARE : 0) |
			 (has_word(line, "together") ? CHANNEL_TOGETHER : 0);
	uint32_t most = (uint32_t)value_of(line, "receive ");

	tell_delivery(channel_receive(channel, most == 0 ? UINT32_MAX : most, flags, 0, &delivery));
}

static void retry(void)
{
	uint32_t attempts;
	int rc = channel_retry(channel, &attempts);

	if (rc < 0)
		answer(rc);
	else
		printf("ok %u\n", attempts);
}

static int check(void)
{
	for (size_t i = 0; i < delivery.size; i++)
		if (delivery.bytes[i] != pattern(i))
			return -EBADMSG;
	return 0;
}

static enum channel_role role_in(const char *line)
{
	return has_word(line, "producer") ? CHANNEL_PRODUCER : CHANNEL_CONSUMER;
}

static void obey(const char *line)
{
	struct deadline deadline = deadline_after(5 * NS_PER_SEC, -ETIMEDOUT, NULL);
	char word[32] = "";
	unsigned char *at;
	size_t room;
	int rc;

	sscanf(line, "%31s", word);
	if (strcmp(word, "attach") == 0) {
		answer(attach(line));
	} else if (strcmp(word, "detach") == 0) {
		channel_detach(channel, (has_word(line, "failed") ? CHANNEL_FAILED : 0) |
						(has_word(line, "end") ? CHANNEL_END : 0) |
						(has_word(line, "unbegun") ? CHANNEL_UNBEGUN : 0));
		answer(0);
	} else if (strcmp(word, "send") == 0) {
		answer(channel_send(channel, line + 5, strlen(line + 5), 0));
	} else if (strcmp(word, "key") == 0) {
		answer(key_set(line[3] == ' ' ? line + 4 : ""));
	} else if (strcmp(word, "sendn") == 0) {
		size_t size = value_of(line, "sendn ");
		unsigned char *bytes = pattern_new(size);

		answer(channel_send(channel, bytes, size, 0));
		free(bytes);
	} else if (strcmp(word, "block") == 0) {
		answer(send_block(line));
	} else if (strcmp(word, "piece") == 0) {
		answer(send_piece(line));
	} else if (strcmp(word, "reserve") == 0) {
		rc = channel_reserve(channel, value_of(line, "reserve "),
				     value_of(line, "reserve "), &at, &room);
		if (rc == 0)
			memset(at, 'r', room);
		answer(rc);
	} else if (strcmp(word, "commit") == 0) {
		struct channel_block block = { .size = value_of(line, "commit "), .messages = 1 };

		answer(channel_commit(channel, &block));
	} else if (strcmp(word, "cancel") == 0) {
		answer(channel_cancel(channel));
	} else if (strcmp(word, "consumers") == 0) {
		answer(channel_wait_consumers(channel, (unsigned)value_of(line, "consumers ")));
	} else if (strcmp(word, "dropped") == 0) {
		printf("ok %llu\n", (unsigned long long)channel_dropped(channel));
	} else if (strcmp(word, "ack") == 0) {
		answer(channel_wait_acknowledged(channel));
	} else if (strcmp(word, "receive") == 0) {
		receive(line);
	} else if (strcmp(word, "more") == 0) {
		tell_delivery(channel_receive_more(channel, &delivery));
	} else if (strcmp(word, "retry") == 0) {
		retry();
	} else if (strcmp(word, "try") == 0) {
		answer(channel_try(channel));
	} else if (strcmp(word, "tried") == 0) {
		answer(channel_tried(channel, has_word(line, "failed")));
	} else if (strcmp(word, "failures") == 0) {
		printf("ok %u\n", delivery.failures);
	} else if (strcmp(word, "epoch") == 0) {
		printf("ok %llu\n", (unsigned long long)channel_epoch(channel));
	} else if (strcmp(word, "check") == 0) {
		answer(check());
	} else if (strcmp(word, "acknowledge") == 0) {
		answer(channel_acknowledge(channel));
	} else if (strcmp(word, "give") == 0) {
		answer(channel_give_back(channel, (uint32_t)value_of(line, "give ")));
	} else if (strcmp(word, "lost") == 0) {
		printf("ok %llu\n", (unsigned long long)channel_lost(channel));
	} else if (strcmp(word, "missed") == 0) {
		printf("ok %llu\n", (unsigned long long)channel_missed(channel));
	} else if (strcmp(word, "lock") == 0) {
		answer(side_lock(channel, role_in(line), &deadline));
	} else if (strcmp(word, "unlock") == 0) {
		side_unlock(channel, role_in(line));
		answer(0);
	} else if (strcmp(word, "flock") == 0) {
		answer(segment_lock(&channel->segment, &deadline));
	} else if (strcmp(word, "valid") == 0) {
		answer(ring_valid_records(&channel->segment.ring, channel->segment.shared)
			       ? 0
			       : -CHANNEL_EDAMAGED);
	} else if (strcmp(word, "look") == 0) {
		channel->looked_ns = 0;
		answer(channel_look_after(channel));
	} else if (strcmp(word, "interrupt") == 0) {
		channel_interrupt(channel);
		answer(0);
	} else if (strcmp(word, "die") == 0) {
		kill(getpid(), SIGKILL);
	} else {
		printf("what? %s\n", line);
	}
}

int main(void)
{
	char line[512];

	setvbuf(stdout, NULL, _IOLBF, 0);
	channel = channel_new();
	if (channel == NULL)
		return 1;
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "quit") == 0)
			break;
		obey(line);
	}
	channel_detach(channel, 0);
	channel_free(channel);
	return 0;
}
