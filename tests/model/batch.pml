/*
 * Several records in one claim of a lone consumer, which acknowledges them without the mutex
 * (receive_on(), batch_share(), claim_bury()), and producers that wait for what this frees
 * (head_catch_up(), room_wait(), producers_wake_for_head()); kill -9 at any step.
 *
 * CONSUMERS consumers attach at any time. A lone one claims up to BATCH records, and acknowledges
 * each with one store of `done`, a fence, and a look whether anybody waits. LEAVERS consumers give
 * back and leave. A producer, ROOM, sends RECORDS records into a ring of CAPACITY, and a producer,
 * ACK, waits until the first record, which it has sent, is acknowledged. Each store to shared
 * memory is a step. `done` is a plain store: it goes into the processor's store buffer, as on x86.
 *
 * Checked: what is acknowledged is not delivered again, and head never passes what is not; a record
 * is in one hand at a time; a consumer that ends leaves no record that is not acknowledged.
 *
 * KILLS=0: there is no clock. A sleeper that only a time-out could wake is an invalid end state.
 * SLOW: a consumer may use its record for ever, and a producer may stay; no producer may sleep on
 * what is acknowledged. KILLS>0: after PATIENCE ticks of a slow clock in which nothing got done,
 * nobody may be stuck.
 *
 * Switches that remove a rule:
 *   NO_FENCE      no fence between storing `done` and looking whether anybody waits
 *   NO_CATCH_UP   a producer does not take in what is `done` before it sleeps
 *   NO_WAKE       a producer that has moved head by that wakes no other producer
 *   CLAIM_FIRST   when the rest is cut off, the claim's end goes back before `next` does
 *   NO_DONE       a burial does not look at `done`
 *   NO_REPAIR     the repair does not raise `next`
 */
#ifndef CONSUMERS
#define CONSUMERS 1
#endif
#ifndef RECORDS
#define RECORDS 4
#endif
#ifndef CAPACITY
#define CAPACITY 3
#endif
#ifndef BATCH
#define BATCH 2
#endif
#ifndef PRODUCERS
#define PRODUCERS 2 /* 1: without ACK; 0: all records are there */
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef LEAVERS
#define LEAVERS 0 /* consumers that give back what is left and leave */
#endif
#define PATIENCE 2 /* the promise is 3 seconds */

#define ROOM CONSUMERS /* their numbers */
#define ACK (CONSUMERS + 1)
#define ALL (CONSUMERS + 2)
#define CLAIMS 2
#define BIT(i) (1 << (i))
#define NONE 255
#define FREE 0
#define ORPHAN 100

#if KILLS > 0
#define MORTAL(i) unless { dead[i] }
#define SLEEPER(name) end_##name: /* may stay asleep: the clock judges it */
#else
#define MORTAL(i)
#define SLEEPER(name)
#endif

mtype = { LOOK, NOTHING, DELIVERED, ENDED };

/* Shared memory. */
byte tail = (PRODUCERS == 0 -> RECORDS : 1), head, next;
byte used; /* claims_used */
byte owner[CLAIMS], begin[CLAIMS], limit[CLAIMS], done[CLAIMS];
byte attached; /* consumers */
byte wish;     /* room_wanted: the head it needs, 0 none */
byte waiting_data, waiting_ack;
bool semaphore[ALL];

/* A store of `done` that others do not see yet: the claim plus 1, and the position. */
byte buffered, buffered_done;

/* The consumers' mutex: 0 or who holds it, plus 1; it remembers that its holder died. */
byte mutex, alive[CONSUMERS];
bool holder_died;

/* Not in shared memory. */
bool dead[ALL], finished[ALL];
byte kills = KILLS, leavers = LEAVERS;
byte began;
byte gone = (PRODUCERS == 0 -> 3 : (PRODUCERS == 1 -> 2 : 0)); /* the producers that will send no more */
byte acked;
byte hand[CONSUMERS]; /* the record in hand, plus 1 */
byte expired, idle;

