/*
 * A lone producer, which writes without the mutex (send_alone()), beside producers that come, send
 * with the mutex, bury and repair; kill -9 at any step.
 *
 * PRODUCERS producers attach at any time, send (the first one MESSAGES messages, each of the others
 * OTHERS), alone or with the mutex as they find it, and leave. One consumer, which sleeps, takes
 * everything, unless NO_CONSUMER is given. With CAPACITY less than the number of all records there
 * are waits for room and for the turn. With LONG, the last producer's message comes in two pieces,
 * and a burial closes it if its producer dies in between. With CHECKS, a producer that attaches or
 * repairs checks whether what it finds makes sense.
 *
 * A plain store goes into its processor's store buffer, as on x86: others see it later, in order.
 * An atomic exchange, and an unlock, wait until the own store buffer is empty. The mutex, the
 * bitmaps and the turn are not buffered. The consumer's critical section is one step.
 *
 * Checked: there are never two producers at tail; no committed record is overwritten; the consumer
 * gets all records, and their numbers neither skip nor repeat; a producer that attaches or repairs
 * beside a lone producer does not take what it sees for damage; what a lone producer remembers of
 * tail is true.
 *
 * KILLS=0: there is no clock. A sleeper that only a time-out could wake is an invalid end state,
 * and nobody may sleep on what a producer has left that sends nothing more. KILLS>0: after PATIENCE
 * ticks of a slow clock in which nothing got done, nobody may be stuck. VICTIM: only this producer
 * is killed.
 *
 * ASYMMETRIC: a producer that writes alone does without fences; a process that attaches or is about
 * to sleep waits until all stores made so far by each processor are visible (barrier_heavy()). So
 * the stores of two messages may be on their way while their producer looks who is attached.
 *
 * Switches that remove a rule:
 *   NO_SETTLE        a newcomer does not look whether another producer is writing
 *   NO_FENCE         no fence between setting `writing` and looking who is attached
 *   NO_SECOND_LOOK   no look at who is attached after `writing` is set
 *   NO_LAST_FENCE    no fence between tail and the look at who sleeps
 *   NO_TURN_WAKE     a lone producer does not wake the producers that wait for it
 *   NO_BURIAL        a burial does not clear `writing`
 *   HEAD_ONCE        a check reads head only before tail
 *   TAIL_ONCE        a mark is looked for only once
 *   TAIL_EARLY       tail is read again before the marks are
 *   NO_HEAVY_ATTACH  attaching has no heavy fence
 *   NO_HEAVY_SLEEP   going to sleep has no heavy fence
 *   EVENTS_EARLY     `events` is read before `writing` is set
 *   EVENTS_LATE      `events` is read after the second look at who is attached
 *   NO_COUNT         a producer that attaches does not count itself in `events`
 */
#ifdef ASYMMETRIC
#define NO_FENCE
#define NO_LAST_FENCE
#endif
#ifndef STORES /* that a processor may keep back */
#ifdef ASYMMETRIC
#define STORES 10 /* those of two messages: no fence ends the first one */
#else
#define STORES 4
#endif
#endif
#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2 /* of the first producer */
#endif
#ifndef OTHERS
#define OTHERS 1 /* messages of each of the others */
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef CAPACITY
#define CAPACITY 100 /* records that the ring holds */
#endif
#ifdef LONG
#define PIECES(i) ((i) == PRODUCERS - 1 -> 2 : 1)
#else
#define PIECES(i) 1
#endif
#define PATIENCE 2 /* the promise is 3 seconds */

#define CONSUMER PRODUCERS /* its number */
#define RECORDS (MESSAGES + PRODUCERS + 1)
#define BIT(i) (1 << (i))
#define EVERYBODY (BIT(PRODUCERS + 1) - 1)
#define NONE 255

/* A record: its number and these. */
#define MORE 1
#define CONTINUED 2
#define ABORTED 4
#define FLAGS 8

#if KILLS > 0
#define MORTAL(i) unless { dead[i] }
#define SLEEPER(name) end_##name: /* may stay asleep: the clock judges it */
#else
#define MORTAL(i)
#define SLEEPER(name)
#endif

