/*
 * Claiming, acknowledging, adopting and giving back; the end of a stream; the life of slots
 * (receive_locked(), claim_begin(), claim_adopt(), claim_abandon(), stream_end(), end_tell(),
 * side_enter(), side_leave(), slot_bury()); kill -9 at any step.
 *
 * PRODUCERS producers send one or more MESSAGES each; CONSUMERS consumers attach at any time, and a
 * newcomer attaches when all of them have gone. GIVERS consumers give a message back and leave.
 * Each store to shared memory is a step, and so is each read of a word that the other side writes.
 * Wake-ups are left out (sleep.pml has them): whatever is published wakes everybody, and a slow
 * clock ticks when nothing else can happen.
 *
 * FOLLOWERS consumers go on through an end once, or leave there: with a report of it (when idle),
 * or without one (on a Unix signal).
 *
 * Checked: no message is claimed from the ring twice, or acknowledged twice; a claim's owner is
 * attached; a consumer that ends has seen all producers of that stream go, and nothing that was
 * committed before is unacknowledged when all is over; the newcomer finds the rest; a death is
 * reported, and none is reported that did not happen; after PATIENCE ticks without progress nobody
 * is stuck.
 *
 * Switches that remove a rule:
 *   PROBE_OUTSIDE       `alive` mutexes are tried without the side's mutex
 *   END_DESPITE_CLAIMS  a consumer ends although another one has a claim
 *   COUNT_FIRST         a producer counts itself in `events` before it sets its bit, and consumers
 *                       read `events` once
 *   NO_REPAIR           the repair does not raise `next`
 *   TELL_IN_PASSING     a consumer that goes on through an end reports it
 *   TOLD_GOES_BACK      a consumer that ended first and leaves last stores its older `told`
 *
 * STRICT_END asks for more than the protocol promises: that the newcomer also ends if the only
 * consumer was killed between its last acknowledgement and reporting the end. It does not end then;
 * it waits for the next stream.
 */
#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2 /* of each producer */
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef GIVERS
#define GIVERS 0 /* consumers that give a message back and leave */
#endif
#ifndef FOLLOWERS
#define FOLLOWERS 0
#endif
#define PATIENCE 2 /* the promise is 3 seconds */

#define ALL (PRODUCERS + CONSUMERS)
#define SLOTS 2 /* of each side */
#define BIT(i) (1 << (i))
#define NONE 255
#define FREE 0
#define ORPHAN 100
#define P 0 /* the sides */
#define C 1

/* The word `events`: producers attached, producers dead. */
#define ATTACHED 1
#define DEATH 16
#define DEATHS(events) ((events) / 16)

mtype = { NOTHING, DELIVERED, ENDED };

/* Shared memory. */
byte tail, head, next;
byte events, told;
bool empty_end;
byte attached[2];
byte used; /* claims_used */
byte owner[SLOTS], at[SLOTS]; /* the claims */

/* Mutexes: 0 or who holds it, plus 1; a robust one remembers that its holder died. */
byte flock, mutex[2], alive[2 * SLOTS];
bool holder_died[2];

/* Not in shared memory. */
byte kills = KILLS, givers = GIVERS, followers = FOLLOWERS;
bool dead[ALL + 1];     /* killed */
bool finished[ALL + 1]; /* gone, and its mutexes are free */
byte began;
byte poke, expired, asleep, silenced; /* the last: who does not sleep any more */
byte idle;
bool stopped; /* the clock */
byte given, acked;
byte counted, gone; /* producers in `events`; not attached any more */
byte owed;          /* died, attached; nobody has been told */
byte who[SLOTS];    /* the producer in a slot */
byte buried;
bool any_died;
byte told_most; /* the newest that was ever told */
byte ended_tail; /* what was committed when a consumer ended */

#define EVERYBODY (BIT(ALL) - BIT(PRODUCERS)) /* the consumers; the newcomer does not sleep */
#define ACKED_ALL (acked == BIT(tail) - 1)

inline publish()
{
	poke = EVERYBODY & ~silenced;
	idle = 0
}

inline take_flock()
{
	atomic { flock == 0 -> flock = me + 1 }
}

/* ---- life and death of a slot ---- */

