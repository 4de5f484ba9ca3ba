#include "consumer/look/doctor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "channel/owner.h"
#include "consumer/look/doctor_lines.h"
#include "consumer/look/doctor_machine.h"
#include "consumer/look/read.h"
#include "observe/snapshot.h"

enum { OBJECT_PATH = sizeof(OBJECT_FOLDER) + SEGMENT_NAME_MAX };

/* ---- the channels ---- */

/* Writes the path of the object that has the channel's name. */
static const char *object_path(const struct doctor *doctor, const char *name,
			       char path[OBJECT_PATH])
{
	char object[SEGMENT_NAME_MAX];

	owner_object_name(object, doctor->look->settings->channel.owner, name);
	snprintf(path, OBJECT_PATH, OBJECT_FOLDER "%s", object);
	return path;
}

static void advise_to_remove(struct doctor *doctor, const struct snapshot *snapshot,
			     const char *beside)
{
	char words[OWNER_WORDS], path[OBJECT_PATH];

	if (snapshot->folder) /* the folder may have something in it */
		doctor_advice(doctor, "rm -r %s%s", object_path(doctor, snapshot->name, path),
			      beside);
	else
		doctor_advice(doctor, "shm-consume -C %s%s --remove --force%s", snapshot->name,
			      owner_words(doctor->look->settings->channel.owner, words), beside);
}

static void check_other_owner(struct doctor *doctor, const struct snapshot *snapshot)
{
	char path[OBJECT_PATH];

	object_path(doctor, snapshot->name, path);
	if (owner_unknown(snapshot->owner)) {
		doctor_trouble(doctor,
			       "channel \"%s\": its object belongs to a user whom this user "
			       "namespace does not know",
			       snapshot->name);
		doctor_advice(doctor, "rm -r %s   # as root, outside; or use another name (-C)",
			      path);
		return;
	}
	doctor_trouble(doctor, "channel \"%s\": its object belongs to user %lu", snapshot->name,
		       (unsigned long)snapshot->owner);
	doctor_advice(doctor, "rm -r %s   # as root, or as user %lu; or use another name (-C)",
		      path, (unsigned long)snapshot->owner);
}

static void check_unreadable(struct doctor *doctor, const struct snapshot *snapshot)
{
	char path[OBJECT_PATH];

	doctor_trouble(doctor, "channel \"%s\": %s", snapshot->name, strerror(-snapshot->error));
	if (snapshot->error == -EACCES && snapshot->owner == geteuid())
		doctor_advice(doctor, "chmod 0600 %s", object_path(doctor, snapshot->name, path));
	else if (snapshot->error == -EACCES)
		doctor_advice(doctor, "# its owner has not given you access (--mode)");
	else
		doctor_advice(doctor, "# try again: it could not be opened just now");
}

static void check_kind(struct doctor *doctor, const struct snapshot *snapshot)
{
	const char *name = snapshot->name;

	switch (snapshot->kind) {
	case SNAPSHOT_OTHER_BUILD:
		doctor_trouble(doctor, "channel \"%s\": made by a different build (%s)", name,
			       snapshot->theirs);
		advise_to_remove(doctor, snapshot, "   # with what is in it; or use that build");
		break;
	case SNAPSHOT_DAMAGED:
	case SNAPSHOT_FOREIGN:
		doctor_trouble(doctor, "channel \"%s\": %s", name,
			       snapshot->kind == SNAPSHOT_DAMAGED ? "damaged"
								  : "its object is not a channel");
		advise_to_remove(doctor, snapshot, "");
		break;
	case SNAPSHOT_OTHER_OWNER:
		check_other_owner(doctor, snapshot);
		break;
	case SNAPSHOT_UNREADABLE:
		check_unreadable(doctor, snapshot);
		break;
	case SNAPSHOT_LINKED:
		doctor_trouble(doctor,
			       "channel \"%s\": its object has another name, too, so it may be "
			       "another channel's",
			       name);
		advise_to_remove(doctor, snapshot,
				 "   # then it is of no use under its other name, either");
		break;
	case SNAPSHOT_REMOVED:
		doctor_fine(doctor, "channel \"%s\": removed; whoever comes next removes its name",
			    name);
		break;
	case SNAPSHOT_CHANNEL:
		break;
	}
}

/* True if this process may send it a signal. */
static bool may_signal(pid_t pid)
{
	return kill(pid, 0) == 0 || errno != EPERM;
}

