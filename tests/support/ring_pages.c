#include "tests/support/ring_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/support.h"

struct ring ring_new(uint64_t capacity)
{
	size_t size = (size_t)capacity;
	int fd = memfd_create("ring", MFD_CLOEXEC);
	unsigned char *bytes;

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, (off_t)size), 0);
	bytes = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(bytes, MAP_FAILED);
	for (int i = 0; i < 2; i++)
		cr_assert_neq(mmap(bytes + (size_t)i * size, size, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, fd, 0),
			      MAP_FAILED);
	close(fd);
	return (struct ring){ .bytes = bytes, .capacity = capacity };
}

void ring_free(struct ring *ring)
{
	munmap(ring->bytes, 2 * (size_t)ring->capacity);
}