/* slot_bury() and what follows it; the dead one's `alive` is ours. */
inline bury(side)
{
	if
	:: side == C ->
		j = 0;
		do
		:: atomic { j < SLOTS && owner[j] == s + 1 -> owner[j] = ORPHAN; j++ }
		:: atomic { j < SLOTS && owner[j] != s + 1 -> j++ }
		:: atomic { j == SLOTS -> j = 0; break }
		od
	:: else ->
		atomic {
			events = events + DEATH; /* perhaps once more for the same death */
			assert(DEATHS(events) < 15);
			buried = buried | BIT(who[s])
		}
	fi;
	atomic {
		attached[side] = attached[side] & ~BIT(s);
		gone = gone | (side == P -> BIT(who[s]) : 0);
		publish()
	};
	alive[side * SLOTS + s] = 0
}

/* Its bit is set, and `alive` can be had: EOWNERDEAD. */
#define DEAD(side, slot) ((attached[side] & BIT(slot)) != 0 && alive[(side) * SLOTS + slot] == 0)

/* side_probe() */
inline probe(side)
{
	s = 0;
	do
	:: atomic { s < SLOTS && DEAD(side, s) && (s != mine || side != my_side) ->
		alive[side * SLOTS + s] = me + 1 };
		bury(side);
		s++
	:: atomic { s < SLOTS && (!DEAD(side, s) || (s == mine && side == my_side)) -> s++ }
	:: atomic { s == SLOTS -> s = 0; break }
	od
}

/* head_advance() */
inline advance()
{
	d_step {
		k = next;
		j = 0;
		do
		:: j == SLOTS -> break
		:: j < SLOTS ->
			if
			:: (used & BIT(j)) != 0 && owner[j] != FREE && at[j] < k -> k = at[j]
			:: else
			fi;
			j++
		od;
		assert(head <= k);
		head = k; /* the one store */
		k = 0;
		j = 0
	}
}

/* consumers_repair() */
inline repair()
{
	d_step {
		k = 0;
		j = 0;
		do
		:: j == SLOTS -> break
		:: j < SLOTS ->
			if
			:: owner[j] != FREE -> k = k | BIT(j)
			:: else
			fi;
			j++
		od;
		used = k; /* the one store */
		k = next;
		j = 0;
		do
		:: j == SLOTS -> break
		:: j < SLOTS ->
			if
			:: owner[j] != FREE && at[j] + 1 > k -> k = at[j] + 1
			:: else
			fi;
			j++
		od;
		j = 0
	};
#ifndef NO_REPAIR
	atomic { next = k; k = 0 };
#endif
	advance()
}

/* side_locked(): the mutex is ours. */
inline recover(side)
{
	if
	:: holder_died[side] ->
		if
		:: side == C -> repair()
		:: else
		fi;
		probe(side);
		atomic { holder_died[side] = false; poke = EVERYBODY & ~silenced }
	:: else
	fi
}

inline lock(side)
{
	atomic { mutex[side] == 0 -> mutex[side] = me + 1 };
	recover(side)
}

inline unlock(side)
{
	mutex[side] = 0
}

/* side_recover(). If there is nothing to do, it is one step: it stores nothing. */
inline visit_side(side)
{
	if
	:: atomic { mutex[side] == 0 && !holder_died[side] && !DEAD(side, 0) && !DEAD(side, 1) -> skip }
	:: atomic { mutex[side] == 0 && (holder_died[side] || DEAD(side, 0) || DEAD(side, 1)) ->
		mutex[side] = me + 1 };
		recover(side);
		probe(side);
		unlock(side)
	fi
}

/* The part of channel_look_after() for one side: does not wait for the mutex. */
inline look_after(side)
{
#ifdef PROBE_OUTSIDE
	/* Only if one is dead, the mutex is worth taking. Under it all is looked at again. */
	s = 0;
	do
	:: atomic { s < SLOTS && DEAD(side, s) && (s != mine || side != my_side) ->
		alive[side * SLOTS + s] = me + 1 };
		alive[side * SLOTS + s] = 0;
		if
		:: atomic { mutex[side] == 0 -> mutex[side] = me + 1 };
			recover(side);
			probe(side);
			unlock(side)
		:: atomic { mutex[side] != 0 -> skip } /* somebody is there already */
		fi;
		s = 0;
		break
	:: atomic { s < SLOTS && (!DEAD(side, s) || (s == mine && side == my_side)) -> s++ }
	:: atomic { s == SLOTS -> s = 0; break }
	od
#else
	if
	:: atomic { mutex[side] == 0 -> mutex[side] = me + 1 };
		recover(side);
		probe(side);
		unlock(side)
	:: atomic { mutex[side] != 0 -> skip }
	fi
#endif
}

