/*
 * What a claim's word `owner` says of its messages: how often they were handed out, and how many
 * tries with them failed (claim_split(), claim_abandon(), claim_bury(), claim_fit(), hand_over(),
 * channel_try(), channel_retry()); kill -9 at any step.
 *
 * RECORDS messages are in the ring, each in a record of its own (BLOCK: the first two are in one
 * record). CONSUMERS consumers attach and leave, LIVES times each. A lone consumer claims two
 * records at once and gets them one by one (TOGETHER: the first consumer gets both at once); of a
 * block the first consumer takes all, the others one message. A consumer acknowledges what it has
 * in hand, is handed it once more (RETRIES times in all), begins a try with it (TRIES times in all)
 * that succeeds or fails, or gives it back and leaves. Each store to shared memory is a step.
 * Acknowledging without the mutex is left out: batch.pml has it.
 *
 * Checked: a message is handed out with the attempts and the failures that it really had. If a
 * consumer dies when it has taken a message and is about to hand it out, an attempt too many may be
 * counted for it, never a failure. What is acknowledged does not come again, no message is in two
 * claims, and each message that is neither acknowledged nor in a claim lies at or after `next`.
 *
 * Switches that remove a rule:
 *   NO_FIT           what the consumer did not ask for stays in the claim
 *   REST_INHERITS    the rest of a split claim has the attempts of its front
 *   UNSEEN_COUNTS    a claim that is given back untouched counts as handed out
 *   RESET            an orphan has no attempts
 *   FLAG_STAYS       an orphan is still CLAIM_TOGETHER in its next owner's hands
 *   NO_TOGETHER      the flag CLAIM_TOGETHER is not stored
 *   NO_NARROW        a try begins with more in the claim than in hand
 *   CUT_FIRST        a claim is cut before its rest has an entry
 *   REST_FIRST       the rest becomes an orphan before the claim is cut
 *   NO_SPLIT_REPAIR  the repair leaves a split that was begun as it is
 *   DEATH_IS_NONE    a death ends a try without a failure
 *   RETURN_IS_ONE    giving back in good order ends a try with a failure
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
#ifndef TRIES
#define TRIES 0
#endif
#ifndef KILLS
#define KILLS 1
#endif

#define CLAIMS 3
#define BIT(i) (1 << (i))
#define NONE 255
#define FREE 0
#define ORPHAN 100
#define SPLIT 101

#ifdef BLOCK
#define RECORD_END(m) ((m) < 2 -> 2 : (m) + 1)
#define MOST (me == 0 -> 2 : 1)
#else
#define RECORD_END(m) ((m) + 1)
#define MOST 1
#endif
#ifdef TOGETHER
#define BOTH (me == 0)
#else
#define BOTH false
#endif
#define MIN(a, b) ((a) < (b) -> (a) : (b))

/* Shared memory. `owner`, `trying`, `failures` and `attempts` are one word. */
byte next;
byte owner[CLAIMS], failures[CLAIMS], attempts[CLAIMS], begin[CLAIMS], limit[CLAIMS];
bool trying[CLAIMS];
bool together[CLAIMS]; /* CLAIM_TOGETHER */
byte attached;

/* The consumers' mutex: 0 or who holds it, plus 1; it remembers that its holder died. */
byte mutex, alive[CONSUMERS];
bool holder_died;

/* Not in shared memory. */
byte kills = KILLS, retries = RETRIES, tries = TRIES;
bool dead[CONSUMERS];
byte acked;
byte handed[RECORDS], failed[RECORDS]; /* what really happened to each message */
byte nearly[RECORDS];		       /* it was about to be handed out when its consumer died */
bool tried[CONSUMERS];		       /* the consumer tries just now; then, with ... */
byte from[CONSUMERS], upto[CONSUMERS]; /* ... these */

#define MORTAL(i) unless { dead[i] }

/* ---- claims ---- */

#define NEW(c) (attempts[c] <= 1 && next == limit[c])
#define BEFORE(c) (attempts[c] > 0 -> attempts[c] - 1 : 0)

/* claim_split(): the rest begins at `cut` */
inline split(c)
{
	if
	:: NEW(c) -> next = cut; limit[c] = cut
	:: else ->
		r = (owner[0] == FREE -> 0 : (owner[1] == FREE -> 1 : 2));
		assert(owner[r] == FREE);
#ifdef CUT_FIRST
		atomic { begin[r] = cut; limit[r] = limit[c] };
		limit[c] = cut;
#endif
		atomic {
#ifndef CUT_FIRST
			begin[r] = cut;
			limit[r] = limit[c];
#endif
			together[r] = together[c]
		};
		atomic {
#ifdef REST_FIRST
			owner[r] = ORPHAN;
#else
			owner[r] = SPLIT;
#endif
			trying[r] = false;
			failures[r] = failures[c];
#ifdef REST_INHERITS
			attempts[r] = attempts[c]
#else
			attempts[r] = BEFORE(c)
#endif
		};
		limit[c] = cut;
		owner[r] = ORPHAN
	fi;
	atomic { r = 0; cut = 0 }
}

