/* --list and --status with --json. Sizes are bytes, times seconds. */
#include "consumer/look/json.h"

#include "cli/message.h"

#ifdef WITH_JANSSON

#include <jansson.h>
#include <string.h>

#include "base/deadline.h"
#include "cli/json_number.h"
#include "consumer/look/words.h"

static json_t *seconds(uint64_t ns)
{
	return json_real((double)ns / (double)NS_PER_SEC);
}

/* Puts what both --list and --status have of a channel that is intact. */
static void put_channel(json_t *object, const struct snapshot *snapshot)
{
	json_object_set_new(object, "messages", json_number(snapshot->messages));
	json_object_set_new(object, "bytes", json_number(snapshot->bytes));
	json_object_set_new(object, "estimated", json_boolean(snapshot->estimated));
	json_object_set_new(object, "used", json_number(snapshot->used));
	json_object_set_new(object, "size", json_number(snapshot->capacity));
	json_object_set_new(object, "sent", json_number(snapshot->sent));
	json_object_set_new(object, "producers", json_number(snapshot->alive[CHANNEL_PRODUCER]));
	json_object_set_new(object, "consumers", json_number(snapshot->alive[CHANNEL_CONSUMER]));
	json_object_set_new(object, "dead",
			    json_number(snapshot->attached[CHANNEL_PRODUCER] -
					snapshot->alive[CHANNEL_PRODUCER] +
					snapshot->attached[CHANNEL_CONSUMER] -
					snapshot->alive[CHANNEL_CONSUMER]));
	json_object_set_new(object, "taps", json_number(snapshot->observers));
	json_object_set_new(object, "age", seconds(snapshot->age_ns));
}

static json_t *describe(const struct snapshot *snapshot, const struct look_rates *rates)
{
	json_t *object = json_object();
	char mode[16];

	snprintf(mode, sizeof(mode), "%04o", (unsigned)snapshot->mode);
	json_object_set_new(object, "name", json_string(snapshot->name));
	json_object_set_new(object, "state", json_string(look_state(snapshot, rates)));
	json_object_set_new(object, "owner", json_number(snapshot->owner));
	json_object_set_new(object, "mode", json_string(mode));
	json_object_set_new(object, "object_bytes", json_number(snapshot->object_bytes));
	if (snapshot->kind == SNAPSHOT_CHANNEL)
		put_channel(object, snapshot);
	else if (snapshot->kind == SNAPSHOT_OTHER_BUILD) {
		json_object_set_new(object, "made_by", json_string(snapshot->theirs));
		json_object_set_new(object, "this_is", json_string(snapshot->ours));
	} else if (snapshot->kind == SNAPSHOT_UNREADABLE)
		json_object_set_new(object, "error", json_string(strerror(-snapshot->error)));
	return object;
}

static void put_rates(json_t *object, const struct look_rates *rates)
{
	if (!rates->known)
		return;
	json_object_set_new(object, "in_per_second", json_real(rates->in));
	json_object_set_new(object, "out_per_second", json_real(rates->out));
	json_object_set_new(object, "ring_bytes_per_second", json_real(rates->bytes_in));
}

/* ---- what only --status has ---- */

static json_t *describe_group(const struct snapshot_group *group)
{
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(group->name));
	json_object_set_new(object, "durable", json_boolean(group->durable));
	json_object_set_new(object, "open", json_boolean(group->open));
	json_object_set_new(object, "slowest", json_boolean(group->slowest));
	json_object_set_new(object, "end_untold", json_boolean(group->untold));
	json_object_set_new(object, "messages", json_number(group->messages));
	json_object_set_new(object, "in_hand", json_number(group->in_hand));
	json_object_set_new(object, "orphans", json_number(group->orphans));
	json_object_set_new(object, "redelivered", json_number(group->redelivered));
	json_object_set_new(object, "dropped", json_number(group->dropped));
	json_object_set_new(object, "consumers", json_number(group->alive));
	json_object_set_new(object, "dead", json_number(group->consumers - group->alive));
	return object;
}

static const char *wait_word(enum channel_wait wait)
{
	static const char *const words[] = { [CHANNEL_WAITS_NOT] = "nothing",
					     [CHANNEL_WAITS_ROOM] = "room",
					     [CHANNEL_WAITS_TURN] = "turn",
					     [CHANNEL_WAITS_ACKNOWLEDGED] = "acknowledgement",
					     [CHANNEL_WAITS_CONSUMERS] = "consumers",
					     [CHANNEL_WAITS_DATA] = "messages",
					     [CHANNEL_WAITS_PIECE] = "piece" };

	return words[wait];
}