mtype = { RECORD, MARK, TAIL, WRITING };

/* Shared memory. */
byte tail, head;
byte records[RECORDS];
byte position[2], sequence[2], open[2]; /* the marks */
byte attached;
byte events; /* producers that have attached, and that were buried */
bool writing[PRODUCERS];
byte turn, turn_next; /* producer + 1 */
byte wish;	      /* room_wanted: the head it needs, 0 none */
byte waiting_turn, waiting_data;
bool semaphore[PRODUCERS + 1];

/* Stores that others do not see yet. */
chan buffer[PRODUCERS + 1] = [STORES] of { mtype, byte, byte };
/* The newest of them, which their processor itself sees; tail 0: there are none. */
byte own_tail[PRODUCERS + 1], own_sequence[PRODUCERS + 1], own_open[PRODUCERS + 1];

/* Mutexes: 0 or who holds it, plus 1; a robust one remembers that its holder died. */
byte mutex, alive[PRODUCERS];
bool holder_died;

/* Not in shared memory. */
byte writer = NONE; /* who is at tail */
byte gone;	    /* producers that have left, or will not come */
bool dead[PRODUCERS + 1], finished[PRODUCERS + 1];
byte kills = KILLS;
byte expired; /* whose sleep has timed out */
byte idle;    /* ticks since something got done */
byte began;

#define VISIBLE empty(buffer[me]) /* all of our own stores */

/* barrier_heavy(): the kernel runs a fence on one processor after the other. */
inline heavy()
{
#ifdef ASYMMETRIC
	do
	:: atomic { s < PRODUCERS && empty(buffer[s]) -> s++ }
	:: atomic { s == PRODUCERS -> s = 0; break }
	od
#else
	skip
#endif
}

/* ---- sleep and wake: sleep.pml takes these apart ---- */

/* condition_signal_fenced(): any one bit. */
inline signal(waiting)
{
	if
	:: atomic { waiting == 0 -> skip }
	:: atomic { (waiting & 1) != 0 -> waiting = waiting & ~1; semaphore[0] = true }
	:: atomic { (waiting & 2) != 0 -> waiting = waiting & ~2; semaphore[1] = true }
	:: atomic { (waiting & 4) != 0 -> waiting = waiting & ~4; semaphore[2] = true }
	:: atomic { (waiting & 8) != 0 -> waiting = waiting & ~8; semaphore[PRODUCERS] = true }
	fi
}

/* endpoint_wake_all() */
inline wake_all()
{
	d_step {
		k = 0;
		do
		:: k > PRODUCERS -> break
		:: else ->
			semaphore[k] = semaphore[k] || ((waiting_turn | waiting_data) & BIT(k)) != 0 || turn == k + 1;
			k++
		od;
		waiting_turn = 0;
		waiting_data = 0;
		k = 0
	}
}

/* ---- writing at tail ---- */

/* tail_own(): who has written at tail sees that before others do. */
#define OWN_TAIL (own_tail[me] != 0 -> own_tail[me] : tail)

/* record_commit(): record, idle mark, tail; all of them plain stores. */
inline append(kind)
{
	atomic {
		assert(writer == NONE);
		writer = me;
		k = (position[0] == tail -> 0 : 1);
		assert(position[k] == tail);
		if
		:: own_tail[me] == 0 ->
			own_tail[me] = tail;
			own_sequence[me] = sequence[k];
			own_open[me] = open[k]
		:: else
		fi;
		/* a message in pieces took its number with the first one */
		n = own_sequence[me] - (own_open[me] != 0 -> 1 : 0);
		buffer[me]!RECORD(own_tail[me], n * FLAGS + (kind));
		n = own_sequence[me] + (((kind) & CONTINUED) != 0 -> 0 : 1);
		own_tail[me]++;
		own_sequence[me] = n;
		own_open[me] = (((kind) & MORE) != 0 -> me + 1 : 0);
		buffer[me]!MARK(own_tail[me], n * FLAGS + own_open[me]);
		n = 0;
		k = 0
	};
	buffer[me]!TAIL(own_tail[me], 0)
}