/* side_enter(); the flock and the side's mutex are held. There is a slot for everybody. */
inline enter(side)
{
	atomic {
		s = 0;
		do
		:: s < SLOTS && (attached[side] & BIT(s)) == 0 && alive[side * SLOTS + s] == 0 -> break
		:: s < SLOTS && ((attached[side] & BIT(s)) != 0 || alive[side * SLOTS + s] != 0) -> s++
		:: s == SLOTS -> break
		od
	};
	if
	:: s < SLOTS ->
		atomic {
			mine = s;
			s = 0;
			alive[side * SLOTS + mine] = me + 1;
			if
			:: side == P -> who[mine] = me
			:: else
			fi;
			publish()
		};
#ifdef COUNT_FIRST
		if
		:: side == P -> atomic { events = events + ATTACHED; counted = counted | BIT(me) }
		:: else
		fi;
		attached[side] = attached[side] | BIT(mine)
#else
		attached[side] = attached[side] | BIT(mine);
		if
		:: side == P -> atomic { events = events + ATTACHED; counted = counted | BIT(me) }
		:: else
		fi
#endif
	:: else -> s = 0 /* -EBUSY */
	fi
}

/* side_leave(); the side's mutex is held. */
inline leave(side)
{
	atomic {
		attached[side] = attached[side] & ~BIT(mine);
		gone = gone | (side == P -> BIT(me) : 0)
	};
	atomic { alive[side * SLOTS + mine] = 0; mine = NONE }
}

/* deserted() and the removal; the flock is held. */
inline remove_if_deserted()
{
	visit_side(P);
	visit_side(C);
	if
	:: attached[P] == 0 && attached[C] == 0 && tail == head && used == 0 && !empty_end &&
	   DEATHS(events) == DEATHS(told) ->
		assert(ACKED_ALL && owed == 0)
	:: else
	fi
}

/* The kernel lets go of the mutexes of the dead, one by one. */
inline reap()
{
	do
	:: atomic { mutex[P] == me + 1 -> mutex[P] = 0; holder_died[P] = true }
	:: atomic { mutex[C] == me + 1 -> mutex[C] = 0; holder_died[C] = true }
	:: atomic { flock == me + 1 -> flock = 0 }
	:: atomic { alive[0] == me + 1 -> alive[0] = 0 }
	:: atomic { alive[1] == me + 1 -> alive[1] = 0 }
	:: atomic { alive[2] == me + 1 -> alive[2] = 0 }
	:: atomic { alive[3] == me + 1 -> alive[3] = 0 }
	:: atomic { mutex[P] != me + 1 && mutex[C] != me + 1 && flock != me + 1 && alive[0] != me + 1 &&
		alive[1] != me + 1 && alive[2] != me + 1 && alive[3] != me + 1 -> break }
	od
}

/* ---- a visit to the consumers' mutex ---- */

#define OTHERS(j) (owner[j] != FREE && owner[j] != mine + 1)

/* receive_any(): an orphan, else from `next`. */
inline receive_any()
{
	d_step {
		j = 0;
		k = NONE; /* the oldest orphan */
		do
		:: j == SLOTS -> break
		:: j < SLOTS ->
			/* claims_recover(): no slot is given up with a claim */
			assert((used & BIT(j)) == 0 || owner[j] == FREE || owner[j] == ORPHAN ||
			       (attached[C] & BIT(owner[j] - 1)) != 0);
			if
			:: (used & BIT(j)) != 0 && owner[j] == ORPHAN && (k == NONE || at[j] < at[k]) -> k = j
			:: else
			fi;
			j++
		od;
		j = 0
	};
	if
	:: k != NONE ->
		atomic { owner[k] = mine + 1; claim = k; k = 0; result = DELIVERED; idle = 0 }
	:: k == NONE && next != tail -> /* one read of tail */
		d_step {
			k = 0;
			do
			:: (used & BIT(k)) == 0 -> break
			:: else -> k++; assert(k < SLOTS) /* one for each slot */
			od;
			used = used | BIT(k)
		};
		at[k] = next;
		atomic {
			owner[k] = mine + 1;
			claim = k;
			assert((given & BIT(at[k])) == 0); /* from the ring only once */
			given = given | BIT(at[k]);
			k = 0
		};
		atomic { next = next + 1; result = DELIVERED; idle = 0 }
	:: k == NONE && next == tail -> k = 0
	fi
}

#ifdef END_DESPITE_CLAIMS
#define MAY_END true
#else
#define MAY_END !(OTHERS(0) || OTHERS(1))
#endif

