#include "base/barrier.h"

#include <sys/syscall.h>
#include <unistd.h>

/* From linux/membarrier.h (Linux 4.16), which a plain musl tool chain does not have. */
enum { GLOBAL_EXPEDITED = 1 << 1, REGISTER_GLOBAL_EXPEDITED = 1 << 2 };

static bool membarrier_call(int command)
{
#ifdef SYS_membarrier
	return syscall(SYS_membarrier, command, 0, 0) == 0;
#else
	(void)command;
	return false;
#endif
}

bool barrier_register(void)
{
	return membarrier_call(REGISTER_GLOBAL_EXPEDITED);
}

void barrier_heavy(bool membarrier)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (membarrier)
		membarrier_call(GLOBAL_EXPEDITED); /* a process that has registered may call it */
}
