#include "doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "escape.h"

static void line_print(const struct doctor *doctor, enum show_colour colour, const char *word,
		       const char *format, va_list arguments)
{
	char text[1024], line[2048];

	vsnprintf(text, sizeof(text), format, arguments);
	escape_text(line, sizeof(line), text, strlen(text), 0);
	show_colour(&doctor->show, colour);
	fprintf(doctor->show.file, "%-6s", word);
	show_colour(&doctor->show, SHOW_PLAIN);
	fprintf(doctor->show.file, "%s\n", line);
}

void doctor_fine(struct doctor *doctor, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line_print(doctor, SHOW_GOOD, "ok", format, arguments);
	va_end(arguments);
}

void doctor_trouble(struct doctor *doctor, const char *format, ...)
{
	va_list arguments;

	doctor->troubles++;
	va_start(arguments, format);
	line_print(doctor, SHOW_BAD, "warn", format, arguments);
	va_end(arguments);
}

void doctor_advice(struct doctor *doctor, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line_print(doctor, SHOW_DIM, "", format, arguments);
	va_end(arguments);
}

/* ---- the channels ---- */

static void check_kind(struct doctor *doctor, const struct census *census)
{
	const char *name = census->name;

	switch (census->kind) {
	case CENSUS_OTHER_BUILD:
		doctor_trouble(doctor, "channel \"%s\": made by a different build (%s)", name,
			       census->theirs);
		doctor_advice(doctor, "use that build, or shm-consume -C %s --remove --force",
			      name);
		break;
	case CENSUS_DAMAGED:
	case CENSUS_FOREIGN:
		doctor_trouble(doctor, "channel \"%s\": %s", name,
			       census->kind == CENSUS_DAMAGED ? "damaged"
							      : "its object is not a channel");
		doctor_advice(doctor, "shm-consume -C %s --remove --force", name);
		break;
	case CENSUS_OTHER_OWNER:
		doctor_trouble(doctor, "channel \"%s\": its object belongs to user %lu", name,
			       (unsigned long)census->owner);
		doctor_advice(doctor,
			      "that user, or root, removes " CENSUS_FOLDER "/shm-channel.%lu.%s",
			      (unsigned long)doctor->look->settings->channel.owner, name);
		break;
	case CENSUS_UNREADABLE:
		doctor_trouble(doctor, "channel \"%s\": %s", name, strerror(-census->error));
		doctor_advice(doctor, "look at the mode of " CENSUS_FOLDER "/shm-channel.%lu.%s",
			      (unsigned long)doctor->look->settings->channel.owner, name);
		break;
	case CENSUS_UNFINISHED:
		doctor_fine(doctor, "channel \"%s\": not finished; who comes next makes it", name);
		break;
	case CENSUS_CHANNEL:
		break;
	}
}

static void check_endpoints(struct doctor *doctor, const struct census *census)
{
	for (unsigned i = 0; i < census->endpoint_count; i++) {
		const struct census_endpoint *endpoint = &census->endpoints[i];
		const char *role = endpoint->role == CHANNEL_PRODUCER ? "producer" : "consumer";

		if (endpoint->life == LIFE_DEAD) {
			doctor_trouble(doctor, "channel \"%s\": its %s, process %ld, is dead",
				       census->name, role, (long)endpoint->pid);
			doctor_advice(doctor, "nothing: whoever attaches next cleans up after it");
		} else if (endpoint->life == LIFE_STOPPED) {
			doctor_trouble(doctor, "channel \"%s\": its %s, process %ld, is stopped",
				       census->name, role, (long)endpoint->pid);
			doctor_advice(doctor, "kill -CONT %ld", (long)endpoint->pid);
		}
	}
}

static void advise_group(struct doctor *doctor, const struct census *census,
			 const struct census_group *group)
{
	bool bad = strcmp(group->name, CHANNEL_GROUP_BAD) == 0;
	char word[ESCAPE_WORD];

	escape_word(word, group->name);
	if (bad) /* nobody can become its consumer */
		doctor_advice(doctor, "shm-consume -C %s --remove-group %s drops them",
			      census->name, word);
	else if (census->group_count > 1)
		doctor_advice(doctor,
			      "shm-consume -C %s%s%s takes them, shm-consume -C %s --remove-group "
			      "%s drops them",
			      census->name, group->name[0] != '\0' ? " -g " : "", group->name,
			      census->name, word);
	else
		doctor_advice(doctor,
			      "shm-consume -C %s%s%s takes them, shm-consume -C %s --remove drops "
			      "them",
			      census->name, group->name[0] != '\0' ? " -g " : "", group->name,
			      census->name);
}

/* Messages that nobody takes keep their room for ever. */
static void check_group(struct doctor *doctor, const struct census *census,
			const struct census_group *group)
{
	const char *name = group->name;

	if (group->messages == 0 || group->alive > 0)
		return;
	doctor_trouble(doctor, "channel \"%s\": nobody takes the %llu message%s of %s%s%s",
		       census->name, (unsigned long long)group->messages,
		       show_plural(group->messages),
		       name[0] != '\0' ? "group " : "the group without a name", name,
		       strcmp(name, CHANNEL_GROUP_BAD) == 0 ? ", whose name is damaged" : "");
	advise_group(doctor, census, group);
}

static void check_channel(struct doctor *doctor, const struct census *census)
{
	unsigned before = doctor->troubles;

	check_kind(doctor, census);
	if (census->kind != CENSUS_CHANNEL)
		return;
	check_endpoints(doctor, census);
	for (unsigned i = 0; i < census->group_count; i++)
		check_group(doctor, census, &census->groups[i]);
	if (doctor->troubles == before)
		doctor_fine(doctor, "channel \"%s\": %s", census->name, census_state(census));
}

int look_doctor(struct look *look)
{
	struct doctor doctor = { .look = look, .show = show_output() };
	struct census *channels;
	size_t count;
	int status;

	doctor_machine(&doctor);
	channels = look_read(look, &count);
	if (channels == NULL)
		return CLI_FAILED;
	for (size_t i = 0; i < count; i++)
		check_channel(&doctor, &channels[i]);
	if (count == 0)
		doctor_fine(&doctor, "there are no channels");
	free(channels);
	status = look_flush(look, stdout);
	return status == CLI_DONE && doctor.troubles > 0 ? CLI_FAILED : status;
}