#define ACKED_ALL (acked == BIT(tail) - 1)

/* claim_read() */
#ifdef NO_DONE
#define BEGIN(c) (begin[c] + 0 * done[c])
#else
#define BEGIN(c) (done[c] > begin[c] -> done[c] : begin[c])
#endif

/* ---- sleep and wake: sleep.pml takes these apart ---- */

inline signal_data()
{
	if
	:: atomic { waiting_data == 0 -> skip }
	:: atomic { (waiting_data & 1) != 0 -> waiting_data = waiting_data & ~1; semaphore[0] = true }
	:: atomic { (waiting_data & 2) != 0 -> waiting_data = waiting_data & ~2; semaphore[1] = true }
	fi
}

inline broadcast_ack()
{
	atomic { semaphore[ACK] = semaphore[ACK] || waiting_ack != 0; waiting_ack = 0 }
}

/* endpoint_wake_all() */
inline wake_all()
{
	d_step {
		k = 0;
		do
		:: k == CONSUMERS -> break
		:: else ->
			semaphore[k] = semaphore[k] || (waiting_data & BIT(k)) != 0;
			k++
		od;
		k = 0;
		waiting_data = 0;
		semaphore[ROOM] = true;
		semaphore[ACK] = semaphore[ACK] || waiting_ack != 0;
		waiting_ack = 0
	}
}

/* producers_wake_for_head(); ROOM has the turn. */
inline wake_for_head()
{
	if
	:: atomic { wish != 0 && head >= wish -> wish = 0 }; semaphore[ROOM] = true
	:: else
	fi;
	broadcast_ack()
}

/* ---- the consumers' mutex ---- */

/* head_advance(): `done` may grow meanwhile, that does no harm. */
inline advance()
{
	d_step {
		k = next;
		j = 0;
		do
		:: j == CLAIMS -> break
		:: j < CLAIMS ->
			k = ((used & BIT(j)) != 0 && owner[j] != FREE && BEGIN(j) < k -> BEGIN(j) : k);
			j++
		od;
		assert((acked & (BIT(k) - 1)) == BIT(k) - 1);
		moved = head < k;
		idle = (moved -> 0 : idle);
		head = (moved -> k : head); /* the one store */
		k = 0;
		j = 0
	}
}

/* claim_abandon(): what has been delivered ends at `upto`. */
inline forsake(c)
{
	if
	:: BEGIN(c) < upto && upto < limit[c] && next == limit[c] ->
#ifdef CLAIM_FIRST
		atomic { begin[c] = BEGIN(c); limit[c] = upto };
		next = upto
#else
		next = upto;
		atomic { begin[c] = BEGIN(c); limit[c] = upto }
#endif
	:: else
	fi;
	atomic { owner[c] = ORPHAN; upto = 0 }
}

/* consumers_repair() */
inline repair()
{
	d_step {
		used = (owner[0] != FREE -> 1 : 0) | (owner[1] != FREE -> 2 : 0); /* the one store */
		k = next;
		k = (owner[0] != FREE && limit[0] > k -> limit[0] : k);
		k = (owner[1] != FREE && limit[1] > k -> limit[1] : k)
	};
#ifndef NO_REPAIR
	atomic { next = k; k = 0 };
#else
	k = 0;
#endif
	advance();
	moved = false /* everybody is woken */
}

/* Its bit is set, and `alive` can be had: EOWNERDEAD. */
#define DEAD(i) ((attached & BIT(i)) != 0 && alive[i] == 0)

/* side_probe(), slot_bury(), consumer_bury() */
inline probe()
{
#if KILLS > 0
	do
	:: atomic { s < CONSUMERS && DEAD(s) && s != me -> alive[s] = me + 1; due = true };
		if
		:: owner[0] == s + 1 -> upto = BEGIN(0) + 1; forsake(0)
		:: else
		fi;
		if
		:: owner[1] == s + 1 -> upto = BEGIN(1) + 1; forsake(1)
		:: else
		fi;
		waiting_data = waiting_data & ~BIT(s);
		atomic { attached = attached & ~BIT(s); idle = 0 };
		atomic { alive[s] = 0; s++ }
	:: atomic { s < CONSUMERS && (!DEAD(s) || s == me) -> s++ }
	:: atomic { s == CONSUMERS -> s = 0; break }
	od
#else
	skip
#endif
}

