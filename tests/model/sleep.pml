/*
 * Sleeping and waking (condition_wait(), condition_signal(), and how sending and receiving use
 * them): one binary semaphore for each endpoint, one bitmap for each condition; kill -9 at any
 * step.
 *
 * One producer, CONSUMERS consumers, the conditions `data`, `piece` and `ack`, and the request for
 * room. A critical section is one step here (claim.pml takes it apart); each step of a wait and of
 * a wake-up is a step of its own. Records: with LONG, two pieces of one message and then a message;
 * without it, RECORDS messages.
 *
 * KILLS=0: there is no clock. A sleeper that only a time-out could wake is an invalid end state, so
 * no wake-up relies on the time-out as long as nobody dies.
 * KILLS>0: a slow clock ticks when nothing else can happen. If it has to tick more than PATIENCE
 * times in a row without anything getting done while a consumer waits, that consumer is stuck.
 * EARLY=1: all time-outs may also come once too soon. LEAVERS: consumers that leave a wait. SLOW: a
 * consumer may use its message for ever; others must not sleep on unclaimed work.
 *
 * Switches that remove a rule:
 *   NO_SECOND_LOOK        a waiter does not look again after it has announced itself
 *   ONE_BITMAP            two conditions share a bitmap
 *   NO_FENCE              no fence between publishing and looking for waiters
 *   NO_PASS_ON            a consumer that has claimed and sees more does not wake the next one
 *   NO_SIGNAL_ON_LEAVING  a consumer that leaves a wait does not signal the condition
 */
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef EARLY
#define EARLY 0
#endif
#ifndef LEAVERS
#define LEAVERS 0
#endif
#ifdef LONG
#define RECORDS 3
#define MORE(r) ((r) == 0)
#define CONTINUED(r) ((r) == 1)
#else
#ifndef RECORDS
#define RECORDS 2
#endif
#define MORE(r) false
#define CONTINUED(r) false
#endif
#define CAPACITY 2 /* records that the ring holds */
#define PATIENCE 2 /* the promise is 3 seconds */

#define PRODUCER CONSUMERS /* its number */
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

mtype = { NOTHING, DELIVERED, ENDED };

/* Shared memory. */
byte tail, head, next;
bool buffered; /* a store of tail that others do not see yet */
bool open;     /* the last committed record is not the last piece of its message */
bool attached = true; /* the producer */
byte wish;     /* room_wanted: the head it needs, 0 none */
bool lost;     /* the long message is lost: its producer need not wait for it */
byte waiting_data, waiting_ack;
#ifdef ONE_BITMAP
#define waiting_piece waiting_data
#else
byte waiting_piece;
#endif
bool semaphore[CONSUMERS + 1];
byte owner[CONSUMERS], begin[CONSUMERS]; /* the claims */
bool mid[CONSUMERS], part[CONSUMERS];

/* Not in shared memory. */
bool dead[CONSUMERS + 1], buried[CONSUMERS + 1], finished[CONSUMERS + 1];
byte kills = KILLS, leavers = LEAVERS;
byte expired; /* whose sleep has timed out */
byte idle;    /* ticks since something got done */

inline fence()
{
#ifndef NO_FENCE
	!buffered
#else
	skip
#endif
}

/* condition_signal(): take one bit out, post that semaphore. */
inline signal(waiting)
{
	do
	:: atomic { waiting == 0 -> chosen = NONE; break }
	:: atomic { (waiting & 1) != 0 -> chosen = 0 }; take(waiting)
	:: atomic { (waiting & 2) != 0 -> chosen = 1 }; take(waiting)
	:: atomic { (waiting & 4) != 0 -> chosen = 2 }; take(waiting)
	od
}

inline take(waiting)
{
	atomic {
		if
		:: (waiting & BIT(chosen)) != 0 -> waiting = waiting & ~BIT(chosen)
		:: else -> chosen = NONE
		fi
	};
	if
	:: atomic { chosen != NONE -> semaphore[chosen] = true; chosen = NONE; break }
	:: else
	fi
}

/* condition_broadcast(): exchange to 0, post them one by one. */
inline broadcast(waiting)
{
	atomic { taken = waiting; waiting = 0 };
	do
	:: atomic { (taken & 1) != 0 -> semaphore[0] = true; taken = taken & ~1 }
	:: atomic { (taken & 2) != 0 -> semaphore[1] = true; taken = taken & ~2 }
	:: atomic { (taken & 4) != 0 -> semaphore[2] = true; taken = taken & ~4 }
	:: atomic { (taken & 8) != 0 -> semaphore[CONSUMERS] = true; taken = taken & ~8 }
	:: atomic { taken == 0 -> break }
	od
}

/* endpoint_wake_all() */
inline wake_all()
{
	broadcast(waiting_ack);
	broadcast(waiting_data);
	broadcast(waiting_piece);
	semaphore[PRODUCER] = true
}

