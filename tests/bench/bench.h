/*
 * What the benchmark and its peers agree on. A peer is a way to get messages from one process
 * to another; each has a file of its own, peer_*.c. bench.c runs all of them alike.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum peer_flags {
	PEER_OURS = 1,
	PEER_LIMIT = 2,	   /* no peer: what the machine allows at best */
	PEER_BUSY = 4,	   /* waits awake, at the cost of a processor */
	PEER_ALONE = 8,	   /* no second process: only sends */
	PEER_MANY = 16,	   /* takes several producers and consumers, and knows when it has ended */
	PEER_GATHERS = 32, /* keeps small messages back: compared with batches only */
	PEER_ASLEEP = 64   /* says something about sleeping only */
};

enum peer_end { END_PRODUCER, END_CONSUMER };

/* One line of communication: one direction, messages of one size. */
struct setting {
	const char *name;    /* unique on this machine; letters, digits, dots */
	size_t message_size; /* bytes, at least 8 */
	size_t ring_size;    /* bytes in flight, if that can be chosen */
};

/* `count` messages, each `stride` bytes after the one before. */
struct run {
	const unsigned char *at;
	size_t count; /* 0: over, no producer is left */
	size_t stride;
};

/*
 * Functions that a peer cannot offer are NULL. They end the process if something goes wrong.
 * The order: start, prepare, (in each process) attach, ..., detach, (in the driver) drop as
 * soon as the processes run, remove when they have ended, and stop at the end of all.
 */
struct peer {
	const char *name;
	unsigned flags;
	size_t message_max;			  /* bytes; 0: any */
	void (*start)(void);			  /* a daemon that it needs */
	void *(*prepare)(const struct setting *); /* returns the state that the rest is given */
	void (*attach)(void *state, enum peer_end);
	void (*send)(void *state, const void *message);
	/* Many messages, one right after the other, in one call. */
	void (*send_many)(void *state, const void *messages, size_t count);
	void (*flush)(void *state); /* what send() has kept back */
	/* Sends without a copy: a place for a message, then it goes. */
	void *(*reserve)(void *state);
	void (*commit)(void *state);
	/* Waits for at least one message. They stay valid until the next call. */
	struct run (*receive)(void *state);
	void (*detach)(void *state, enum peer_end);
	void (*drop)(void *state);
	void (*remove)(void *state);
	void (*stop)(void);
};

/* Prints "bench: ..." with the words of `error`, unless it is 0, and ends the process. */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void die(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t now_ns(void);

/* Memory that is shared with the processes forked from now on, and zero. */
void *shared_new(size_t size);

/* Zeroed memory. */
void *memory_new(size_t size);

/* Prints, for JSON, "rounds":[...] and, if there are any, median, min and max. Sorts them. */
void values_print(double values[], unsigned count);

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* ---- byte streams: stream.c ---- */

struct stream {
	int fds[2]; /* to read, to write */
	size_t message_size;
	bool busy;
	unsigned char *buffer;
	size_t capacity, have, given;
};

struct stream *stream_new(const struct setting *setting, int read_fd, int write_fd);
void stream_attach(void *state, enum peer_end end);
void stream_send(void *state, const void *message);
void stream_send_many(void *state, const void *messages, size_t count);
struct run stream_receive(void *state);
void stream_drop(void *state);

/* Those that are built; the address of the others is NULL. */
extern const struct peer peer_channel, peer_memcpy, peer_spin_ring, peer_futex_ring,
	peer_futex_safe, peer_pipe, peer_pipe_busy, peer_fifo, peer_unix_stream,
	peer_unix_seqpacket, peer_posix_mq, peer_sysv_msg, peer_stdio;
#ifndef __cplusplus
#define OPTIONAL __attribute__((weak))
#else
#define OPTIONAL
#endif
extern const struct peer peer_zeromq OPTIONAL, peer_nng OPTIONAL, peer_libqb OPTIONAL,
	peer_libqb_busy OPTIONAL, peer_boost_queue OPTIONAL, peer_boost_handshake OPTIONAL,
	peer_iceoryx OPTIONAL, peer_iceoryx_busy OPTIONAL;

#ifdef __cplusplus
}
#endif
#endif