#define VISIBLE (buffered == 0 || me >= CONSUMERS || owner[buffered - 1] != me + 1)

inline lock()
{
	atomic { VISIBLE && mutex == 0 -> mutex = me + 1 };
	locked()
}

inline locked()
{
#if KILLS > 0
	if
	:: holder_died -> repair(); probe(); atomic { holder_died = false; due = true }
	:: else
	fi
#else
	skip
#endif
}

inline unlock()
{
	mutex = 0;
#if KILLS > 0
	if
	:: due -> due = false; wake_all()
	:: else
	fi
#endif
}

/* channel_look_after() */
inline look_after()
{
	if
	:: atomic { mutex == 0 -> mutex = me + 1 }; locked(); probe(); unlock()
	:: atomic { mutex != 0 -> skip }
	fi
}

#define EXPIRED(i) atomic { (expired & BIT(i)) != 0 -> expired = expired & ~BIT(i) }

/* The kernel lets go of the mutexes of the dead, one by one; what it had stored is visible. */
inline reap()
{
	VISIBLE;
	do
	:: atomic { mutex == me + 1 -> mutex = 0; holder_died = true }
	:: atomic { alive[0] == me + 1 -> alive[0] = 0 }
	:: atomic { alive[CONSUMERS - 1] == me + 1 -> alive[CONSUMERS - 1] = 0 }
	:: atomic { mutex != me + 1 && alive[0] != me + 1 && alive[CONSUMERS - 1] != me + 1 -> break }
	od
}

/* The store of `done` becomes visible some time. */
active proctype memory()
{
end:
	do
	:: atomic { buffered != 0 ->
		done[buffered - 1] = buffered_done;
		buffered = 0;
		buffered_done = 0 }
	od
}

/* What the claims and `next` need, with all that is acknowledged counted in. */
#define NEEDED(c) (owner[c] == FREE -> 100 : BEGIN(c))
#define FREED(position) (next >= (position) && NEEDED(0) >= (position) && NEEDED(1) >= (position))

/* Who does this may be long in going on: no producer may sleep on what is acknowledged. */
inline linger()
{
#ifdef SLOW
	if
	:: true
	:: true ->
		timeout;
		assert(wish == 0 || !FREED(wish));
		assert(waiting_ack == 0 || semaphore[ACK] || !FREED(1))
	fi
#else
	skip
#endif
}

/* ---- a consumer ---- */

/* What is in hand has been used. */
#define ACKNOWLEDGE acked = acked | BIT(hand[me] - 1); hand[me] = 0; idle = 0

/* The record behind what was delivered before. */
inline deliver()
{
	atomic {
		assert((acked & BIT(delivered_end)) == 0);
		delivered_end++;
		assert(hand[0] != delivered_end && hand[CONSUMERS - 1] != delivered_end);
		hand[me] = delivered_end;
		result = DELIVERED;
		idle = 0
	}
}

#define OTHERS(c) (owner[c] != FREE && owner[c] != me + 1)

/* delivery_done() */
inline delivery_done()
{
	if
	:: claim != NONE && hand[me] != 0 ->
		if
		:: delivered_end == limit[claim] ->
			atomic { owner[claim] = FREE; ACKNOWLEDGE };
			atomic { used = used & ~BIT(claim); claim = NONE }
		:: else -> atomic { begin[claim] = delivered_end; ACKNOWLEDGE }
		fi
	:: else
	fi
}

