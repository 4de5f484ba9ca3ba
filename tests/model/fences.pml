/*
 * Endpoints that can use membarrier, and one that cannot, in one channel (fences_agree(),
 * fences_look(), barrier_light(), barrier_heavy()).
 *
 * A publisher sends MESSAGES messages, and does without fences until it finds that it has to run
 * them. A sleeper that has membarrier, and a newcomer that has not, must see all the messages.
 * Others see the publisher's plain stores later, in order; it can keep back up to STORES of them.
 * An atomic exchange waits until the own stores are visible; membarrier waits until the publisher's
 * are. There is no clock: a sleeper that only a time-out could wake is an invalid end state.
 *
 * Switches that remove a rule:
 *   NO_AGREEMENT  the newcomer takes its slot at once
 *   LATE          the publisher says that it runs fences one look before it does
 *   GIVES_UP      an endpoint that has changed calls membarrier no longer
 */
#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef STORES
#define STORES 4
#endif
#define SLEEPER 0
#define NEWCOMER 1

#define ASYMMETRIC 1
#define CHANGING 2
#define PLAIN 3

mtype = { TAIL, AGREED };

/* Shared memory. */
byte fences = ASYMMETRIC;
byte tail;
bool waiting[2], semaphore[2];
bool agreed[2]; /* slot.fences of the publisher, or it has left; the same of the sleeper */

/* Stores of the publisher that others do not see yet. */
chan buffer = [STORES] of { mtype, byte };

#define VISIBLE empty(buffer)

active proctype memory()
{
	byte value;
end:
	do
	:: atomic { buffer?TAIL(value) -> tail = value; value = 0 }
	:: atomic { buffer?AGREED(value) -> agreed[0] = true; value = 0 }
	od
}

/* condition_signal_fenced(): an exchange takes the bit. */
inline wake(who)
{
	if
	:: waiting[who] ->
		atomic { VISIBLE -> semaphore[who] = semaphore[who] || waiting[who]; waiting[who] = false }
	:: else
	fi
}

active proctype publisher()
{
	byte sent;
	bool plain, said;

	do
	:: sent < MESSAGES ->
		atomic { sent++; buffer!TAIL(sent) };
		if /* barrier_light() */
		:: plain -> VISIBLE
		:: else
		fi;
		wake(SLEEPER);
		wake(NEWCOMER)
	:: !plain && fences != ASYMMETRIC -> /* fences_look() */
#ifdef LATE
		if
		:: !said -> said = true; buffer!AGREED(0)
		:: else -> plain = true
		fi
#else
		plain = true;
		buffer!AGREED(0)
#endif
	:: sent == MESSAGES -> break
	od;
	atomic { VISIBLE -> agreed[0] = true } /* its bit in `attached` is cleared */
}

/* condition_wait() */
inline sleep_once(me, membarrier)
{
	waiting[me] = true;
	if /* barrier_heavy() */
	:: membarrier -> VISIBLE
	:: else
	fi;
	if
	:: tail == seen -> atomic { semaphore[me] -> semaphore[me] = false }
	:: else
	fi;
	waiting[me] = false
}

active proctype sleeper()
{
	byte seen;
	bool membarrier = true;

	do
	:: tail != seen -> seen = tail
	:: tail == seen && seen < MESSAGES -> sleep_once(SLEEPER, membarrier)
	:: !agreed[1] && fences != ASYMMETRIC -> /* fences_look() */
#ifdef GIVES_UP
		membarrier = false;
#endif
		agreed[1] = true
	:: seen == MESSAGES -> break
	od;
	agreed[1] = true
}

active proctype newcomer()
{
	byte seen;

	fences = CHANGING; /* fences_agree() */
#ifndef NO_AGREEMENT
	atomic { agreed[0] && agreed[1] -> skip };
#endif
	fences = PLAIN;
	do
	:: tail != seen -> seen = tail
	:: tail == seen && seen < MESSAGES -> sleep_once(NEWCOMER, false)
	:: seen == MESSAGES -> break
	od
}
