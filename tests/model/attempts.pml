/*
 * What a message's attempts say (the upper half of a claim's `owner`; claim.c, claim_forsake() in
 * orphan.c, delivery_done() in visit.c, hand_over() in receive.c), kill -9 at any step.
 *
 * RECORDS records are in the ring. CONSUMERS consumers attach and leave LIVES times each: who is
 * alone claims two records at once, and gets them one by one (TOGETHER: the first consumer gets
 * both at once). It acknowledges what it has in hand, tries it again (RETRIES times in all), or
 * gives it back and leaves. Each store to shared memory is a step. What is acknowledged without
 * the mutex is in batch.pml.
 *
 * Checked: a message that somebody had in hand, and was not done with, comes with attempts of 2
 * or more; those of the first message of a claim never go down; one that nobody ever had comes
 * with 1, or, as the rest of an orphan, with 2, and one more for each death that gave it to nobody;
 * what is acknowledged does not come again.
 *
 * Switches that remove a rule: NO_LIMIT (the rest inherits the attempts of what was before it),
 * LIMIT_LATE (they are limited after `begin` has moved), LIMIT_ONE (to 1, also in an orphan), RESET
 * (who gives back or dies leaves no attempts), CUT_AGAIN (an orphan that is given back is cut off,
 * too), NO_TOGETHER (the flag is not stored).
 */
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef RECORDS
#define RECORDS 3
#endif
#ifndef LIVES
#define LIVES 2 /* of each consumer */
#endif
#ifndef RETRIES
#define RETRIES 1
#endif
#ifndef KILLS
#define KILLS 1
#endif

#define CLAIMS 2
#define BIT(i) (1 << (i))
#define NONE 255
#define FREE 0
#define ORPHAN 100

/* Shared memory. `owner` and `attempts` are one word. */
byte next;
byte owner[CLAIMS], attempts[CLAIMS], begin[CLAIMS], limit[CLAIMS];
bool together[CLAIMS]; /* CLAIM_TOGETHER */
byte attached;

/* The consumers' mutex: 0 or who holds it, plus 1; it remembers that its holder died. */
byte mutex, alive[CONSUMERS];
bool holder_died;

/* Not in shared memory. */
byte kills = KILLS, retries = RETRIES;
bool dead[CONSUMERS];
byte acked;
byte had;	     /* messages that were ever in somebody's hands */
byte open;	     /* and that one had who was not done with it */
byte least[RECORDS]; /* attempts with which it has to come as the first of a claim */

#define MORTAL(i) unless { dead[i] }

/* ---- the end of a claim in somebody's hands ---- */

/* claim_forsake(): what has been delivered ends at `upto`. */
inline forsake(c)
{
#ifdef CUT_AGAIN
	if
	:: true ->
#else
	if
	:: attempts[c] == 1 ->
#endif
		if
		:: begin[c] == upto && next == limit[c] -> next = begin[c]; owner[c] = FREE
		:: begin[c] < upto && upto < limit[c] && next == limit[c] -> next = upto; limit[c] = upto
		:: else
		fi
	:: else
	fi;
	if
	:: owner[c] != FREE ->
		atomic {
			owner[c] = ORPHAN;
#ifdef RESET
			attempts[c] = 0;
#endif
			upto = 0
		}
	:: else -> upto = 0
	fi
}

/* Its bit is set, and `alive` can be had: EOWNERDEAD. */
#define DEAD(i) ((attached & BIT(i)) != 0 && alive[i] == 0)

/* claim_forsake_first() of slot s */
inline forsake_first(c)
{
	if
	:: owner[c] == s + 1 -> upto = (together[c] -> limit[c] : begin[c] + 1); forsake(c)
	:: else
	fi
}

/* side_probe(), consumer_bury() */
inline probe()
{
	do
	:: atomic { s < CONSUMERS && DEAD(s) && s != me -> alive[s] = me + 1 };
		forsake_first(0);
		forsake_first(1);
		attached = attached & ~BIT(s);
		atomic { alive[s] = 0; s++ }
	:: atomic { s < CONSUMERS && (!DEAD(s) || s == me) -> s++ }
	:: atomic { s == CONSUMERS -> s = 0; break }
	od
}

/* side_lock(), consumers_repair(); every visit looks for the dead: a second may be short. */
inline lock()
{
	atomic { mutex == 0 -> mutex = me + 1 };
	if
	:: holder_died ->
		d_step {
			next = (owner[0] != FREE && limit[0] > next -> limit[0] : next);
			next = (owner[1] != FREE && limit[1] > next -> limit[1] : next)
		}
	:: else
	fi;
	probe();
	holder_died = false
}

inline reap()
{
	do
	:: atomic { mutex == me + 1 -> mutex = 0; holder_died = true }
	:: atomic { alive[me] == me + 1 -> alive[me] = 0 }
	:: atomic { mutex != me + 1 && alive[me] != me + 1 -> break }
	od
}

/* ---- a consumer ---- */

/* The caller gets this message; `first`: it is the first of the claim. */
inline hand_out(m, first)
{
	assert((acked & BIT(m)) == 0);
	assert((open & BIT(m)) == 0 || attempts[claim] >= 2);
	assert(!(first) || attempts[claim] >= least[m]);
	assert(!(first) || (had & BIT(m)) != 0 || attempts[claim] <= 2 + KILLS - kills);
	had = had | BIT(m);
	open = open | BIT(m);
	least[m] = ((first) -> attempts[claim] + 1 : 2)
}

