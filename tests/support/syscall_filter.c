#include "tests/support/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* From linux/filter.h and linux/seccomp.h, which a plain musl tool chain does not have. */
struct instruction {
	uint16_t code;
	uint8_t if_true, if_false; /* how many instructions to skip */
	uint32_t operand;
};

struct program {
	unsigned short size;
	const struct instruction *instructions;
};

enum {
	LOAD_WORD = 0x20,	/* BPF_LD | BPF_W | BPF_ABS */
	JUMP_IF_EQUAL = 0x15,	/* BPF_JMP | BPF_JEQ | BPF_K */
	JUMP_IF_ANY_BIT = 0x45, /* BPF_JMP | BPF_JSET | BPF_K */
	RETURN = 0x06,		/* BPF_RET | BPF_K */
	FILTER_MODE = 2,	/* SECCOMP_MODE_FILTER */
	PROGRAM_MAX = 32
};
#define RETURN_KILL	    0x80000000u
#define RETURN_ERROR(error) (0x00050000u | (error))
#define RETURN_ALLOW	    0x7fff0000u

/* Offsets in struct seccomp_data: the call's number, and the lower half of an argument. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT(index) (16u + 8u * (index))
#else
#define ARGUMENT(index) (20u + 8u * (index))
#endif

struct filter {
	struct instruction instructions[PROGRAM_MAX];
	unsigned short size;
};

static void add(struct filter *filter, uint16_t code, uint8_t if_true, uint8_t if_false,
		uint32_t operand)
{
	filter->instructions[filter->size++] =
		(struct instruction){ code, if_true, if_false, operand };
}

/* Refuses this call, whatever its arguments. */
static void refuse(struct filter *filter, long number, uint32_t result)
{
	add(filter, LOAD_WORD, 0, 0, 0);
	add(filter, JUMP_IF_EQUAL, 0, 1, (uint32_t)number);
	add(filter, RETURN, 0, 0, result);
}

/* Refuses this call if these flags are in that argument. */
static void refuse_flags(struct filter *filter, long number, unsigned argument, uint32_t flags,
			 uint32_t result)
{
	add(filter, LOAD_WORD, 0, 0, 0);
	add(filter, JUMP_IF_EQUAL, 0, 3, (uint32_t)number);
	add(filter, LOAD_WORD, 0, 0, ARGUMENT(argument));
	add(filter, JUMP_IF_ANY_BIT, 0, 1, flags);
	add(filter, RETURN, 0, 0, result);
}

bool syscall_filter(unsigned which)
{
	const uint32_t unnamed = O_TMPFILE & ~O_DIRECTORY;
	struct filter filter = { .size = 0 };
	struct program program;

	if ((which & FILTER_UMASK) != 0)
		refuse(&filter, SYS_umask, RETURN_KILL);
	if ((which & FILTER_MEMBARRIER) != 0)
		refuse(&filter, SYS_membarrier, RETURN_ERROR(EPERM));
	if ((which & FILTER_EVENTFD) != 0)
		refuse(&filter, SYS_eventfd2, RETURN_ERROR(EPERM));
	if ((which & FILTER_LINK) != 0)
		refuse(&filter, SYS_linkat, RETURN_ERROR(ENOENT));
	if ((which & FILTER_UNNAMED) != 0) {
		refuse_flags(&filter, SYS_openat, 2, unnamed, RETURN_ERROR(EOPNOTSUPP));
#ifdef SYS_open
		refuse_flags(&filter, SYS_open, 1, unnamed, RETURN_ERROR(EOPNOTSUPP));
#endif
	}
	add(&filter, RETURN, 0, 0, RETURN_ALLOW);
	program = (struct program){ filter.size, filter.instructions };
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, FILTER_MODE, &program) == 0;
}
