#include "support.h"

Test(agent, a_message_crosses, .timeout = 30)
{
	struct agent producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send hello");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&consumer, "ok 1 1 5 1 FL- hello", "receive");
	agent_expect(&consumer, "error EAGAIN", "receive dontwait");
	agent_quit(&producer);
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	cr_assert(!object_exists(name));
}