/* stream_end(). What it reports, in `ended` and `reports`, is told when it leaves. */
inline stream_end()
{
	if
	:: (seen_then || then != now) && MAY_END ->
		atomic {
			ended = now;
			/* all that `now` counts have gone, and nothing of theirs is left */
			assert((now_counted & ~gone) == 0);
#ifndef END_DESPITE_CLAIMS
			assert(((BIT(now_tail) - 1) & ~acked) == 0);
#endif
			assert(DEATHS(now) == DEATHS(told_then) || any_died);
			if
			:: DEATHS(now) != DEATHS(told_then) -> reports = now_buried
			:: else -> reports = 0
			fi;
			ended_tail = now_tail;
#ifdef TELL_IN_PASSING
			told = now;
#endif
			result = ENDED
		}
	:: else
	fi
}

inline receive_under_lock()
{
	lock(C);
	/* Before tail is looked at. The ghosts go with `events`. */
	atomic {
		now = events;
		now_counted = counted;
		now_buried = buried;
		result = NOTHING
	};
	nobody = attached[P] == 0;
	atomic {
#ifndef COUNT_FIRST
		nobody = nobody && now == events;
#else
		now = events; /* `attached`, then `events`, and once */
		now_counted = counted;
		now_buried = buried;
#endif
		if
		:: nobody -> now_tail = tail
		:: else -> now_counted = 0; now_buried = 0
		fi
	};
	/* delivery_done() */
	if
	:: claim != NONE ->
		atomic {
			assert((acked & BIT(at[claim])) == 0);
			acked = acked | BIT(at[claim]);
			owner[claim] = FREE
		};
		atomic { used = used & ~BIT(claim); claim = NONE; publish() }
	:: else
	fi;
	receive_any();
	if
	:: result == NOTHING && nobody ->
		if
		:: OTHERS(0) || OTHERS(1) -> probe(C); receive_any()
		:: else
		fi;
		if
		:: result == NOTHING -> stream_end()
		:: else
		fi
	:: else
	fi;
	atomic { now = 0; now_counted = 0; now_buried = 0; nobody = false; now_tail = 0 };
	advance();
	unlock(C)
}

/* ---- the processes ---- */

inline consumer_attach()
{
	/* They are all alike: in their order. */
	atomic {
		flock == 0 && (me == PRODUCERS || (began & BIT(me - 1)) != 0);
		flock = me + 1;
		began = began | BIT(me)
	};
	visit_side(P);
	visit_side(C);
	/* stream_remember() */
	then = events;
	told_then = told;
	if
	:: tail != head -> seen_then = true
	:: else ->
		if
		:: used != 0 || empty_end || DEATHS(events) != DEATHS(told) -> seen_then = true
		:: else -> seen_then = attached[P] != 0
		fi
	fi;
	lock(C);
	enter(C);
	unlock(C);
	flock = 0
}

/* end_tell() */
inline tell()
{
	if
	:: result == ENDED ->
		atomic {
#ifdef TOLD_GOES_BACK
			told = ended;
#else
			/* events_later(): nothing wraps here */
			told = (ended > told -> ended : told);
#endif
			assert(told >= told_most);
			told_most = told;
			owed = owed & ~reports
		};
		empty_end = false
	:: else
	fi
}

/* channel_detach(): a claim is given back. */
inline consumer_detach()
{
	take_flock();
	if
	:: claim != NONE ->
		lock(C);
		atomic { owner[claim] = ORPHAN; claim = NONE; publish() };
		advance();
		unlock(C)
	:: else
	fi;
	lock(C);
	tell();
	leave(C);
	unlock(C);
	poke = EVERYBODY & ~silenced;
	remove_if_deserted();
	flock = 0
}

#define STREAM_LEFT (!ACKED_ALL || owed != 0)

