#include "tests/crash/scene.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "channel/owner.h"
#include "channel/segment.h"

struct scene *scene;
bool is_victim;

uint64_t now_ms(void)
{
	return clock_now_ns() / NS_PER_MS;
}

void pause_briefly(void)
{
	struct timespec pause = { .tv_nsec = 200000 };

	nanosleep(&pause, NULL);
}

void fail(const char *format, ...)
{
	va_list arguments;

	if (atomic_fetch_add(&scene->failures, 1) > 0)
		return;
	va_start(arguments, format);
	vsnprintf(scene->failure, sizeof(scene->failure), format, arguments);
	va_end(arguments);
}

/* Not snprintf(): this is stepped as a part of the victim's operation, and the walk is long. */
static void text_copy(char to[TEXT], const char *from)
{
	if (memccpy(to, from, '\0', TEXT) == NULL)
		to[TEXT - 1] = '\0';
}

struct message *message_new(const char *text)
{
	struct message *message = &scene->messages[atomic_fetch_add(&scene->message_count, 1)];

	text_copy(message->text, text);
	return message;
}

struct message *message_find(const char *text)
{
	for (int i = 0; i < atomic_load(&scene->message_count); i++)
		if (strcmp(scene->messages[i].text, text) == 0)
			return &scene->messages[i];
	return NULL;
}

void delivered_add(const char *text, uint64_t sequence, const struct channel_delivery *delivery)
{
	int i = atomic_fetch_add(&scene->delivery_count, 1);

	if (i >= DELIVERIES_MAX) {
		fail("more deliveries than there can be");
		return;
	}
	text_copy(scene->deliveries[i].text, text);
	scene->deliveries[i].sequence = sequence;
	scene->deliveries[i].attempts = delivery->attempts;
	scene->deliveries[i].failures = delivery->failures;
	scene->deliveries[i].by_victim = is_victim;
	atomic_store(&scene->deliveries[i].complete, 1);
}

const char *object_name(void)
{
	static char name[SEGMENT_NAME_MAX];

	owner_object_name(name, geteuid(), scene->name);
	return name;
}

struct shared_buffer *object_map(void)
{
	struct stat status;
	void *shared = MAP_FAILED;
	int fd = shm_open(object_name(), O_RDWR, 0);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0 && (size_t)status.st_size >= sizeof(struct shared_buffer))
		shared = mmap(NULL, sizeof(struct shared_buffer), PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
	close(fd);
	return shared == MAP_FAILED ? NULL : shared;
}
