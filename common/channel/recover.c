#include "channel/recover.h"

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/side.h"
#include "channel/slot.h"
#include "channel/validate.h"
#include "shared_buffer.h"

int side_recover(struct channel *channel, enum channel_role role)
{
	struct deadline deadline =
		channel->leaving ? endpoint_leave_deadline(channel)
				 : endpoint_deadline(channel, channel->options.timeout_ns);
	const struct shared_buffer *shared = channel->segment.shared;
	int rc = side_lock(channel, role, &deadline);

	if (rc < 0)
		return rc;
	rc = side_probe(channel, role);
	if (rc == 0 &&
	    !(role == CHANNEL_PRODUCER ? ring_valid_producers(&channel->segment.ring, shared)
				       : ring_valid_consumers(&channel->segment.ring, shared)))
		rc = -CHANNEL_EDAMAGED;
	side_unlock(channel, role);
	return rc;
}

int sides_recover(struct channel *channel)
{
	int rc = side_recover(channel, CHANNEL_PRODUCER);

	return rc < 0 ? rc : side_recover(channel, CHANNEL_CONSUMER);
}