/* The dead one's side mutex is free again, and everything it stored is visible. */
inline bury()
{
	atomic {
		!buffered;
		d_step {
			work = false;
			if
			:: dead[PRODUCER] && !buried[PRODUCER] ->
				buried[PRODUCER] = true;
				work = true;
				if
				:: open -> tail++; open = false /* the aborted mark */
				:: else
				fi;
				waiting_ack = waiting_ack & ~BIT(PRODUCER);
				attached = false
			:: else
			fi;
			k = 0;
			do
			:: k == CONSUMERS -> break
			:: k < CONSUMERS ->
				if
				:: dead[k] && !buried[k] ->
					buried[k] = true;
					work = true;
					waiting_data = waiting_data & ~BIT(k);
					waiting_piece = waiting_piece & ~BIT(k);
					j = 0;
					do
					:: j == CONSUMERS -> break
					:: j < CONSUMERS ->
						if
						:: owner[j] == k + 1 ->
							owner[j] = ORPHAN;
							lost = lost || part[j];
							semaphore[PRODUCER] =
								semaphore[PRODUCER] || part[j]
						:: else
						fi;
						j++
					od
				:: else
				fi;
				k++
			od;
			j = 0;
			k = 0;
			if
			:: work -> idle = 0
			:: else
			fi
		}
	};
	if
	:: work -> work = false; wake_all()
	:: else
	fi
}

/* Nothing to claim, and only the claims of others keep the stream from its end. */
#define OTHERS_HOLD(i) ((owner[0] != FREE && owner[0] != (i) + 1) || \
			(owner[1] != FREE && owner[1] != (i) + 1) || \
			(owner[CONSUMERS - 1] != FREE && owner[CONSUMERS - 1] != (i) + 1))

/* receive_locked(): end the delivery in hand, sweep, claim, look whether there is more, head. */
inline visit(i)
{
	d_step {
		result = NOTHING;
		more = false;
		work = mine != NONE;
		if
		:: mine != NONE && !piece_done && mid[mine] ->
			part[mine] = true;
			begin[mine]++;
			piece_done = true;
			idle = 0
		:: mine != NONE && !piece_done && !mid[mine] ->
			owner[mine] = FREE;
			begin[mine] = 0;
			part[mine] = false;
			mine = NONE;
			idle = 0
		:: else
		fi;
		/* what is left of a message that has lost a part */
		k = 0;
		do
		:: k == CONSUMERS -> break
		:: k < CONSUMERS ->
			if
			:: owner[k] == ORPHAN && part[k] && (!mid[k] || next < tail) ->
				if
				:: mid[k] -> assert(CONTINUED(next)); next++
				:: else
				fi;
				owner[k] = FREE;
				begin[k] = 0;
				mid[k] = false;
				part[k] = false;
				idle = 0
			:: else
			fi;
			k++
		od;
		if
		:: piece_done && next < tail ->
			begin[mine] = next;
			next++;
			mid[mine] = false;
			piece_done = false;
			result = DELIVERED
		:: piece_done && next == tail
		:: !piece_done ->
			k = 0;
			do
			:: k == CONSUMERS -> break
			:: k < CONSUMERS && owner[k] == ORPHAN && !part[k] -> break
			:: else -> k++
			od;
			if
			:: k < CONSUMERS ->
				owner[k] = i + 1;
				mine = k;
				result = DELIVERED
			:: k == CONSUMERS && next < tail && !CONTINUED(next) ->
				k = 0;
				do
				:: owner[k] == FREE -> break
				:: else -> k++ /* there must be a free one */
				od;
				owner[k] = i + 1;
				begin[k] = next;
				mid[k] = MORE(next);
				mine = k;
				next++;
				result = DELIVERED
			:: else ->
				if
				:: !attached && !OTHERS_HOLD(i) ->
					assert(next == tail);
					result = ENDED;
					more = work
				:: else
				fi
			fi
		fi;
		work = false;
		if
		:: result == DELIVERED ->
			idle = 0;
			k = 0;
			do
			:: k == CONSUMERS -> break
			:: k < CONSUMERS ->
				more = more || (owner[k] == ORPHAN && !part[k]);
				k++
			od;
			more = more || (!mid[mine] && next != tail)
		:: else
		fi;
		/* head: the lowest record that `next` or a claim needs */
		j = next;
		k = 0;
		do
		:: k == CONSUMERS -> break
		:: k < CONSUMERS ->
			if
			:: owner[k] != FREE && begin[k] < j -> j = begin[k]
			:: else
			fi;
			k++
		od;
		moved = head < j;
		head = j;
		j = 0;
		k = 0
	};
	if
	:: moved ->
		moved = false;
		if
		:: atomic { wish != 0 && head >= wish -> wish = 0 }; semaphore[PRODUCER] = true
		:: else
		fi;
		broadcast(waiting_ack)
	:: else
	fi;
	if
	:: more ->
		more = false;
#ifndef NO_PASS_ON
		signal(waiting_data)
#endif
	:: else
	fi
}

