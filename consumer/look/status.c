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

static void print_channel(const struct show *show, const struct census *census,
			  const struct look_rates *rates)
{
	const char *state = look_state(census, rates);

	line_begin(show, "channel");
	fprintf(show->file, "%s: ", census->name);
	show_colour(show, look_state_colour(state));
	fputs(state, show->file);
	show_colour(show, SHOW_PLAIN);
	fputc('\n', show->file);
}

static void print_object(const struct show *show, const struct census *census)
{
	time_t made = (time_t)(census->made_ns / NS_PER_SEC);
	char when[64] = "?", age[FIGURE_MAX], size[FIGURE_MAX];
	struct tm local;

	if (localtime_r(&made, &local) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
	line_begin(show, "object");
	fprintf(show->file, "%s of user %lu, mode %04o, %s",
		figure_bytes(size, census->object_bytes), (unsigned long)census->owner,
		(unsigned)census->mode, census->kind == CENSUS_CHANNEL ? "made" : "changed");
	fprintf(show->file, " %s", when);
	if (census->kind == CENSUS_CHANNEL)
		fprintf(show->file, " (%s ago)", figure_age(age, census->age_ns));
	fputc('\n', show->file);
}

static void print_ring(const struct show *show, const struct census *census)
{
	char bar[FIGURE_MAX], used[FIGURE_MAX], size[FIGURE_MAX];
	double share =
		census->capacity == 0 ? 0 : 100.0 * (double)census->used / (double)census->capacity;

	line_begin(show, "ring");
	fprintf(show->file, "%s %s of %s used, %.0f%%\n",
		show_bar(bar, census->used, census->capacity, 20), figure_bytes(used, census->used),
		figure_bytes(size, census->capacity), share);
}

static void print_messages(const struct show *show, const struct census *census)
{
	const char *unit = census->bytes == 1 ? " byte" : " bytes";
	char bytes[FIGURE_MAX];

	line_begin(show, "messages");
	fprintf(show->file, "%s%llu to be taken (%s%s); %llu sent since it was made\n",
		census->estimated ? "about " : "", (unsigned long long)census->messages,
		figure_bytes(bytes, census->bytes), census->bytes < 1024 ? unit : "",
		(unsigned long long)census->sent);
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

static void print_past(const struct show *show, const struct census *census)
{
	uint64_t recovered =
		census->recovered[CHANNEL_PRODUCER] + census->recovered[CHANNEL_CONSUMER];

	line_begin(show, "recovered");
	fprintf(show->file, "from %llu death%s: %llu producer%s, %llu consumer%s\n",
		(unsigned long long)recovered, plural(recovered),
		(unsigned long long)census->recovered[CHANNEL_PRODUCER],
		plural(census->recovered[CHANNEL_PRODUCER]),
		(unsigned long long)census->recovered[CHANNEL_CONSUMER],
		plural(census->recovered[CHANNEL_CONSUMER]));
}

/* True for a wide terminal, or if it is not a terminal. */
static bool is_wide(const struct show *show)
{
	return show->columns >= SHOW_WIDE || show->columns == 0;
}

static const char *group_kind(const struct census_group *group)
{
	if (group->durable)
		return "durable";
	return group->alive > 0 ? "open" : "left";
}

static const char *group_title(const struct census_group *group)
{
	return group->name[0] != '\0' ? group->name : "(no name)";
}

/* True if all groups are equally slow, so that none is marked as the slowest. */
static bool all_slowest(const struct census *census)
{
	bool all = true;

	for (unsigned i = 0; i < census->group_count; i++)
		all = all && census->groups[i].slowest;
	return all;
}

static void group_put(struct table *table, const struct census *census,
		      const struct census_group *group, bool wide)
{
	char text[FIGURE_MAX];

	table_put(table, SHOW_PLAIN, "%s", group_title(group));
	table_put(table, SHOW_PLAIN, "%s%s", census->estimated ? "~" : "",
		  figure_count(text, group->messages));
	table_put(table, SHOW_PLAIN, "%s", figure_count(text, group->in_hand));
	table_put(table, group->orphans > 0 ? SHOW_CARE : SHOW_PLAIN, "%s",
		  figure_count(text, group->orphans));
	table_put(table, SHOW_PLAIN, "%s", figure_count(text, group->redelivered));
	table_put(table, SHOW_PLAIN, "%s", figure_count(text, group->dropped));
	table_put(table, SHOW_PLAIN, "%u", group->alive);
	table_put(table, SHOW_PLAIN, "%s%s%s", group_kind(group),
		  group->slowest && !all_slowest(census) ? ", slowest" : "",
		  group->untold && wide ? ", end untold" : "");
}

static bool print_groups(const struct show *show, const struct census *census)
{
	static const char *const titles[] = { "<GROUP",	 "MESSAGES", "IN HAND",
					      "ORPHANS", "REDELIV",  "DROPPED",
					      "CONS",	 "<KIND",    NULL };
	struct table table = table_new(titles);
	bool complete;

	for (unsigned i = 0; i < census->group_count; i++)
		group_put(&table, census, &census->groups[i], is_wide(show));
	table_print(&table, show, "");
	complete = !table.failed;
	table_free(&table);
	return complete;
}

static const char *role_of(const struct census_endpoint *endpoint)
{
	if (endpoint->role == CHANNEL_PRODUCER)
		return "producer";
	return endpoint->group == CENSUS_NO_GROUP ? "tap" : "consumer";
}

static enum show_colour life_colour(enum life life)
{
	if (life == LIFE_DEAD)
		return SHOW_BAD;
	return life == LIFE_STOPPED ? SHOW_CARE : SHOW_PLAIN;
}

/* The columns: all, or those that fit 80, with the group if there are several. */
enum columns { COLUMNS_FEW, COLUMNS_GROUPS, COLUMNS_ALL };

static const char *group_of(const struct census *census, const struct census_endpoint *endpoint)
{
	return endpoint->group == CENSUS_NO_GROUP ? "-"
						  : group_title(&census->groups[endpoint->group]);
}

static void endpoint_put(struct table *table, const struct census *census,
			 const struct census_endpoint *endpoint, enum columns columns)
{
	char text[FIGURE_MAX], wait[TABLE_CELL];

	table_put(table, SHOW_PLAIN, "%s", role_of(endpoint));
	table_put(table, SHOW_PLAIN, "%ld", (long)endpoint->pid);
	table_put(table, life_colour(endpoint->life), "%s", look_life(endpoint->life));
	table_put(table, SHOW_PLAIN, "%s", figure_count(text, endpoint->messages));
	if (columns == COLUMNS_GROUPS)
		table_put(table, SHOW_PLAIN, "%.9s", group_of(census, endpoint));
	else
		table_put(table, SHOW_PLAIN, "%s", figure_bytes(text, endpoint->bytes));
	if (columns == COLUMNS_ALL) {
		table_put(table, SHOW_PLAIN, "%s", figure_count(text, endpoint->dropped));
		table_put(table, SHOW_PLAIN, "%s", figure_age(text, endpoint->attached_ns));
		table_put(table, SHOW_PLAIN, "%s", group_of(census, endpoint));
		table_put(table, SHOW_PLAIN, "%u", endpoint->slot);
	}
	table_put(table, SHOW_PLAIN, "%s", look_wait(census, endpoint, wait));
}

static bool print_endpoints(const struct show *show, const struct census *census)
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
	enum columns narrow = census->group_count > 1 ? COLUMNS_GROUPS : COLUMNS_FEW;
	enum columns columns = is_wide(show) ? COLUMNS_ALL : narrow;
	struct table table = table_new(titles[columns]);
	bool complete;

	for (unsigned i = 0; i < census->endpoint_count; i++)
		endpoint_put(&table, census, &census->endpoints[i], columns);
	if (census->endpoint_count == 0)
		fputs("nobody is attached\n", show->file);
	else
		table_print(&table, show, "");
	complete = !table.failed;
	table_free(&table);
	return complete;
}

/* Prints what is known of an object that is not a channel of this build. */
static void print_strange(const struct show *show, const struct census *census)
{
	char words[OWNER_WORDS];

	owner_words(census->owner, words);
	if (census->kind == CENSUS_OTHER_BUILD)
		fprintf(show->file, "It was made by a different build (%s; this is %s).\n",
			census->theirs, census->ours);
	else if (census->kind == CENSUS_REMOVED)
		fputs("It was removed; the next that attaches removes its name.\n", show->file);
	else if (census->kind == CENSUS_LINKED)
		fprintf(show->file,
			"It has another name, too, so it may be another channel's, and nobody uses "
			"it. shm-consume -C %s%s --remove --force removes it, and makes it useless "
			"under the other name.\n",
			census->name, words);
	else if (census->kind == CENSUS_DAMAGED)
		fprintf(show->file,
			"What is in it makes no sense. shm-consume -C %s%s --remove --force "
			"removes it.\n",
			census->name, words);
	else if (census->kind == CENSUS_UNREADABLE)
		fprintf(show->file, "It cannot be read: %s.\n", strerror(-census->error));
}

void status_print(const struct show *show, const struct census *census,
		  const struct look_rates *rates)
{
	bool complete;

	print_channel(show, census, rates);
	print_object(show, census);
	if (census->kind != CENSUS_CHANNEL) {
		print_strange(show, census);
		return;
	}
	print_ring(show, census);
	print_messages(show, census);
	if (rates != NULL)
		print_rates(show, rates);
	print_past(show, census);
	fputc('\n', show->file);
	complete = print_groups(show, census);
	fputc('\n', show->file);
	complete = print_endpoints(show, census) && complete;
	if (!complete)
		fputs("(out of memory: this is not all)\n", show->file);
}