static void check_endpoints(struct doctor *doctor, const struct snapshot *snapshot)
{
	for (unsigned i = 0; i < snapshot->endpoint_count; i++) {
		const struct snapshot_endpoint *endpoint = &snapshot->endpoints[i];
		const char *role = endpoint->role == CHANNEL_PRODUCER ? "producer" : "consumer";

		if (endpoint->life == LIFE_DEAD) {
			doctor_trouble(doctor, "channel \"%s\": its %s, process %ld, is dead",
				       snapshot->name, role, (long)endpoint->pid);
			doctor_advice(doctor,
				      "# nothing: whoever attaches next cleans up after it");
		} else if (endpoint->life == LIFE_STOPPED) {
			doctor_trouble(doctor, "channel \"%s\": its %s, process %ld, is stopped",
				       snapshot->name, role, (long)endpoint->pid);
			doctor_advice(doctor, "kill -CONT %ld%s", (long)endpoint->pid,
				      may_signal(endpoint->pid) ? ""
								: "   # as its user, or as root");
		}
	}
}

/* True if an endpoint may be alive, so that --remove would be refused. */
static bool somebody_is_there(const struct snapshot *snapshot)
{
	for (unsigned i = 0; i < snapshot->endpoint_count; i++)
		if (snapshot->endpoints[i].life != LIFE_DEAD)
			return true;
	return false;
}

/*
 * Says how to take messages that nobody takes. For root, with another user's channel, that needs
 * another option, and a thought.
 */
static void advise_to_take(struct doctor *doctor, const struct snapshot *snapshot,
			   const struct snapshot_group *group)
{
	char words[OWNER_WORDS];

	if (strcmp(group->name, CHANNEL_GROUP_BAD) == 0)
		return; /* no consumer can join that group */
	owner_words(doctor->look->settings->channel.owner, words);
	if (words[0] != '\0' && geteuid() == 0)
		doctor_advice(doctor, "shm-consume -C %s%s%s%s --peek   # shows them",
			      snapshot->name, words, group->name[0] != '\0' ? " -g " : "",
			      group->name);
	else
		doctor_advice(doctor, "shm-consume -C %s%s%s%s   # takes them", snapshot->name,
			      words, group->name[0] != '\0' ? " -g " : "", group->name);
}

/* Says how to drop them. If there are other groups, the channel has to be used for that. */
static void advise_to_drop(struct doctor *doctor, const struct snapshot *snapshot,
			   const struct snapshot_group *group)
{
	bool bad = strcmp(group->name, CHANNEL_GROUP_BAD) == 0;
	char words[OWNER_WORDS], word[ESCAPE_WORD];

	owner_words(doctor->look->settings->channel.owner, words);
	if ((bad || snapshot->group_count > 1) && (words[0] == '\0' || geteuid() != 0))
		doctor_advice(doctor, "shm-consume -C %s%s --remove-group %s   # drops them",
			      snapshot->name, words, escape_word(word, group->name));
	else if (somebody_is_there(snapshot))
		doctor_advice(
			doctor,
			"shm-consume -C %s%s --remove --force   # drops the channel, and those "
			"who use it fail",
			snapshot->name, words);
	else
		doctor_advice(doctor, "shm-consume -C %s%s --remove   # drops %s", snapshot->name,
			      words, snapshot->group_count > 1 ? "the channel" : "them");
}

/* Messages that nobody takes occupy their room for ever. */
static void check_group(struct doctor *doctor, const struct snapshot *snapshot,
			const struct snapshot_group *group)
{
	const char *name = group->name;

	if (group->messages == 0 || group->alive > 0)
		return;
	doctor_trouble(doctor, "channel \"%s\": nobody takes the %llu message%s of %s%s%s",
		       snapshot->name, (unsigned long long)group->messages, plural(group->messages),
		       name[0] != '\0' ? "group " : "the group without a name", name,
		       strcmp(name, CHANNEL_GROUP_BAD) == 0 ? ", whose name is damaged" : "");
	advise_to_take(doctor, snapshot, group);
	advise_to_drop(doctor, snapshot, group);
}

static void check_channel(struct doctor *doctor, const struct snapshot *snapshot)
{
	unsigned before = doctor->troubles;

	check_kind(doctor, snapshot);
	if (snapshot->kind != SNAPSHOT_CHANNEL)
		return;
	check_endpoints(doctor, snapshot);
	for (unsigned i = 0; i < snapshot->group_count; i++)
		check_group(doctor, snapshot, &snapshot->groups[i]);
	if (doctor->troubles == before)
		doctor_fine(doctor, "channel \"%s\": %s", snapshot->name, snapshot_state(snapshot));
}

int look_doctor(struct look *look)
{
	struct doctor doctor = { .look = look, .show = show_output() };
	struct snapshot *channels;
	size_t count;
	int status;

	doctor_machine(&doctor);
	/* What was found is printed before an error, even one with the same cause. */
	status = look_flush(look, stdout);
	if (status != CLI_DONE)
		return status;
	if (access(OBJECT_FOLDER, F_OK) != 0)
		return CLI_FAILED; /* was reported above */
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
