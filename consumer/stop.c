#include "consumer/stop.h"

#include <errno.h>
#include <unistd.h>

uint64_t stop_idle_ns(const struct stop *stop, const struct cli_settings *settings)
{
	uint64_t timeout_ns = settings->channel.timeout_ns;

	return timeout_ns == 0 || stop->idle_ns < timeout_ns ? stop->idle_ns : 0;
}

uint32_t stop_left(const struct stop *stop, uint64_t received)
{
	uint64_t left = stop->count - received;

	return stop->count == 0 || left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

unsigned stop_flags(const struct stop *stop, const struct cli_settings *settings)
{
	bool waits = !stop->exit_empty && !settings->channel.nonblock;

	return (stop->follow ? CHANNEL_FOLLOW : 0) | (waits ? 0 : CHANNEL_DONTWAIT);
}

bool stop_enough(const struct stop *stop, uint64_t received)
{
	return stop->count > 0 && received >= stop->count;
}

enum cli_exit stop_status(const struct stop *stop, uint64_t received)
{
	return stop->count > received ? CLI_WOULD_BLOCK : CLI_DONE;
}

enum cli_exit stop_end_status(struct channel *channel, int result)
{
	bool has_ended = result == CHANNEL_ENDED || channel_end_passed(channel);

	return has_ended && channel_incomplete(channel) ? CLI_INCOMPLETE : CLI_DONE;
}

bool stop_missing_is_empty(const struct cli_settings *settings, int error)
{
	return error == -ENOENT && settings->channel.never_create &&
	       settings->channel.owner == geteuid();
}
