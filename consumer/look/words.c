#include "consumer/look/words.h"

#include <string.h>

enum show_colour look_state_colour(const char *state)
{
	static const char *const good[] = { "flowing", "draining", NULL };
	static const char *const plain[] = { "idle", "empty", "no producers", NULL };
	static const char *const bad[] = { "damaged",	  "no channel",	   "unreadable",
					   "other build", "other version", NULL };

	for (int i = 0; good[i] != NULL; i++)
		if (strcmp(state, good[i]) == 0)
			return SHOW_GOOD;
	for (int i = 0; plain[i] != NULL; i++)
		if (strcmp(state, plain[i]) == 0)
			return SHOW_PLAIN;
	for (int i = 0; bad[i] != NULL; i++)
		if (strcmp(state, bad[i]) == 0)
			return SHOW_BAD;
	return SHOW_CARE;
}

/*
 * A channel that is emptied as fast as it is filled looks idle each time; its rates tell otherwise.
 */
const char *look_state(const struct snapshot *snapshot, const struct look_rates *rates)
{
	const char *state = snapshot_state(snapshot);

	if (rates != NULL && rates->known && rates->in > 0 && strcmp(state, "idle") == 0)
		return "flowing";
	return state;
}

const char *look_life(enum life life)
{
	switch (life) {
	case LIFE_ALIVE:
		return "alive";
	case LIFE_STOPPED:
		return "stopped";
	case LIFE_DEAD:
		return "dead";
	case LIFE_UNKNOWN:
		break;
	}
	return "unknown";
}

/* Returns the producer that has the turn. */
static const struct snapshot_endpoint *turn_holder(const struct snapshot *snapshot)
{
	for (unsigned i = 0; i < snapshot->endpoint_count; i++)
		if (snapshot->endpoints[i].has_turn)
			return &snapshot->endpoints[i];
	return NULL;
}

static void wait_turn(const struct snapshot *snapshot, char buffer[TABLE_CELL])
{
	const struct snapshot_endpoint *holder = turn_holder(snapshot);

	if (holder == NULL)
		snprintf(buffer, TABLE_CELL, "its turn");
	else
		snprintf(buffer, TABLE_CELL, "its turn, after %ld%s", (long)holder->pid,
			 holder->life == LIFE_STOPPED ? " (stopped)" : "");
}

/* Writes what the consumer has taken, and how often it was tried if not for the first time. */
static void in_hand(const struct snapshot_endpoint *endpoint, char buffer[TABLE_CELL])
{
	int size = snprintf(buffer, TABLE_CELL, "its output, %llu in hand",
			    (unsigned long long)endpoint->in_hand);

	if (endpoint->attempts > 1)
		size += snprintf(buffer + size, TABLE_CELL - (size_t)size, " (attempt %llu",
				 (unsigned long long)endpoint->attempts);
	if (endpoint->attempts > 1 && endpoint->failures > 0)
		size += snprintf(buffer + size, TABLE_CELL - (size_t)size, ", %llu failed",
				 (unsigned long long)endpoint->failures);
	if (endpoint->attempts > 1)
		snprintf(buffer + size, TABLE_CELL - (size_t)size, ")");
}

const char *look_wait(const struct snapshot *snapshot, const struct snapshot_endpoint *endpoint,
		      char buffer[TABLE_CELL])
{
	buffer[0] = '\0';
	if (endpoint->life == LIFE_DEAD)
		return strcpy(buffer, "(dead: the next one cleans up)");
	switch (endpoint->waits) {
	case CHANNEL_WAITS_ROOM:
		return strcpy(buffer, "room: the ring is full");
	case CHANNEL_WAITS_TURN:
		wait_turn(snapshot, buffer);
		return buffer;
	case CHANNEL_WAITS_ACKNOWLEDGED:
		return strcpy(buffer, "acknowledgements");
	case CHANNEL_WAITS_CONSUMERS:
		return strcpy(buffer, "consumers to come");
	case CHANNEL_WAITS_DATA:
		return strcpy(buffer, "messages");
	case CHANNEL_WAITS_PIECE:
		return strcpy(buffer, "the rest of a long message");
	default:
		break;
	}
	if (endpoint->in_hand > 0)
		in_hand(endpoint, buffer);
	else if (endpoint->is_inside)
		strcpy(buffer, "input, inside a long message");
	else
		strcpy(buffer, "-");
	return buffer;
}
