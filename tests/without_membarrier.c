/*
 * without_membarrier COMMAND...: runs the command as in a sandbox whose filter refuses
 * membarrier(). Exit status: the command's, 77 where no filter can be installed, or 127.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CANNOT = 77, NOT_FOUND = 127 };

/* From linux/filter.h and linux/seccomp.h, which a plain musl tool chain does not have. */
struct rule {
	uint16_t code;
	uint8_t if_true, if_false;
	uint32_t operand;
};
struct program {
	unsigned short size;
	const struct rule *rules;
};
enum { LOAD_WORD = 0x20, JUMP_IF_EQUAL = 0x15, RETURN = 0x06 };
enum { FILTER = 2, RETURN_ERRNO = 0x00050000, RETURN_ALLOW = 0x7fff0000, CALL_NUMBER = 0 };

int main(int argc, char **argv)
{
	static const struct rule rules[] = {
		{ LOAD_WORD, 0, 0, CALL_NUMBER },
		{ JUMP_IF_EQUAL, 0, 1, SYS_membarrier },
		{ RETURN, 0, 0, RETURN_ERRNO | EPERM },
		{ RETURN, 0, 0, RETURN_ALLOW },
	};
	struct program program = { sizeof(rules) / sizeof(rules[0]), rules };

	if (argc < 2)
		return NOT_FOUND;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, FILTER, &program) != 0) {
		perror("without_membarrier: cannot install a filter");
		return CANNOT;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return NOT_FOUND;
}