/* claim_abandon(): what has been handed out ends at `cut`; `died`: its owner has */
inline forsake(c, died)
{
	if
	:: begin[c] == cut && NEW(c) -> next = begin[c]; atomic { owner[c] = FREE; trying[c] = false }
	:: else ->
		unseen = (begin[c] == cut);
		if
		:: begin[c] < cut && cut < limit[c] -> split(c)
		:: else
		fi;
		/* claim_orphan() */
		atomic {
#ifndef UNSEEN_COUNTS
			attempts[c] = (unseen -> BEFORE(c) : attempts[c]);
#endif
#ifdef DEATH_IS_NONE
#define COUNTS(died) false
#else
#ifdef RETURN_IS_ONE
#define COUNTS(died) trying[c]
#else
#define COUNTS(died) ((died) && trying[c])
#endif
#endif
			failures[c] = (COUNTS(died) -> failures[c] + 1 : failures[c]);
#ifdef RESET
			attempts[c] = 0;
#endif
			owner[c] = ORPHAN;
			trying[c] = false;
			tried[me] = ((died) -> tried[me] : false)
		}
	fi;
	atomic { cut = 0; unseen = false }
}

/* Its bit is set, and `alive` can be had: EOWNERDEAD. */
#define DEAD(i) ((attached & BIT(i)) != 0 && alive[i] == 0)

/* claim_bury() of slot s */
inline bury(c)
{
	if
	:: owner[c] == s + 1 ->
		cut = (together[c] -> limit[c] : MIN(limit[c], RECORD_END(begin[c])));
		forsake(c, true)
	:: else
	fi
}

/* side_probe(), consumer_bury() */
inline probe()
{
	do
	:: atomic { s < CONSUMERS && DEAD(s) && s != me -> alive[s] = me + 1 };
		bury(0);
		bury(1);
		bury(2);
		attached = attached & ~BIT(s);
		atomic { alive[s] = 0; s++ }
	:: atomic { s < CONSUMERS && (!DEAD(s) || s == me) -> s++ }
	:: atomic { s == CONSUMERS -> s = 0; break }
	od
}

#define IN(m, c) (owner[c] != FREE && begin[c] <= (m) && (m) < limit[c])

/* split_committed(): does no other claim reach over where this one begins? */
#define OVER(m, c) (owner[c] != SPLIT && IN(m, c))
#define COMMITTED(c) (!OVER(begin[c], 0) && !OVER(begin[c], 1) && !OVER(begin[c], 2))
#ifdef NO_SPLIT_REPAIR
#define SETTLE(c) skip
#else
#define SETTLE(c) owner[c] = (owner[c] != SPLIT -> owner[c] : (COMMITTED(c) -> ORPHAN : FREE))
#endif
#define RAISE(c) next = (owner[c] != FREE && limit[c] > next -> limit[c] : next)

#define SOUND(m) ((m) >= next || ((acked & BIT(m)) != 0 && !IN(m, 0) && !IN(m, 1) && !IN(m, 2)) || \
		  ((acked & BIT(m)) == 0 && (IN(m, 0) -> 1 : 0) + (IN(m, 1) -> 1 : 0) + \
		   (IN(m, 2) -> 1 : 0) == 1))