/* claim_next() and claim_batch() */
inline claim_next()
{
	atomic { /* one read of tail */
		batching = attached == BIT(me);
		claim = (owner[0] == FREE -> 0 : 1);
		assert(owner[claim] == FREE);
		most = (batching -> BATCH : 1);
		most = (tail - next < most -> tail - next : most)
	};
	used = used | BIT(claim);
	atomic { done[claim] = next; begin[claim] = next; limit[claim] = next + most; most = 0 };
	owner[claim] = me + 1;
	next = limit[claim]
}

/* receive_locked() and receive_wake() */
inline receive_under_lock()
{
	lock();
	result = NOTHING;
	delivery_done();
	if
	:: claim != NONE
	:: else ->
		if /* an orphan, the oldest */
		:: owner[0] == ORPHAN && (owner[1] != ORPHAN || begin[0] < begin[1]) ->
			atomic { owner[0] = me + 1; claim = 0; batching = false }
		:: owner[1] == ORPHAN && (owner[0] != ORPHAN || begin[1] < begin[0]) ->
			atomic { owner[1] = me + 1; claim = 1; batching = false }
		:: else ->
			if
			:: next < tail -> claim_next()
			:: else
			fi
		fi
	fi;
	if
	:: claim != NONE -> delivered_end = BEGIN(claim); deliver()
	:: atomic { claim == NONE && gone == 3 && next == tail && !OTHERS(0) && !OTHERS(1) -> result = ENDED }
	:: atomic { claim == NONE && !(gone == 3 && next == tail && !OTHERS(0) && !OTHERS(1)) -> skip }
	fi;
	more = result == ENDED || (claim != NONE && (next != tail || owner[0] == ORPHAN || owner[1] == ORPHAN));
	advance();
	unlock();
	if
	:: moved -> moved = false; wake_for_head()
	:: else
	fi;
	if
	:: more -> more = false; signal_data()
	:: else
	fi
}

/* receive_on() */
inline receive_on()
{
	atomic { buffered == 0 -> buffered = claim + 1; buffered_done = delivered_end; ACKNOWLEDGE };
#ifndef NO_FENCE
	buffered == 0;
#endif
	if
	:: waiting_ack != 0 -> result = LOOK
	:: else ->
		if
		:: wish != 0 && delivered_end >= wish -> result = LOOK
		:: else -> deliver()
		fi
	fi
}

proctype consumer(byte me)
{
	byte claim = NONE, delivered_end, most, upto, s, j, k;
	bool batching, announced, moved, more, late, due;
	mtype result = LOOK;

	{
		atomic { (me == 0 || (began & BIT(me - 1)) != 0) && mutex == 0;
			began = began | BIT(me);
			mutex = me + 1 };
		locked();
		probe();
		alive[me] = me + 1;
		attached = attached | BIT(me);
		unlock();
		do
		:: result == LOOK ->
			receive_under_lock();
			if
			:: result != NOTHING && announced ->
				atomic { announced = false; waiting_data = waiting_data & ~BIT(me) }
			:: result == NOTHING && !announced -> /* and a second look */
				atomic {
					announced = true;
					waiting_data = waiting_data | BIT(me);
					expired = expired & ~BIT(me);
					result = LOOK
				}
			:: result == NOTHING && announced ->
SLEEPER(data)
				if
				:: atomic { semaphore[me] -> semaphore[me] = false }
				:: EXPIRED(me); late = true
				fi;
				atomic {
					announced = false;
					waiting_data = waiting_data & ~BIT(me);
					result = LOOK
				};
				if
				:: late -> late = false; look_after()
				:: else
				fi
			:: else
			fi
		:: result == DELIVERED ->
			linger();
			if
			:: batching && delivered_end != limit[claim] -> receive_on()
			:: else -> result = LOOK
			fi
		:: atomic { result == DELIVERED && leavers > 0 -> leavers-- }; break
		:: result == ENDED -> assert(ACKED_ALL); break
		od;
		lock();
		if
		:: claim != NONE -> upto = delivered_end; forsake(claim); atomic { claim = NONE; hand[me] = 0 }
		:: else
		fi;
		advance();
		attached = attached & ~BIT(me);
		atomic { alive[me] = 0; idle = 0 };
		unlock();
		wake_all()
	} MORTAL(me);
	d_step {
		claim = 0; delivered_end = 0; most = 0; upto = 0; s = 0; j = 0; k = 0; batching = false;
		announced = false; moved = false; more = false; late = false; due = false;
		result = LOOK;
		hand[me] = 0;
		began = began | BIT(me)
	};
	reap();
	finished[me] = true
}

