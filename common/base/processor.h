/*
 * Hints to the processor. None of them changes what a program computes, only how soon. No lock is
 * needed. Private to common/.
 */
#ifndef PROCESSOR_H
#define PROCESSOR_H

/* Call this between two reads of a word that another processor will write. */
static inline void processor_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb"); /* "yield" does nothing on most of these */
#endif
}

/* Fetches the cache line at this address and the next 64 bytes, which will be read soon. */
static inline void processor_fetch(const void *at)
{
	__builtin_prefetch(at);
	__builtin_prefetch((const char *)at + 64);
}

/*
 * Fetches the cache line at this address for writing, as it will be written soon: it is taken from
 * all other processors. On x86-64 compilers turn __builtin_prefetch(at, 1) into a fetch for
 * reading, after which the write still has to ask for ownership; so the instruction is written out.
 * Processors in use that do not have it execute it as no operation.
 */
static inline void processor_fetch_to_write(const void *at)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)at));
#else
	__builtin_prefetch(at, 1);
#endif
}

#endif