#define WRITTEN writer = (writer == me -> NONE : writer)

inline see(i)
{
	if
	:: buffer[i]?RECORD(place, value) ->
		assert(place == tail && place - head < CAPACITY);
		records[place] = value
	:: buffer[i]?MARK(place, value) ->
		k = (position[0] == tail -> 1 : 0); /* the idle one */
		sequence[k] = value / FLAGS;
		open[k] = value % FLAGS;
		position[k] = place;
		k = 0
	:: buffer[i]?TAIL(place, value) ->
		tail = place;
		idle = 0;
		if
		:: own_tail[i] == tail -> own_tail[i] = 0; own_sequence[i] = 0; own_open[i] = 0
		:: else
		fi
	:: buffer[i]?WRITING(place, value) -> writing[i] = value
	fi;
	place = 0;
	value = 0
}

/* Stores become visible some time, in their order. */
active proctype memory()
{
	byte k, place, value;
end:
	do
	:: atomic { nempty(buffer[0]) -> see(0) }
	:: atomic { nempty(buffer[1]) -> see(1) }
	:: atomic { nempty(buffer[PRODUCERS - 1]) -> see(PRODUCERS - 1) }
	:: atomic { nempty(buffer[PRODUCERS]) -> see(PRODUCERS) }
	od
}

/* ---- the producers' mutex, and burials ---- */

/* turn_release() */
inline turn_release()
{
	atomic { k = turn_next; turn_next = 0 };
	wish = 0;
	if
	:: k != 0 && (waiting_turn & BIT(k - 1)) != 0 ->
		turn = k;
		semaphore[k - 1] = true
	:: else -> turn = 0
	fi;
	k = 0
}

/*
 * mark_find(): another may write alone, so the mark is looked for again if tail has moved. The fence
 * is not here, as loads keep their order; TAIL_EARLY has them come in the other one.
 */
inline seek()
{
	t = tail;
	do
	:: true ->
#ifdef TAIL_EARLY
		h = tail;
#endif
		if
		:: position[0] == t -> break
		:: else
		fi;
		if
		:: position[1] == t -> break
		:: else
		fi;
#ifdef TAIL_ONCE
		h = t;
#endif
#if !defined(TAIL_EARLY) && !defined(TAIL_ONCE)
		h = tail;
#endif
		atomic { assert(h != t); t = h } /* it stands still: damage */
	od;
	atomic { h = 0; t = 0 }
}

/* slot_bury(); the dead one's `alive` is ours. */
inline bury()
{
	seek();
#ifdef LONG
	if /* message_abort() */
	:: atomic { (position[0] == tail && open[0] == s + 1) || (position[1] == tail && open[1] == s + 1) };
		append(ABORTED | CONTINUED);
		atomic { VISIBLE -> WRITTEN }
	:: else
	fi;
#endif
	if
	:: turn == s + 1 -> turn_release()
	:: else
	fi;
#ifndef NO_BURIAL
	writing[s] = false;
#endif
	waiting_turn = waiting_turn & ~BIT(s);
	events++;
	atomic { attached = attached & ~BIT(s); gone = gone | BIT(s); idle = 0 }
}

/* Its bit is set, and `alive` can be had: EOWNERDEAD. */
#define DEAD(slot) ((attached & BIT(slot)) != 0 && alive[slot] == 0)

/* side_probe() */
inline probe()
{
#if KILLS > 0
	do
	:: atomic { s < PRODUCERS && DEAD(s) && s != me -> alive[s] = me + 1; due = true };
		bury();
		atomic { alive[s] = 0; s++ }
	:: atomic { s < PRODUCERS && (!DEAD(s) || s == me) -> s++ }
	:: atomic { s == PRODUCERS -> s = 0; break }
	od
#else
	skip
#endif
}

/*
 * ring_valid_producers(): is tail between head and head plus capacity, and has it a mark?
 * Another may write alone, so head is read on both sides of tail.
 */
inline check()
{
#ifdef CHECKS
	h = head;
	t = tail;
	assert(h <= t);
#ifndef HEAD_ONCE
	h = head;
#endif
	assert(t <= h || t - h <= CAPACITY);
	seek()
#else
	skip
#endif
}

