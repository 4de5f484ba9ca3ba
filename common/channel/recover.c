#include "channel/recover.h"

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/side.h"
#include "channel/slot.h"
#include "channel/validate.h"
#include "shared_buffer.h"

static bool side_valid(struct channel *channel, enum channel_role role)
{
	const struct ring *ring = &channel->segment.ring;

	if (role == CHANNEL_PRODUCER)
		return ring_valid_producers(ring, channel->segment.shared);
	return ring_valid_consumers(ring, channel->segment.shared);
}

int side_recover(struct channel *channel, enum channel_role role)
{
	struct deadline deadline =
		channel->leaving ? endpoint_leave_deadline(channel)
				 : endpoint_deadline(channel, channel->options.timeout_ns);
	int rc = side_lock(channel, role, &deadline);

	if (rc < 0)
		return rc;
	rc = side_probe(channel, role);
	if (rc == 0 && !side_valid(channel, role))
		rc = -CHANNEL_EDAMAGED;
	side_unlock(channel, role);
	return rc;
}

int sides_recover(struct channel *channel)
{
	int rc = side_recover(channel, CHANNEL_PRODUCER);

	return rc < 0 ? rc : side_recover(channel, CHANNEL_CONSUMER);
}
