/*
 * Hints to the processor. None of them changes what a program does, only how soon. Private to
 * common/.
 */
#ifndef PROCESSOR_H
#define PROCESSOR_H

/* Between two looks at a word that another processor will write. */
static inline void processor_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb"); /* "yield" is nothing on most of them */
#endif
}

/* This line and the next will be read soon. */
static inline void processor_fetch(const void *at)
{
	__builtin_prefetch(at);
	__builtin_prefetch((const char *)at + 64);
}

/*
 * This line will be written soon: have it, and nobody else. For x86-64 compilers make a fetch for
 * reading of __builtin_prefetch(at, 1), after which the write still has to ask for it; of the
 * processors in use those without the instruction take it for none at all.
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