/* side_lock(), consumers_repair(); every visit looks for the dead: a second may be short. */
inline lock()
{
	atomic { mutex == 0 -> mutex = me + 1 };
	if
	:: holder_died ->
		d_step {
			SETTLE(0);
			SETTLE(1);
			SETTLE(2);
			RAISE(0);
			RAISE(1);
			RAISE(2)
		}
	:: else
	fi;
	d_step { assert(SOUND(0)); assert(SOUND(1)); assert(RECORDS < 3 || SOUND(RECORDS - 1)) };
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

/* The caller gets what lies from `begin` to `delivered`. */
inline hand_out()
{
	m = begin[claim];
	do
	:: m < delivered ->
		assert((acked & BIT(m)) == 0);
		handed[m]++;
		assert(attempts[claim] >= handed[m]);
		assert(attempts[claim] <= handed[m] + nearly[m]);
		assert(failures[claim] == failed[m]);
		m++
	:: else -> break
	od;
	m = 0;
	pending = false
}

/* What is in hand has failed. */
inline has_failed(i)
{
	m = from[i];
	do
	:: m < upto[i] -> failed[m]++; m++
	:: else -> break
	od;
	m = 0;
	tried[i] = false
}

/* deliver(), claim_fit() */
inline deliver()
{
	delivered = (BOTH -> MIN(limit[claim], begin[claim] + 2)
			  : MIN(MIN(limit[claim], RECORD_END(begin[claim])), begin[claim] + MOST));
#ifndef NO_FIT
	if
	:: delivered < limit[claim] && (BOTH || delivered < RECORD_END(begin[claim])) ->
		cut = delivered;
		split(claim)
	:: else
	fi;
#endif
#ifndef NO_TOGETHER
	if
	:: BOTH -> together[claim] = true
	:: else
	fi;
#endif
	atomic { batching = batching && !BOTH; hand_out() }
}

/* delivery_done(): all before `done` has been used */
inline delivery_done()
{
	if
	:: done == limit[claim] ->
		atomic {
			owner[claim] = FREE;
			trying[claim] = false;
			tried[me] = false;
			acked = acked | (BIT(done) - BIT(begin[claim]));
			claim = NONE
		}
	:: else ->
		atomic {
			acked = acked | (BIT(done) - BIT(begin[claim]));
			begin[claim] = done;
			from[me] = done;
			pending = true
		};
		if /* batch_share() */
		:: batching && attached != BIT(me) && next == limit[claim] ->
			cut = begin[claim];
			forsake(claim, false);
			claim = NONE
		:: else
		fi
	fi;
	done = 0
}

#ifdef FLAG_STAYS
#define CLEAR(c) skip
#else
#define CLEAR(c) together[c] = false
#endif

/* claim_adopt() */
inline adopt(c)
{
	CLEAR(c);
	atomic { owner[c] = me + 1; attempts[c]++; claim = c; batching = false; pending = true }
}

#define OLDER(a, b) (owner[b] != ORPHAN || begin[a] < begin[b])

/* receive_any(): an orphan, the oldest, or what is next */
inline receive_any()
{
	if
	:: claim != NONE
	:: else ->
		if
		:: owner[0] == ORPHAN && OLDER(0, 1) && OLDER(0, 2) -> adopt(0)
		:: owner[1] == ORPHAN && OLDER(1, 0) && OLDER(1, 2) -> adopt(1)
		:: owner[2] == ORPHAN && OLDER(2, 0) && OLDER(2, 1) -> adopt(2)
		:: else ->
			if
			:: next < RECORDS ->
				/* claim_next(), claim_batch(), claim_begin() */
				atomic {
					batching = attached == BIT(me);
					pending = true;
					claim = (owner[0] == FREE -> 0 : (owner[1] == FREE -> 1 : 2));
					assert(owner[claim] == FREE);
					begin[claim] = next;
					limit[claim] = (batching || BOTH -> MIN(RECORDS, next + 2)
								: MIN(RECORD_END(next), next + MOST));
					together[claim] = false
				};
				atomic {
					owner[claim] = me + 1;
					attempts[claim] = 1;
					failures[claim] = 0;
					trying[claim] = false
				};
				next = limit[claim]
			:: else
			fi
		fi
	fi
}

/* claim_narrow() */
inline narrow()
{
	batching = false;
#ifndef NO_NARROW
	if
	:: delivered < limit[claim] -> cut = delivered; split(claim)
	:: else
	fi
#endif
}

proctype consumer(byte me)
{
	byte lives = LIVES, claim = NONE, delivered, done, cut, s, m, r;
	bool batching, unseen, pending;

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
again:				if
				:: claim == NONE -> break
				:: claim != NONE
				:: claim != NONE -> break
				:: atomic { claim != NONE && retries > 0 -> retries-- };
					/* channel_retry(), claim_retry() */
					lock();
					narrow();
					atomic { attempts[claim]++; hand_out(); mutex = 0 };
					goto again
				:: atomic { claim != NONE && tries > 0 && !tried[me] -> tries-- };
					/* channel_try() */
					lock();
					narrow();
					atomic {
						trying[claim] = true;
						tried[me] = true;
						from[me] = begin[claim];
						upto[me] = delivered;
						mutex = 0
					};
					goto again
				:: atomic { tried[me] -> /* channel_tried() */
						trying[claim] = false;
						failures[claim]++;
						has_failed(me) };
					goto again
				:: atomic { tried[me] -> trying[claim] = false; tried[me] = false };
					goto again
				fi
			od;
			/* channel_give_back(), hand_over(): nothing of it is done, or the
			 * first, or all */
			lock();
			if
			:: claim != NONE -> batching = false; cut = delivered;
				if
				:: true
				:: begin[claim] + 1 < delivered ->
					done = begin[claim] + 1;
					delivery_done();
					cut = delivered
				:: true -> /* channel_acknowledge() */
					done = delivered;
					delivery_done();
					cut = delivered
				fi;
				if
				:: claim != NONE -> forsake(claim, false)
				:: else
				fi;
				claim = NONE;
				pending = false
			:: else
			fi;
			attached = attached & ~BIT(me);
			atomic {
				alive[me] = 0;
				mutex = 0;
				lives--;
				delivered = 0;
				batching = false
			}
		od;
		skip
	} MORTAL(me);
	d_step {
		if
		:: tried[me] -> has_failed(me)
		:: else
		fi;
		if
		:: pending && claim != NONE ->
			m = begin[claim];
			do
			:: m < limit[claim] -> nearly[m]++; m++
			:: else -> break
			od
		:: else
		fi;
		lives = 0; claim = 0; delivered = 0; done = 0; cut = 0; s = 0; m = 0; r = 0;
		batching = false; unseen = false; pending = false
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
