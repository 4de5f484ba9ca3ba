/*
 * A slot's semaphore (semaphore_post(), semaphore_wait()): a word that is NONE, TOKEN, or ASLEEP
 * while its owner sleeps or is about to, and the kernel's futex. sleep.pml and the other models
 * take a semaphore as one bit.
 *
 * The owner waits WAITS times. POSTERS other processes post once each, and a Unix signal handler of
 * the owner posts, too, at any step of the owner. A post that comes while there is a token is lost,
 * as it should be; so a wait may be given up when everybody has posted and there is nothing for it.
 * But then there must be no token, and nobody may sleep on one.
 *
 * Switches that remove a rule:
 *   NO_KERNEL_LOOK  futex_wait sleeps whatever the word is by then
 *   PLAIN_ANNOUNCE  the owner announces its sleep with a store instead of compare-and-swap
 *   WAKE_IF_NONE    a poster calls the kernel for an owner that has not said that it sleeps
 */
#ifndef POSTERS
#define POSTERS 2
#endif
#ifndef WAITS
#define WAITS 2
#endif

mtype = { NONE, TOKEN, ASLEEP };

mtype word = NONE;
bool queued; /* the owner is in the kernel, and sleeps */
byte posted, got;

inline post()
{
	atomic { before = word; word = TOKEN };
	if
#ifdef WAKE_IF_NONE
	:: before == NONE -> queued = false
#else
	:: before == ASLEEP -> queued = false
#endif
	:: else
	fi;
	atomic { before = NONE; posted++ }
}

proctype poster()
{
	mtype before = NONE;

	post()
}

/* In the owner's thread, between any two of its steps: it does not run beside it. */
bool in_handler;
proctype handler()
{
	mtype before = NONE;

	atomic { !in_handler -> in_handler = true };
	post();
	in_handler = false
}

#define STEP !in_handler ->

proctype owner()
{
	byte waits;
	bool found;

	do
	:: waits < WAITS ->
		atomic { STEP found = word == TOKEN; word = NONE };
		if
		:: found
		:: else ->
#ifdef PLAIN_ANNOUNCE
			atomic { STEP word = ASLEEP; found = true };
#else
			atomic { STEP found = word == NONE; word = (found -> ASLEEP : word) };
#endif
			if
			:: found -> /* FUTEX_WAIT in the kernel */
				atomic { STEP
					if
#ifndef NO_KERNEL_LOOK
					:: word != ASLEEP
#endif
					:: else -> queued = true
					fi
				};
				if
				:: !queued
				:: posted == POSTERS + 1 && queued -> /* nobody will come */
					assert(word != TOKEN);
					queued = false
				fi
			:: else
			fi;
			atomic { STEP found = word == TOKEN; word = NONE }
		fi;
		got = got + (found -> 1 : 0);
		found = false;
		waits++
	:: else -> break
	od;
	assert(got > 0) /* a post that nobody else has taken is not lost */
}

init {
	byte i;

	atomic {
		run owner();
		run handler();
		do
		:: i < POSTERS -> run poster(); i++
		:: else -> break
		od
	}
}