#ifdef TOGETHER
#define BOTH (me == 0 && begin[claim] + 1 < limit[claim])
#else
#define BOTH false
#endif

/* deliver() */
inline deliver()
{
	if
	:: BOTH ->
#ifndef NO_TOGETHER
		together[claim] = true;
#endif
		atomic {
			delivered = limit[claim];
			hand_out(begin[claim], true);
			hand_out(begin[claim] + 1, false);
			batching = false
		}
	:: else -> atomic { delivered = begin[claim] + 1; hand_out(begin[claim], true) }
	fi
}

#ifdef NO_LIMIT
#define LIMIT skip
#else
#ifdef LIMIT_ONE
#define MOST 1
#else
#define MOST (adopted -> 2 : 1)
#endif
#define LIMIT attempts[claim] = (attempts[claim] > MOST -> MOST : attempts[claim])
#endif

/* delivery_done(): all before `done` has been used */
inline delivery_done()
{
	if
	:: done == limit[claim] ->
		atomic {
			owner[claim] = FREE;
			acked = acked | (BIT(done) - BIT(begin[claim]));
			claim = NONE
		}
	:: else ->
		/* from here on it is done with: if we die it may come as if for the first time */
		d_step { open = open & ~BIT(begin[claim]); least[begin[claim]] = 1
#ifndef LIMIT_LATE
			; LIMIT
#endif
		};
		atomic { acked = acked | (BIT(done) - BIT(begin[claim])); begin[claim] = done };
#ifdef LIMIT_LATE
		LIMIT;
#endif
		if /* batch_share() */
		:: batching && attached != BIT(me) && next == limit[claim] ->
			upto = begin[claim];
			forsake(claim);
			claim = NONE
		:: else
		fi
	fi;
	done = 0
}

/* receive_any(): an orphan, the oldest, or what is next */
inline receive_any()
{
	if
	:: claim != NONE
	:: else ->
		if
		:: atomic { owner[0] == ORPHAN && (owner[1] != ORPHAN || begin[0] < begin[1]) ->
			owner[0] = me + 1; attempts[0]++; claim = 0; adopted = true; batching = false }
		:: atomic { owner[1] == ORPHAN && (owner[0] != ORPHAN || begin[1] < begin[0]) ->
			owner[1] = me + 1; attempts[1]++; claim = 1; adopted = true; batching = false }
		:: else ->
			if
			:: next < RECORDS ->
				/* claim_next(), claim_batch(), claim_begin() */
				atomic {
					batching = attached == BIT(me);
					adopted = false;
					claim = (owner[0] == FREE -> 0 : 1);
					assert(owner[claim] == FREE);
					begin[claim] = next;
					limit[claim] = next + (batching && next + 1 < RECORDS -> 2 : 1);
					together[claim] = false
				};
				atomic { owner[claim] = me + 1; attempts[claim] = 1 };
				next = limit[claim]
			:: else
			fi
		fi
	fi
}

proctype consumer(byte me)
{
	byte lives = LIVES, claim = NONE, delivered, done, upto, s;
	bool batching, adopted;

	{
		do
		:: lives == 0 -> break
		:: lives > 0 ->
			lock();
			alive[me] = me + 1;
			atomic { attached = attached | BIT(me); mutex = 0 };
			do
			:: lock();
				if
				:: claim != NONE -> done = delivered; delivery_done()
				:: else
				fi;
				receive_any();
				if
				:: claim != NONE -> deliver()
				:: else
				fi;
				mutex = 0;
retried:			if
				:: claim == NONE -> break
				:: claim != NONE
				:: claim != NONE -> break
				:: atomic { claim != NONE && retries > 0 -> retries-- };
					/* channel_retry(), claim_retry() */
					lock();
					atomic {
						attempts[claim]++;
						assert(attempts[claim] >= least[begin[claim]]);
						least[begin[claim]] = attempts[claim] + 1;
						batching = false;
						mutex = 0
					};
					goto retried
				fi
			od;
			/* channel_give_back(), hand_over(): nothing of it is done, or the first */
			lock();
			if
			:: claim != NONE -> batching = false; upto = delivered;
				if
				:: true
				:: begin[claim] + 1 < delivered -> done = begin[claim] + 1; delivery_done()
				fi;
				forsake(claim);
				claim = NONE
			:: else
			fi;
			attached = attached & ~BIT(me);
			atomic {
				alive[me] = 0;
				mutex = 0;
				lives--;
				delivered = 0;
				adopted = false;
				batching = false
			}
		od;
		skip
	} MORTAL(me);
	d_step {
		lives = 0; claim = 0; delivered = 0; done = 0; upto = 0; s = 0;
		batching = false; adopted = false
	};
	reap()
}

#if KILLS > 0
active proctype killer()
{
end:
	do
	:: atomic { kills > 0 && !dead[0] -> kills--; dead[0] = true }
	:: atomic { kills > 0 && !dead[CONSUMERS - 1] -> kills--; dead[CONSUMERS - 1] = true }
	od
}
#endif

init
{
	byte i;

	atomic {
		do
		:: i < CONSUMERS -> run consumer(i); i++
		:: else -> break
		od
	}
}
