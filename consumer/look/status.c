/* --status: the details of one channel. */
#include <string.h>
#include <time.h>

#include "base/deadline.h"
#include "channel/owner.h"
#include "consumer/look/status.h"
#include "consumer/look/words.h"

/* ---- the parts ---- */

static void line_begin(const struct show *show, const char *title)
{
	show_colour(show, SHOW_BOLD);
	fprintf(show->file, "%-10s", title);
	show_colour(show, SHOW_PLAIN);
}

static void print_channel(const struct show *show, const struct snapshot *snapshot,
			  const struct look_rates *rates)
{
	const char *state = look_state(snapshot, rates);

	line_begin(show, "channel");
	fprintf(show->file, "%s: ", snapshot->name);
	show_colour(show, look_state_colour(state));
	fputs(state, show->file);
	show_colour(show, SHOW_PLAIN);
	fputc('\n', show->file);
}

static void print_object(const struct show *show, const struct snapshot *snapshot)
{
	time_t made = (time_t)(snapshot->made_ns / NS_PER_SEC);
	char when[64] = "?", age[FIGURE_MAX], size[FIGURE_MAX];
	struct tm local;

	if (localtime_r(&made, &local) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
	line_begin(show, "object");
	fprintf(show->file, "%s of user %lu, mode %04o, %s",
		figure_bytes(size, snapshot->object_bytes), (unsigned long)snapshot->owner,
		(unsigned)snapshot->mode, snapshot->kind == SNAPSHOT_CHANNEL ? "made" : "changed");
	fprintf(show->file, " %s", when);
	if (snapshot->kind == SNAPSHOT_CHANNEL)
		fprintf(show->file, " (%s ago)", figure_age(age, snapshot->age_ns));
	fputc('\n', show->file);
}

static void print_ring(const struct show *show, const struct snapshot *snapshot)
{
	char bar[FIGURE_MAX], used[FIGURE_MAX], size[FIGURE_MAX];
	double share = snapshot->capacity == 0
			       ? 0
			       : 100.0 * (double)snapshot->used / (double)snapshot->capacity;

	line_begin(show, "ring");
	fprintf(show->file, "%s %s of %s used, %.0f%%\n",
		show_bar(bar, snapshot->used, snapshot->capacity, 20),
		figure_bytes(used, snapshot->used), figure_bytes(size, snapshot->capacity), share);
}

static void print_messages(const struct show *show, const struct snapshot *snapshot)
{
	const char *unit = snapshot->bytes == 1 ? " byte" : " bytes";
	char bytes[FIGURE_MAX];

	line_begin(show, "messages");
	fprintf(show->file, "%s%llu to be taken (%s%s); %llu sent since it was made\n",
		snapshot->estimated ? "about " : "", (unsigned long long)snapshot->messages,
		figure_bytes(bytes, snapshot->bytes), snapshot->bytes < 1024 ? unit : "",
		(unsigned long long)snapshot->sent);
}

static void print_rates(const struct show *show, const struct look_rates *rates)
{
	char in[FIGURE_MAX], out[FIGURE_MAX], bytes[FIGURE_MAX];

	line_begin(show, "rate");
	if (rates->known)
		fprintf(show->file, "%s/s in, %s/s out; ring %s/s\n",
			figure_count(in, (uint64_t)(rates->in + 0.5)),
			figure_count(out, (uint64_t)(rates->out + 0.5)),
			figure_bytes(bytes, (uint64_t)(rates->bytes_in + 0.5)));
	else
		fputs("-\n", show->file);
}

static void print_past(const struct show *show, const struct snapshot *snapshot)
{
	uint64_t recovered =
		snapshot->recovered[CHANNEL_PRODUCER] + snapshot->recovered[CHANNEL_CONSUMER];

	line_begin(show, "recovered");
	fprintf(show->file, "from %llu death%s: %llu producer%s, %llu consumer%s\n",
		(unsigned long long)recovered, plural(recovered),
		(unsigned long long)snapshot->recovered[CHANNEL_PRODUCER],
		plural(snapshot->recovered[CHANNEL_PRODUCER]),
		(unsigned long long)snapshot->recovered[CHANNEL_CONSUMER],
		plural(snapshot->recovered[CHANNEL_CONSUMER]));
}

/* True for a wide terminal, or if it is not a terminal. */
static bool is_wide(const struct show *show)
{
	return show->columns >= SHOW_WIDE || show->columns == 0;
}

static const char *group_kind(const struct snapshot_group *group)
{
	if (group->durable)
		return "durable";
	return group->alive > 0 ? "open" : "left";
}

static const char *group_title(const struct snapshot_group *group)
{
	return group->name[0] != '\0' ? group->name : "(no name)";
}

/* True if all groups are equally slow, so that none is marked as the slowest. */
static bool all_slowest(const struct snapshot *snapshot)
{
	bool all = true;

	for (unsigned i = 0; i < snapshot->group_count; i++)
		all = all && snapshot->groups[i].slowest;
	return all;
}

static void group_put(struct table *table, const struct snapshot *snapshot,
		      const struct snapshot_group *group, bool wide)
{
	char text[FIGURE_MAX];

	table_put(table, SHOW_PLAIN, "%s", group_title(group));
	table_put(table, SHOW_PLAIN, "%s%s", snapshot->estimated ? "~" : "",
		  figure_count(text, group->messages));
	table_put(table, SHOW_PLAIN, "%s", figure_count(text, group->in_hand));
	table_put(table, group->orphans > 0 ? SHOW_CARE : SHOW_PLAIN, "%s",
		  figure_count(text, group->orphans));
	table_put(table, SHOW_PLAIN, "%s", figure_count(text, group->redelivered));
	table_put(table, SHOW_PLAIN, "%s", figure_count(text, group->dropped));
	table_put(table, SHOW_PLAIN, "%u", group->alive);
	table_put(table, SHOW_PLAIN, "%s%s%s", group_kind(group),
		  group->slowest && !all_slowest(snapshot) ? ", slowest" : "",
		  group->untold && wide ? ", end untold" : "");
}

static bool print_groups(const struct show *show, const struct snapshot *snapshot)
{
	static const char *const titles[] = { "<GROUP",	 "MESSAGES", "IN HAND",
					      "ORPHANS", "REDELIV",  "DROPPED",
					      "CONS",	 "<KIND",    NULL };
	struct table table = table_new(titles);
	bool complete;

	for (unsigned i = 0; i < snapshot->group_count; i++)
		group_put(&table, snapshot, &snapshot->groups[i], is_wide(show));
	table_print(&table, show, "");
	complete = !table.failed;
	table_free(&table);
	return complete;
}

static const char *role_of(const struct snapshot_endpoint *endpoint)
{
	if (endpoint->role == CHANNEL_PRODUCER)
		return "producer";
	return endpoint->group == SNAPSHOT_NO_GROUP ? "tap" : "consumer";
}

static enum show_colour life_colour(enum life life)
{
	if (life == LIFE_DEAD)
		return SHOW_BAD;
	return life == LIFE_STOPPED ? SHOW_CARE : SHOW_PLAIN;
}

/* The columns: all, or those that fit 80, with the group if there are several. */
enum columns { COLUMNS_FEW, COLUMNS_GROUPS, COLUMNS_ALL };

static const char *group_of(const struct snapshot *snapshot,
			    const struct snapshot_endpoint *endpoint)
{
	return endpoint->group == SNAPSHOT_NO_GROUP
		       ? "-"
		       : group_title(&snapshot->groups[endpoint->group]);
}

static void endpoint_put(struct table *table, const struct snapshot *snapshot,
			 const struct snapshot_endpoint *endpoint, enum columns columns)
{
	char text[FIGURE_MAX], wait[TABLE_CELL];

	table_put(table, SHOW_PLAIN, "%s", role_of(endpoint));
	table_put(table, SHOW_PLAIN, "%ld", (long)endpoint->pid);
	table_put(table, life_colour(endpoint->life), "%s", look_life(endpoint->life));
	table_put(table, SHOW_PLAIN, "%s", figure_count(text, endpoint->messages));
	if (columns == COLUMNS_GROUPS)
		table_put(table, SHOW_PLAIN, "%.9s", group_of(snapshot, endpoint));
	else
		table_put(table, SHOW_PLAIN, "%s", figure_bytes(text, endpoint->bytes));
	if (columns == COLUMNS_ALL) {
		table_put(table, SHOW_PLAIN, "%s", figure_count(text, endpoint->dropped));
		table_put(table, SHOW_PLAIN, "%s", figure_age(text, endpoint->attached_ns));
		table_put(table, SHOW_PLAIN, "%s", group_of(snapshot, endpoint));
		table_put(table, SHOW_PLAIN, "%u", endpoint->slot);
	}
	table_put(table, SHOW_PLAIN, "%s", look_wait(snapshot, endpoint, wait));
}

static bool print_endpoints(const struct show *show, const struct snapshot *snapshot)
{
	static const char *const few[] = { "<ROLE", "PID",	  "<STATE", "MESSAGES",
					   "BYTES", "<WAITS FOR", NULL };
	static const char *const groups[] = { "<ROLE",	"PID",	      "<STATE", "MESSAGES",
					      "<GROUP", "<WAITS FOR", NULL };
	static const char *const all[] = { "<ROLE", "PID",	  "<STATE", "MESSAGES",
					   "BYTES", "DROPPED",	  "SINCE",  "<GROUP",
					   "SLOT",  "<WAITS FOR", NULL };
	static const char *const *const titles[] = {
		[COLUMNS_FEW] = few, [COLUMNS_GROUPS] = groups, [COLUMNS_ALL] = all
	};
	enum columns narrow = snapshot->group_count > 1 ? COLUMNS_GROUPS : COLUMNS_FEW;
	enum columns columns = is_wide(show) ? COLUMNS_ALL : narrow;
	struct table table = table_new(titles[columns]);
	bool complete;

	for (unsigned i = 0; i < snapshot->endpoint_count; i++)
		endpoint_put(&table, snapshot, &snapshot->endpoints[i], columns);
	if (snapshot->endpoint_count == 0)
		fputs("nobody is attached\n", show->file);
	else
		table_print(&table, show, "");
	complete = !table.failed;
	table_free(&table);
	return complete;
}

/* Prints what is known of an object that is not a channel of this build. */
static void print_strange(const struct show *show, const struct snapshot *snapshot)
{
	char words[OWNER_WORDS];

	owner_words(snapshot->owner, words);
	if (snapshot->kind == SNAPSHOT_OTHER_BUILD)
		fprintf(show->file, "It was made by a different build (%s; this is %s).\n",
			snapshot->theirs, snapshot->ours);
	else if (snapshot->kind == SNAPSHOT_REMOVED)
		fputs("It was removed; the next that attaches removes its name.\n", show->file);
	else if (snapshot->kind == SNAPSHOT_LINKED)
		fprintf(show->file,
			"It has another name, too, so it may be another channel's, and nobody uses "
			"it. shm-consume -C %s%s --remove --force removes it, and makes it useless "
			"under the other name.\n",
			snapshot->name, words);
	else if (snapshot->kind == SNAPSHOT_DAMAGED)
		fprintf(show->file,
			"What is in it makes no sense. shm-consume -C %s%s --remove --force "
			"removes it.\n",
			snapshot->name, words);
	else if (snapshot->kind == SNAPSHOT_UNREADABLE)
		fprintf(show->file, "It cannot be read: %s.\n", strerror(-snapshot->error));
}

void status_print(const struct show *show, const struct snapshot *snapshot,
		  const struct look_rates *rates)
{
	bool complete;

	print_channel(show, snapshot, rates);
	print_object(show, snapshot);
	if (snapshot->kind != SNAPSHOT_CHANNEL) {
		print_strange(show, snapshot);
		return;
	}
	print_ring(show, snapshot);
	print_messages(show, snapshot);
	if (rates != NULL)
		print_rates(show, rates);
	print_past(show, snapshot);
	fputc('\n', show->file);
	complete = print_groups(show, snapshot);
	fputc('\n', show->file);
	complete = print_endpoints(show, snapshot) && complete;
	if (!complete)
		fputs("(out of memory: this is not all)\n", show->file);
}