#define EXPIRED(i) atomic { (expired & BIT(i)) != 0 -> expired = expired & ~BIT(i) }

#define UNCLAIMED (next < tail && !CONTINUED(next))
#define ASLEEP(i) ((waiting_data & BIT(i)) != 0 && !semaphore[i])

/* condition_wait() */
inline consumer_wait(i, waiting)
{
	atomic { waiting = waiting | BIT(i); expired = expired & ~BIT(i) };
#ifndef NO_SECOND_LOOK
	visit(i);
#endif
	if
	:: result == NOTHING ->
SLEEPER(asleep)
		if
		:: atomic { semaphore[i] -> semaphore[i] = false }
		:: EXPIRED(i); late = true
		:: atomic { leavers > 0 && mine == NONE -> leavers--; leaving = true }
		fi;
		waiting = waiting & ~BIT(i)
	:: else ->
		atomic {
			late = (waiting & BIT(i)) == 0; /* chosen, and acts on something else */
			waiting = waiting & ~BIT(i)
		};
		if
		:: late -> late = false; signal(waiting)
		:: else
		fi
	fi
}

proctype consumer(byte i)
{
	byte mine = NONE, chosen = NONE, taken, j, k;
	bool piece_done, more, moved, work, late, leaving;
	mtype result = NOTHING;

	{
		visit(i);
		do
		:: result == DELIVERED -> /* uses it, and comes back */
#ifdef SLOW
			if
			:: true
			:: true -> /* until all others are asleep: none may have work to do */
				timeout;
				assert(!UNCLAIMED || !(ASLEEP(0) || ASLEEP(1)))
			fi;
#endif
			visit(i)
		:: result == ENDED || leaving -> break
		:: result == NOTHING && !leaving ->
			if
			:: piece_done -> consumer_wait(i, waiting_piece)
			:: else -> consumer_wait(i, waiting_data)
			fi;
			if
			:: late -> late = false; bury()
			:: else
			fi;
			if
			:: result == NOTHING && !leaving -> visit(i)
			:: else
			fi
		od;
		idle = 0;
#ifdef NO_SIGNAL_ON_LEAVING
		if
		:: leaving
		:: else -> signal(waiting_data)
		fi;
#else
		signal(waiting_data);
#endif
		finished[i] = true
	} MORTAL(i)
}

proctype producer()
{
	byte record, chosen = NONE, taken, j, k;
	bool work, late;

	{
		do
		:: record < RECORDS ->
			/* room_wait() */
			do
			:: record < CAPACITY -> break
			:: record >= CAPACITY ->
				atomic { wish = record + 1 - CAPACITY; expired = expired & ~BIT(PRODUCER) };
				if
				:: head >= record + 1 - CAPACITY -> wish = 0; break
				:: else
				fi;
SLEEPER(room)
				if
				:: atomic { semaphore[PRODUCER] -> semaphore[PRODUCER] = false }
				:: EXPIRED(PRODUCER); bury()
				fi
			od;
			atomic { !buffered -> buffered = true; open = MORE(record); idle = 0 };
			fence();
			if
			:: CONTINUED(record) -> signal(waiting_piece)
			:: else -> signal(waiting_data)
			fi;
			record++
		:: else -> break
		od;
		!buffered;
		/* channel_wait_acknowledged() */
		do
		:: head == tail || lost -> break
		:: else ->
			atomic {
				waiting_ack = waiting_ack | BIT(PRODUCER);
				expired = expired & ~BIT(PRODUCER)
			};
#ifndef NO_SECOND_LOOK
			if
			:: head == tail || lost
			:: else ->
#else
			if
			:: true ->
#endif
SLEEPER(ack)
				if
				:: atomic { semaphore[PRODUCER] -> semaphore[PRODUCER] = false }
				:: EXPIRED(PRODUCER); late = true
				fi
			fi;
			waiting_ack = waiting_ack & ~BIT(PRODUCER);
			if
			:: late -> late = false; bury()
			:: else
			fi
		od;
		attached = false;
		wake_all();
		finished[PRODUCER] = true
	} MORTAL(PRODUCER)
}

/* The store of tail becomes visible some time. */
active proctype memory()
{
end:
	do
	:: atomic { buffered -> buffered = false; tail++ }
	od
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
		select(victim : 0 .. CONSUMERS);
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
	:: atomic { timeout && (WAITS(0) || WAITS(1) || WAITS(CONSUMERS - 1)) ->
		expired = BIT(CONSUMERS + 1) - 1;
		idle++;
		assert(idle <= PATIENCE) /* nobody is stuck */
	}
	od
}
#endif

#if EARLY > 0
/* A time-out that comes too soon is no harm. */
active proctype hurry()
{
	expired = BIT(CONSUMERS + 1) - 1
}
#endif

init
{
	byte i;

	atomic {
		run producer();
		do
		:: i < CONSUMERS -> run consumer(i); i++
		:: else -> break
		od
	}
}