/* side_lock() */
inline lock()
{
	atomic { VISIBLE && mutex == 0 -> mutex = me + 1 };
	locked()
}

inline locked()
{
#if KILLS > 0
	if
	:: holder_died -> check(); probe(); atomic { holder_died = false; due = true }
	:: else
	fi
#else
	skip
#endif
}

/* An exchange in glibc and in musl: what was stored is visible. */
inline unlock()
{
	atomic { VISIBLE && mutex == me + 1 -> mutex = 0 };
#if KILLS > 0
	if
	:: due -> due = false; wake_all()
	:: else
	fi
#endif
}

/* channel_look_after(): does not wait for the mutex. */
inline look_after()
{
	if
	:: atomic { mutex == 0 -> mutex = me + 1 }; locked(); probe(); unlock()
	:: atomic { mutex != 0 -> skip }
	fi
}

#define EXPIRED(i) atomic { (expired & BIT(i)) != 0 -> expired = expired & ~BIT(i) }

/* ---- a producer ---- */

/* producers_settled() */
inline settle()
{
#ifndef NO_SETTLE
	if
	:: !settled ->
		others = attached & ~BIT(me);
		s = 0;
		do
		:: atomic { s < PRODUCERS && (others & BIT(s)) == 0 -> s++ }
		:: atomic { s < PRODUCERS && (others & BIT(s)) != 0 && !writing[s] -> s++ }
		:: atomic { s < PRODUCERS && (others & BIT(s)) != 0 && writing[s] -> break }
		:: atomic { s == PRODUCERS -> settled = true; break }
		od;
		atomic { s = 0; others = 0 }
	:: else
	fi
#else
	settled = true
#endif
}

#define MINE_OR_FREE(turn) ((turn) == 0 || (turn) == me + 1)

/* room_look(); the mutex is held. */
inline room_look()
{
	room = false;
	wanting = false;
	if
	:: !MINE_OR_FREE(turn) -> probe()
	:: else
	fi;
	if
	:: MINE_OR_FREE(turn) ->
		settle();
		if
		:: settled ->
			turn_next = (turn_next == me + 1 -> 0 : turn_next);
			if
			:: tail - head < CAPACITY -> room = true
			:: else -> turn = me + 1; wanting = true
			fi
		:: else
		fi
	:: else
	fi
}

/* turn_wait() */
inline turn_wait()
{
	atomic { waiting_turn = waiting_turn | BIT(me); expired = expired & ~BIT(me) };
#ifndef NO_HEAVY_SLEEP
	heavy();
#endif
	ready = false;
	if
	:: MINE_OR_FREE(turn) -> settle(); ready = settled
	:: else
	fi;
	if
	:: !ready ->
SLEEPER(turn)
		if
		:: atomic { semaphore[me] -> semaphore[me] = false }
		:: EXPIRED(me); late = true
		fi
	:: else
	fi;
	atomic {
		ready = ready && (waiting_turn & BIT(me)) == 0; /* chosen, and acts on something else */
		waiting_turn = waiting_turn & ~BIT(me)
	};
	if
	:: ready -> ready = false; signal(waiting_turn)
	:: else
	fi;
	if
	:: late -> late = false; look_after()
	:: else
	fi
}

/* room_wait(); batch.pml has what head_catch_up() does. */
inline room_wait()
{
	do
	:: atomic { wish = tail + 1 - CAPACITY; expired = expired & ~BIT(me) };
		if
		:: head >= wish && wish != 0 -> break
		:: wish == 0 -> break
		:: else
		fi;
SLEEPER(room)
		if
		:: atomic { semaphore[me] -> semaphore[me] = false }
		:: EXPIRED(me); look_after()
		fi
	od;
	wish = 0
}

/* room_lock() */
inline room_lock()
{
	passed_over = false;
	do
	:: lock();
		room_look();
		if
		:: room -> break
		:: else
		fi;
		if
		:: passed_over && !wanting && turn_next == 0 -> turn_next = me + 1
		:: else
		fi;
		unlock();
		passed_over = !wanting;
		if
		:: wanting -> room_wait()
		:: else -> turn_wait()
		fi
	od;
	atomic { passed_over = false; room = false; wanting = false }
}

