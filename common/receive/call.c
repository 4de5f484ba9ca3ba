#include "receive/call.h"

#include <errno.h>

#include "base/deadline.h"
#include "channel/endpoint.h"
#include "receive/under_lock.h"

const struct deadline *receive_deadline(struct receive_call *call)
{
	if (!call->deadline_set)
		call->deadline =
			deadline_after(call->timeout_ns, -ETIMEDOUT, &call->channel->interrupted);
	call->deadline_set = true;
	return &call->deadline;
}
