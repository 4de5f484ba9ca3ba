/* --list: one line for each channel. */
#include "consumer/look/list.h"

#include "cli/figures.h"
#include "cli/message.h"
#include "consumer/look/words.h"

/* True for a channel. Of any other object only the name and the size are known. */
static bool known(const struct snapshot *snapshot)
{
	return snapshot->kind == SNAPSHOT_CHANNEL;
}

static void messages_put(struct table *table, const struct snapshot *snapshot)
{
	char text[FIGURE_MAX];

	if (known(snapshot))
		table_put(table, SHOW_PLAIN, "%s%s", snapshot->estimated ? "~" : "",
			  figure_count(text, snapshot->messages));
	else
		table_put(table, SHOW_PLAIN, "-");
}

static void bytes_put(struct table *table, const struct snapshot *snapshot)
{
	char text[FIGURE_MAX];

	table_put(table, SHOW_PLAIN, "%s",
		  known(snapshot) ? figure_bytes(text, snapshot->bytes) : "-");
}

static void used_put(struct table *table, const struct snapshot *snapshot)
{
	char used[FIGURE_MAX], size[FIGURE_MAX];

	if (known(snapshot))
		table_put(table, SHOW_PLAIN, "%s/%s", figure_bytes(used, snapshot->used),
			  figure_bytes(size, snapshot->capacity));
	else
		table_put(table, SHOW_PLAIN, "-/%s", figure_bytes(size, snapshot->object_bytes));
}

/*
 * Puts the number of living endpoints; and, after a plus, of dead ones that nobody has cleaned up
 * after.
 */
static void side_put(struct table *table, const struct snapshot *snapshot, enum channel_role role)
{
	unsigned dead = snapshot->attached[role] - snapshot->alive[role];

	if (!known(snapshot))
		table_put(table, SHOW_PLAIN, "-");
	else if (dead > 0)
		table_put(table, SHOW_BAD, "%u+%u", snapshot->alive[role], dead);
	else
		table_put(table, SHOW_PLAIN, "%u", snapshot->alive[role]);
}

static void age_put(struct table *table, const struct snapshot *snapshot)
{
	char text[FIGURE_MAX];

	table_put(table, SHOW_PLAIN, "%s",
		  known(snapshot) ? figure_age(text, snapshot->age_ns) : "-");
}

static void state_put(struct table *table, const struct snapshot *snapshot,
		      const struct look_rates *rates)
{
	const char *state = look_state(snapshot, rates);

	table_put(table, look_state_colour(state), "%s", state);
}

/* Puts what a wide terminal has room for. */
static void more_put(struct table *table, const struct snapshot *snapshot)
{
	char text[FIGURE_MAX];

	if (known(snapshot)) {
		table_put(table, SHOW_PLAIN, "%u", snapshot->group_count);
		table_put(table, SHOW_PLAIN, "%u", snapshot->observers);
		table_put(table, SHOW_PLAIN, "%s", figure_count(text, snapshot->sent));
	} else {
		table_put(table, SHOW_PLAIN, "-");
		table_put(table, SHOW_PLAIN, "-");
		table_put(table, SHOW_PLAIN, "-");
	}
	table_put(table, SHOW_PLAIN, "%04o", (unsigned)snapshot->mode);
}

static void rate_put(struct table *table, const struct look_rates *rates, double rate)
{
	char text[FIGURE_MAX];

	if (rates->known)
		table_put(table, SHOW_PLAIN, "%s", figure_count(text, (uint64_t)(rate + 0.5)));
	else
		table_put(table, SHOW_PLAIN, "-");
}

static void bar_put(struct table *table, const struct snapshot *snapshot)
{
	char text[FIGURE_MAX];

	if (known(snapshot))
		table_put(table, SHOW_PLAIN, "%s",
			  show_bar(text, snapshot->used, snapshot->capacity, 8));
	else
		table_put(table, SHOW_PLAIN, "-");
}

static void row_put(struct table *table, const struct snapshot *snapshot,
		    const struct look_rates *rates, bool wide)
{
	table_put(table, SHOW_PLAIN, "%s", snapshot->name);
	messages_put(table, snapshot);
	if (rates != NULL) {
		rate_put(table, rates, rates->in);
		rate_put(table, rates, rates->out);
		bar_put(table, snapshot);
	}
	if (rates == NULL || wide) {
		bytes_put(table, snapshot);
		used_put(table, snapshot);
	}
	side_put(table, snapshot, CHANNEL_PRODUCER);
	side_put(table, snapshot, CHANNEL_CONSUMER);
	if (rates == NULL || wide)
		age_put(table, snapshot);
	if (wide)
		more_put(table, snapshot);
	state_put(table, snapshot, rates);
}

void list_print(const struct look *look, const struct show *show, const struct snapshot *channels,
		const struct look_rates *rates, size_t count)
{
	static const char *const plain[] = { "<NAME", "MESSAGES", "BYTES",  "USED/SIZE", "PROD",
					     "CONS",  "AGE",	  "<STATE", NULL };
	static const char *const plain_wide[] = { "<NAME", "MESSAGES", "BYTES", "USED/SIZE",
						  "PROD",  "CONS",     "AGE",	"GROUPS",
						  "TAPS",  "SENT",     "MODE",	"<STATE",
						  NULL };
	static const char *const rated[] = { "<NAME", "MESSAGES", "IN/S",   "OUT/S", "<FILL",
					     "PROD",  "CONS",	  "<STATE", NULL };
	static const char *const rated_wide[] = { "<NAME", "MESSAGES", "IN/S",	    "OUT/S",
						  "<FILL", "BYTES",    "USED/SIZE", "PROD",
						  "CONS",  "AGE",      "GROUPS",    "TAPS",
						  "SENT",  "MODE",     "<STATE",    NULL };
	bool wide = show->columns >= SHOW_WIDE;
	struct table table = table_new(rates != NULL ? (wide ? rated_wide : rated)
						     : (wide ? plain_wide : plain));

	for (size_t i = 0; i < count; i++)
		row_put(&table, &channels[i], rates != NULL ? &rates[i] : NULL, wide);
	if (table.failed)
		cli_error(look->settings, "out of memory");
	table_print(&table, show, "");
	table_free(&table);
}