/* commit_unlock() */
inline send_locked()
{
	room_lock();
	if
	:: (flags & MORE) != 0 -> turn = me + 1
	:: else
	fi;
	append(flags);
	atomic { VISIBLE -> WRITTEN };
	atomic { was_alone = false; alone_tail = 0; alone_events = 0 };
	if
	:: (flags & MORE) == 0 && turn == me + 1 -> turn_release()
	:: else
	fi;
	unlock();
	signal(waiting_data);
	if
	:: turn == 0 -> signal(waiting_turn)
	:: else
	fi
}

#define ALONE (attached == BIT(me) && turn == 0)

/*
 * tail_alone(): if nobody has attached since we were last alone, tail is where we left it.
 */
inline remember()
{
#ifdef EVENTS_LATE
	counted = events;
#endif
	atomic {
		alone_tail = (was_alone && counted == alone_events -> alone_tail : OWN_TAIL);
		alone_events = counted;
		was_alone = true;
		counted = 0
	}
}

/* send_alone() */
inline send_alone()
{
#ifdef EVENTS_EARLY
	counted = events;
#endif
	if
	:: ALONE ->
#ifdef NO_FENCE
		buffer[me]!WRITING(0, true);
#else
		atomic { VISIBLE -> writing[me] = true };
#endif
#if !defined(EVENTS_EARLY) && !defined(EVENTS_LATE)
		counted = events;
#endif
		if
#ifdef NO_SECOND_LOOK
		:: true ->
#else
		:: attached == BIT(me) ->
#endif
			remember();
			if
			:: turn == 0 && OWN_TAIL - head < CAPACITY ->
				assert(alone_tail == OWN_TAIL);
				append(0);
				sent++;
				alone_tail++
			:: else
			fi
		:: else -> counted = 0
		fi;
#ifdef NO_LAST_FENCE
		atomic { buffer[me]!WRITING(0, false) ; WRITTEN };
#else
		atomic { VISIBLE -> writing[me] = false; WRITTEN };
#endif
		signal(waiting_data);
#ifndef NO_TURN_WAKE
		signal(waiting_turn)
#endif
	:: else
	fi
}

/* The kernel lets go of the mutexes of the dead, one by one; what it had stored is visible. */
inline reap()
{
	atomic { VISIBLE -> WRITTEN; own_tail[me] = 0; own_sequence[me] = 0; own_open[me] = 0 };
	do
	:: atomic { mutex == me + 1 -> mutex = 0; holder_died = true }
	:: atomic { alive[0] == me + 1 -> alive[0] = 0 }
	:: atomic { alive[1] == me + 1 -> alive[1] = 0 }
	:: atomic { alive[PRODUCERS - 1] == me + 1 -> alive[PRODUCERS - 1] = 0 }
	:: atomic { mutex != me + 1 && alive[0] != me + 1 && alive[1] != me + 1 &&
		alive[PRODUCERS - 1] != me + 1 -> break }
	od
}

#define ASLEEP(i, waiting) ((waiting & BIT(i)) != 0 && !semaphore[i])

/* Its next message may be long in coming: nobody may sleep on what it has left behind. */
inline linger()
{
#if KILLS == 0
	if
	:: true
	:: true ->
		timeout;
		assert(head == tail || !ASLEEP(CONSUMER, waiting_data));
		assert(turn != 0 || !(ASLEEP(0, waiting_turn) || ASLEEP(1, waiting_turn) ||
				      ASLEEP(PRODUCERS - 1, waiting_turn)))
	fi
#else
	skip
#endif
}

