/*
 * Memory as C11 has it, not as this processor does: compiled in front of the files in common/ (see
 * the Makefile), this sends their atomic accesses, their fences and their mutexes through weak.c,
 * where a load may return any value that the orders of the accesses allow. So an order that is
 * missing shows on any machine, and the same way each time.
 *
 * It is the machine of views of Kang and others, A Promising Semantics for Relaxed-Memory
 * Concurrency (2017), without promises: a store is a message with the view of memory that whoever
 * acquires it gets, too. Sequentially consistent loads and stores count as acquire and release, so
 * it allows a little more than C11 does; read-modify-writes take the newest value.
 *
 * The threads of a scene run one after the other, in the order of their stores. All but the one
 * that is free to (weak_thread()) read the newest value.
 */
#ifndef WEAK_H
#define WEAK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * weak_explore() begins the exploration of a scene, and weak_execution() each of its executions:
 * `shared` is what the threads share, with its initial values, and `ring` the bytes that are read
 * and written plainly. The latter returns false when all choices of the free thread have been
 * tried.
 */
void weak_explore(void);
bool weak_execution(void *shared, size_t shared_size, unsigned char *ring, size_t ring_size);

/* Continues as this thread, 0 to 3. A free thread may read a value that is no longer the newest. */
void weak_thread(unsigned thread, bool is_free);

/* Returns how many executions there were, in all. */
unsigned long weak_executions(void);

/* What the macros below call. */
uint64_t weak_load(const volatile void *at, size_t size, memory_order order);
void weak_store(volatile void *at, size_t size, uint64_t value, memory_order order);
uint64_t weak_exchange(volatile void *at, size_t size, uint64_t value);
uint64_t weak_or(volatile void *at, size_t size, uint64_t value);
uint64_t weak_and(volatile void *at, size_t size, uint64_t value);
uint64_t weak_add(volatile void *at, size_t size, uint64_t value);
bool weak_replace(volatile void *at, size_t size, void *expected, uint64_t value);
void weak_fence(memory_order order);
void *weak_copy(void *to, const void *from, size_t size);
int weak_trylock(pthread_mutex_t *mutex);
int weak_unlock(pthread_mutex_t *mutex);

#ifndef WEAK_ITSELF
#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_fetch_or
#undef atomic_fetch_and
#undef atomic_fetch_add_explicit
#undef atomic_compare_exchange_strong
#undef atomic_thread_fence
#undef memcpy
#define weak_type(at)			__typeof__((void)0, *(at))
#define atomic_load_explicit(at, order) ((weak_type(at))weak_load(at, sizeof(*(at)), order))
#define atomic_load(at)			atomic_load_explicit(at, memory_order_seq_cst)
#define atomic_store_explicit(at, value, order)                                                    \
	weak_store(at, sizeof(*(at)), (uint64_t)(value), order)
#define atomic_store(at, value)	    atomic_store_explicit(at, value, memory_order_seq_cst)
#define atomic_exchange(at, value)  ((weak_type(at))weak_exchange(at, sizeof(*(at)), value))
#define atomic_fetch_or(at, value)  ((weak_type(at))weak_or(at, sizeof(*(at)), value))
#define atomic_fetch_and(at, value) ((weak_type(at))weak_and(at, sizeof(*(at)), value))
#define atomic_fetch_add_explicit(at, value, order)                                                \
	((weak_type(at))weak_add(at, sizeof(*(at)), value))
#define atomic_compare_exchange_strong(at, expected, value)                                        \
	weak_replace(at, sizeof(*(at)), expected, value)
#define atomic_thread_fence(order)   weak_fence(order)
#define memcpy(to, from, size)	     weak_copy(to, from, size)
#define pthread_mutex_trylock(mutex) weak_trylock(mutex)
#define pthread_mutex_unlock(mutex)  weak_unlock(mutex)
#endif

#endif