proctype consumer(byte me)
{
	byte my_side = C, mine = NONE, claim = NONE, s, j, k;
	byte then, told_then, now, now_counted, now_buried, now_tail, ended, reports;
	bool seen_then, nobody;
	mtype result = NOTHING;

	if
	:: me == ALL -> /* the newcomer: when all is over */
end_newcomer:
		atomic {
			finished[0] && finished[1] && finished[ALL - 2] && finished[ALL - 1];
			kills = 0;
			/* who ended has not left work behind */
			assert(((BIT(ended_tail) - 1) & ~acked) == 0)
		}
	:: else
	fi;
	{
		do
		:: mine == NONE -> consumer_attach()
		:: else -> break
		od;
		do
		:: atomic { result != ENDED -> poke = poke & ~BIT(me); expired = expired & ~BIT(me) };
			receive_under_lock();
			if
			:: result == DELIVERED
			:: atomic { result == DELIVERED && givers > 0 -> givers-- }; break
			:: result == ENDED -> break
			:: atomic { result == ENDED && followers > 0 && me != ALL ->
				followers--;
				ended = 0;
				reports = 0;
				result = NOTHING
			};
				empty_end = false;
				if
				:: true /* on, until the next end or for ever */
				:: true -> break /* a signal */
				fi
			:: result == NOTHING && me != ALL ->
				asleep = asleep | BIT(me);
end_asleep: /* the clock judges it */
				if
				:: atomic { (poke & BIT(me)) != 0 -> asleep = asleep & ~BIT(me) }
				:: atomic { (expired & BIT(me)) != 0 ->
					asleep = asleep & ~BIT(me);
					expired = expired & ~BIT(me) };
					look_after(P);
					look_after(C)
				fi
			:: result == NOTHING && me == ALL -> /* waits for a new stream: is there none? */
				assert(!STREAM_LEFT);
#ifdef STRICT_END
				assert(told == events);
#endif
				break
			fi
		od;
		if
		:: me == ALL && result == ENDED -> assert(ACKED_ALL)
		:: else
		fi;
		consumer_detach();
		assert(me != ALL || owed == 0)
	} unless { dead[me] };
	d_step {
		mine = 0; claim = 0; s = 0; j = 0; k = 0; then = 0; told_then = 0;
		now = 0; now_counted = 0; now_buried = 0; now_tail = 0; ended = 0; reports = 0;
		seen_then = false; nobody = false; result = NOTHING;
		asleep = asleep & ~BIT(me);
		silenced = silenced | BIT(me);
		began = began | BIT(me);
		poke = poke & ~BIT(me);
		expired = expired & ~BIT(me)
	};
	reap();
	finished[me] = true
}

proctype producer(byte me)
{
	byte my_side = P, mine = NONE, s, j, k, sent;
	bool silent;

	{
		atomic { /* in their order, too */
			flock == 0 && (me == 0 || (began & BIT(me - 1)) != 0);
			flock = me + 1;
			began = began | BIT(me)
		};
		visit_side(P);
		visit_side(C);
		lock(P);
		enter(P);
		unlock(P);
		flock = 0;
		if
		:: sent = 0
		:: atomic { sent = MESSAGES; silent = true }
		fi;
		do
		:: sent < MESSAGES ->
			lock(P);
			atomic { tail++; publish() };
			unlock(P);
			sent++
		:: else -> break
		od;
		take_flock();
		if
		:: silent ->
			visit_side(C);
			if
			:: attached[C] == 0 -> empty_end = true
			:: else
			fi
		:: else
		fi;
		lock(P);
		leave(P);
		unlock(P);
		atomic { publish() };
		remove_if_deserted();
		flock = 0
	} unless { dead[me] };
	if
	:: dead[me] && mine != NONE && (attached[P] & BIT(mine)) != 0 && alive[mine] == me + 1 ->
		d_step { owed = owed | BIT(me); any_died = true }
	:: else
	fi;
	d_step { mine = 0; s = 0; j = 0; k = 0; sent = 0; silent = false; began = began | BIT(me) };
	reap();
	finished[me] = true
}

active proctype killer()
{
	byte victim;
end:
	do
	:: atomic { kills > 0 ->
		kills--;
		select(victim : 0 .. ALL - 1);
		if
		:: !finished[victim] && !dead[victim] -> dead[victim] = true
		:: else
		fi;
		victim = 0
	}
	od
}

/* A tick when nothing else can happen: all sleepers look for the dead. */
active proctype clock()
{
end:
	do
	:: atomic { timeout && asleep != 0 && !stopped && idle < PATIENCE ->
		idle++;
		expired = asleep
	}
	:: atomic { timeout && asleep != 0 && !stopped && idle == PATIENCE ->
		/* They wait for a stream that has not begun. */
		assert(ACKED_ALL && owed == 0 && (tail == 0 || attached[P] == 0));
		assert(!DEAD(P, 0) && !DEAD(P, 1) && !DEAD(C, 0) && !DEAD(C, 1));
		stopped = true
	}
	od
}

init
{
	byte i;

	atomic {
		do
		:: i < PRODUCERS -> run producer(i); i++
		:: i >= PRODUCERS && i <= ALL -> run consumer(i); i++
		:: else -> break
		od
	}
}