proctype producer(byte me)
{
	byte sent, before, most, flags, others, s, k, n, h, t;
	byte counted, alone_events, alone_tail;
	bool settled, passed_over, room, wanting, ready, late, due, was_alone;

	{
		/* They come in their order: apart from the number of messages they are alike. */
		atomic { (me == 0 || (began & BIT(me - 1)) != 0) && mutex == 0;
			mutex = me + 1;
			began = began | BIT(me);
			most = (me == 0 -> MESSAGES : OTHERS * PIECES(me)) };
		locked();
		probe();
		check();
		atomic { alive[me] = me + 1 };
		attached = attached | BIT(me);
#ifndef NO_COUNT
		events++;
#endif
		unlock();
#ifndef NO_HEAVY_ATTACH
		heavy();
#endif
		do
		:: sent < most ->
			before = sent;
			if
			:: PIECES(me) == 1 -> send_alone()
			:: else -> flags = (sent == 0 -> MORE : CONTINUED)
			fi;
			if
			:: sent == before -> send_locked(); sent++
			:: else
			fi;
			flags = 0;
			before = 0;
			linger()
		:: else -> break
		od;
		lock();
		atomic { attached = attached & ~BIT(me); gone = gone | BIT(me); idle = 0 };
		alive[me] = 0;
		unlock();
		wake_all()
	} MORTAL(me);
	d_step {
		sent = 0; before = 0; most = 0; flags = 0; others = 0;
		s = 0; k = 0; n = 0; h = 0; t = 0; counted = 0;
		alone_events = 0; alone_tail = 0; was_alone = false; settled = false; passed_over = false;
		room = false; wanting = false; ready = false; late = false; due = false;
		began = began | BIT(me);
		gone = ((attached & BIT(me)) == 0 -> gone | BIT(me) : gone)
	};
	reap();
	finished[me] = true
}

/* ---- the consumer ---- */

/* A visit to the consumers' mutex, and whom it wakes: takes a record, and has used up the last. */
inline receive_under_lock()
{
	d_step {
		moved = false;
		found = head < tail;
		if
		:: found ->
			n = records[head];
			/* the numbers neither skip nor double, and a piece follows its own message */
			assert(n / FLAGS == last + (((n % FLAGS) & CONTINUED) != 0 -> 0 : 1));
			assert(inside == (((n % FLAGS) & CONTINUED) != 0));
			inside = ((n % FLAGS) & MORE) != 0;
			last = n / FLAGS;
			records[head] = 0;
			head++;
			n = 0;
			idle = 0;
			moved = true
		:: else
		fi
	};
	if
	:: moved && wish != 0 && head >= wish ->
		wish = 0;
		if
		:: atomic { turn != 0 -> semaphore[turn - 1] = true }
		:: else
		fi
	:: else
	fi
}

proctype consumer(byte me)
{
	byte last, s, k, n, h, t;
	bool found, moved, inside, late, due;

	do
	:: receive_under_lock();
		if
		:: found
		:: !found && gone == BIT(PRODUCERS) - 1 && head == tail -> break
		:: else ->
			atomic { waiting_data = waiting_data | BIT(me); expired = expired & ~BIT(me) };
#ifndef NO_HEAVY_SLEEP
			heavy();
#endif
			receive_under_lock();
			if
			:: !found && (gone != BIT(PRODUCERS) - 1 || head != tail) ->
SLEEPER(data)
				if
				:: atomic { semaphore[me] -> semaphore[me] = false }
				:: EXPIRED(me); late = true
				fi
			:: else
			fi;
			waiting_data = waiting_data & ~BIT(me);
			if
			:: late -> late = false; look_after()
			:: else
			fi
		fi
	od;
	assert(attached == 0 && !inside && writer == NONE);
	assert(!writing[0] && !writing[1] && !writing[PRODUCERS - 1]); /* for who gets the slot */
#if KILLS == 0
	assert(last == MESSAGES + OTHERS * (PRODUCERS - 1));
#endif
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
#ifdef VICTIM
		victim = VICTIM;
#else
		select(victim : 0 .. PRODUCERS - 1);
#endif
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
	:: atomic { timeout && !finished[CONSUMER] ->
		expired = EVERYBODY;
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
		sequence[0] = 1;
		position[1] = NONE;
		do
		:: i < PRODUCERS -> run producer(i); i++
		:: else ->
#ifdef NO_CONSUMER
			finished[CONSUMER] = true;
#else
			run consumer(CONSUMER);
#endif
			i = 0;
			break
		od
	}
}