static json_t *describe_endpoint(const struct snapshot *snapshot,
				 const struct snapshot_endpoint *endpoint)
{
	bool producer = endpoint->role == CHANNEL_PRODUCER;
	bool tap = !producer && endpoint->group == SNAPSHOT_NO_GROUP;
	const char *role = tap ? "tap" : "consumer";
	json_t *object = json_object();

	json_object_set_new(object, "role", json_string(producer ? "producer" : role));
	json_object_set_new(object, "slot", json_number(endpoint->slot));
	json_object_set_new(object, "pid", json_integer(endpoint->pid));
	json_object_set_new(object, "tid", json_integer(endpoint->tid));
	json_object_set_new(object, "life", json_string(look_life(endpoint->life)));
	json_object_set_new(object, "waits_for", json_string(wait_word(endpoint->waits)));
	json_object_set_new(object, "messages", json_number(endpoint->messages));
	json_object_set_new(object, "bytes", json_number(endpoint->bytes));
	json_object_set_new(object, "attached", seconds(endpoint->attached_ns));
	if (producer) {
		json_object_set_new(object, "dropped", json_number(endpoint->dropped));
		json_object_set_new(object, "has_turn", json_boolean(endpoint->has_turn));
	} else if (!tap) {
		json_object_set_new(object, "group",
				    json_string(snapshot->groups[endpoint->group].name));
		json_object_set_new(object, "in_hand", json_number(endpoint->in_hand));
		json_object_set_new(object, "attempts", json_number(endpoint->attempts));
		json_object_set_new(object, "failures", json_number(endpoint->failures));
	}
	return object;
}

static void put_status(json_t *object, const struct snapshot *snapshot)
{
	json_t *groups = json_array(), *endpoints = json_array(), *recovered = json_object();

	for (unsigned i = 0; i < snapshot->group_count; i++)
		json_array_append_new(groups, describe_group(&snapshot->groups[i]));
	for (unsigned i = 0; i < snapshot->endpoint_count; i++)
		json_array_append_new(endpoints,
				      describe_endpoint(snapshot, &snapshot->endpoints[i]));
	json_object_set_new(recovered, "producers",
			    json_number(snapshot->recovered[CHANNEL_PRODUCER]));
	json_object_set_new(recovered, "consumers",
			    json_number(snapshot->recovered[CHANNEL_CONSUMER]));
	json_object_set_new(object, "recovered", recovered);
	json_object_set_new(object, "groups", groups);
	json_object_set_new(object, "endpoints", endpoints);
}

static int write_file(const char *text, size_t size, void *file)
{
	return fwrite(text, 1, size, file) == size ? 0 : -1;
}

void look_json(const struct look *look, FILE *file, const struct snapshot *channels,
	       const struct look_rates *rates, size_t count, bool status, bool compact)
{
	json_t *all = json_array(), *shown = all;

	for (size_t i = 0; i < count; i++) {
		const struct look_rates *rate = rates != NULL ? &rates[i] : NULL;
		json_t *object = describe(&channels[i], rate);

		if (status && channels[i].kind == SNAPSHOT_CHANNEL)
			put_status(object, &channels[i]);
		if (rates != NULL)
			put_rates(object, &rates[i]);
		json_array_append_new(all, object);
	}
	if (status)
		shown = count > 0 ? json_array_get(all, 0) : NULL;
	/* null: there is no such channel at the moment. The caller checks the file for errors. */
	if (shown == NULL)
		fputs("null", file);
	else if (json_dump_callback(shown, write_file, file,
				    JSON_REAL_PRECISION(9) | JSON_ENSURE_ASCII |
					    (compact ? JSON_COMPACT : JSON_INDENT(2))) != 0 &&
		 ferror(file) == 0)
		cli_error(look->settings, "out of memory");
	fputc('\n', file);
	json_decref(all);
}

#else

void look_json(const struct look *look, FILE *file, const struct snapshot *channels,
	       const struct look_rates *rates, size_t count, bool status, bool compact)
{
	(void)file;
	(void)channels;
	(void)rates;
	(void)count;
	(void)status;
	(void)compact;
	cli_not_built(look->settings, "--json", "libjansson");
}

#endif