/* ---- the producers ---- */

/* head_catch_up() */
inline catch_up()
{
#ifndef NO_CATCH_UP
	if
	:: used != 0 ->
		lock();
		advance();
		unlock();
		if
#ifndef NO_WAKE
		:: moved -> moved = false; wake_for_head()
#else
		:: moved -> moved = false
#endif
		:: else
		fi
	:: else
	fi
#else
	skip
#endif
}

proctype room(byte me)
{
	byte upto, s, j, k;
	bool moved, due;

	{
		do
		:: tail < RECORDS ->
			do
			:: tail < CAPACITY -> break
			:: else ->
				atomic { wish = tail + 1 - CAPACITY; expired = expired & ~BIT(me) };
				catch_up();
				if
				:: head >= tail + 1 - CAPACITY -> wish = 0; break
				:: else
				fi;
SLEEPER(room)
				if
				:: atomic { semaphore[me] -> semaphore[me] = false }
				:: EXPIRED(me); look_after()
				fi
			od;
			assert(tail - head < CAPACITY);
			atomic { tail++; idle = 0 };
			signal_data()
		:: else -> break
		od;
		linger()
	} MORTAL(me);
	atomic { upto = 0; s = 0; j = 0; k = 0; moved = false; due = false };
	reap();
	atomic { gone = gone | 1; wish = 0; idle = 0 };
	wake_all();
	finished[me] = true
}

/* channel_wait_acknowledged() */
proctype ack(byte me)
{
	byte upto, s, j, k;
	bool moved, due, late;

	{
		do
		:: head >= 1 -> break
		:: else ->
			atomic { waiting_ack = 1; expired = expired & ~BIT(me) };
			if
			:: head >= 1
			:: else ->
				catch_up();
				if
				:: head >= 1
				:: else ->
SLEEPER(ack)
					if
					:: atomic { semaphore[me] -> semaphore[me] = false }
					:: EXPIRED(me); late = true
					fi
				fi
			fi;
			waiting_ack = 0;
			if
			:: late -> late = false; look_after()
			:: else
			fi
		od;
		linger()
	} MORTAL(me);
	atomic { upto = 0; s = 0; j = 0; k = 0; moved = false; due = false; late = false };
	reap();
	atomic { gone = gone | 2; waiting_ack = 0; idle = 0 };
	wake_all();
	finished[me] = true
}

#define WAITS(i) (!dead[i] && !finished[i])

#if KILLS > 0
active proctype killer()
{
	byte victim;
end:
	do
	:: atomic { kills > 0 ->
		kills--;
		select(victim : 0 .. ALL - 1);
		if
		:: WAITS(victim) -> dead[victim] = true
		:: else
		fi;
		victim = 0
	}
	od
}

active proctype clock()
{
end:
	do
	:: atomic { timeout && (WAITS(0) || WAITS(CONSUMERS - 1)) ->
		expired = BIT(ALL) - 1;
		idle++;
		assert(idle <= PATIENCE) /* nobody is stuck */
	}
	od
}
#endif

init
{
	byte i;

	atomic {
		do
		:: i < CONSUMERS -> run consumer(i); i++
		:: else -> i = 0; break
		od;
#if PRODUCERS >= 1
		run room(ROOM);
#else
		finished[ROOM] = true;
#endif
#if PRODUCERS >= 2
		run ack(ACK)
#else
		finished[ACK] = true
#endif
	}
}
