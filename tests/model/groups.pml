/*
 * Groups of consumers over one ring (group_enter(), group_join(), group_joined(), group_leaving(),
 * group_keep(), group_discard(), groups_tidy(), groups_settle(), groups_repair(), head_advance());
 * kill -9 at any step.
 *
 * A producer sends RECORDS messages into a ring of CAPACITY. CONSUMERS consumers attach at any
 * time, each to one of two groups, take what they find, and leave or give it back. With DECLARE one
 * more producer declares the second group durable, and with REMOVE a process removes that group. A
 * slot is used again by whoever comes next. Each store to shared memory is a step. The consumers'
 * mutex keeps the processes apart; so what is searched is in which order they come, where the
 * producer gets between them, and where a process dies. Left out: waking (see sleep.pml) and the
 * end of the stream (see claim.pml). Last of all a consumer comes to each group that is not over,
 * takes all of it, and leaves.
 *
 * A group's *promise* begins when a consumer has joined it or when it is durable, with all that is
 * in the ring for it. It ends when its last consumer leaves in good order, if the group is not
 * durable, or when the group is removed. Checked: while the promise lasts, each message of it, and
 * each that is sent meanwhile, is claimed, unclaimed or acknowledged, and head has not passed those
 * that are not acknowledged; no message is delivered twice unless somebody died or gave it back; a
 * message that head passes has been acknowledged in some group, or was removed with one; there are
 * never two groups of one name that are not over, and never no group at all; in the end all
 * promises are kept, and head has come to tail, so no producer waits for a group that is over.
 *
 * Switches that remove a rule:
 *   RENAME_FIRST        a removed group loses its name first, then its durability
 *   NO_FORGET           a newcomer does not clear what its slot's last owner left in `members`
 *   NO_KEEPER           the last group ends, too
 *   OWN_HEAD            head does not wait for the other groups
 *   NO_REPAIR           the repair does not raise `next` of the second group
 *   NO_TIDY             groups that are over do not end
 *   NO_TIDY_ON_BURIAL   ... or only not when the last consumer died while it was leaving
 *   NO_HEAD_ON_LEAVING  nobody moves head when a group has ended
 *   ALWAYS_ENDS         durable groups end, too
 *   BEGIN_AT_ZERO       a new group does not begin at head
 */
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef KILLS
#define KILLS 1
#endif

/* Who there is: consumers, who declares, who removes, who comes last. */
#define DECLARER CONSUMERS
#define REMOVER (CONSUMERS + 1)
#define LAST (CONSUMERS + 2)
#define ALL (CONSUMERS + 3)

#define GROUPS 2 /* and two names: "", the other; so there is a place for each */
#define SLOTS 2
#define BIT(i) (1 << (i))
#define NONE 255
#define ORPHAN 100

/* A group's state: its life and two bits, in one word. */
#define FREE 0
#define OPEN 1
#define LEFT 2
#define LIFE 3
#define DURABLE 4
#define NAMED 8 /* its name is the other one, not "" */
#define NAME(state) ((state) / 8)

/* Shared memory. A new channel has one group, that is LEFT and has no name. */
byte tail, head;
byte groups_used = 1;
byte state[GROUPS];
byte members[GROUPS], next[GROUPS], used[GROUPS]; /* the last: claims_used */
byte owner[GROUPS * SLOTS], at[GROUPS * SLOTS];	  /* the claims */
byte attached;

/* Mutexes: 0 or who holds it, plus 1; a robust one remembers that its holder died. */
byte mutex, alive[SLOTS];
bool holder_died;

/* Not in shared memory. */
byte kills = KILLS;
bool dead[ALL], finished[ALL];
byte began;
bool promise[GROUPS];
byte due[GROUPS];  /* of its promise: messages that are not acknowledged */
byte real[GROUPS]; /* slots of its consumers that have joined it and not left, dead ones too */
byte given;	   /* per message: acknowledged in some group, or removed with one */

#define CLAIM(g, c) ((g) * SLOTS + (c))

/* What to do with the mutex next. Who comes last looks as a producer that waits for room. */
mtype = { ATTACH, VISIT, GIVE_BACK, LEAVE, DECLARES, REMOVES, LOOK, CATCH_UP, END };

#define PROBES (todo == ATTACH || todo == DECLARES || todo == REMOVES || todo == LOOK)
/* ---- what must hold ---- */

#define MESSAGE_HELD(g, c, m) (owner[CLAIM(g, c)] != 0 && at[CLAIM(g, c)] == (m))
#define HELD(g, m)                                                                                 \
	((next[g] <= (m) && (m) < tail) || MESSAGE_HELD(g, 0, m) || MESSAGE_HELD(g, 1, m))
#define KEPT(g, m) (!promise[g] || (due[g] & BIT(m)) == 0 || (head <= (m) && HELD(g, m)))
#define NOBODY(g) ((members[g] & attached) == 0)
#define OVER(g) ((state[g] & LIFE) == LEFT && (state[g] & DURABLE) == 0 && NOBODY(g))
#define THERE(g) ((state[g] & LIFE) != FREE && !OVER(g))

inline promises_kept()
{
	assert(KEPT(0, 0) && KEPT(0, 1) && KEPT(0, 2) && KEPT(1, 0) && KEPT(1, 1) && KEPT(1, 2));
	assert(state[0] != FREE || state[1] != FREE);
	assert(!THERE(0) || !THERE(1) || NAME(state[0]) != NAME(state[1]))
}

/* A group has begun to promise, or had: what it holds now is due. */
inline promise_begin(g)
{
	if
	:: !promise[g] ->
		promise[g] = true;
		due[g] = (HELD(g, 0) -> 1 : 0) | (HELD(g, 1) -> 2 : 0) | (HELD(g, 2) -> 4 : 0)
	:: else
	fi
}

inline promise_end(g)
{
	promise[g] = false;
	due[g] = 0
}

/* ---- reads under the mutex: only producers store meanwhile, and only tail ---- */

/* claims_need() */
inline claims_need(g)
{
	k = next[g];
	k = ((used[g] & 1) != 0 && owner[CLAIM(g, 0)] != 0 && at[CLAIM(g, 0)] < k -> at[CLAIM(g, 0)] : k);
	k = ((used[g] & 2) != 0 && owner[CLAIM(g, 1)] != 0 && at[CLAIM(g, 1)] < k -> at[CLAIM(g, 1)] : k)
}

/* head_advance(), of group_slowest() */
inline head_advance()
{
	d_step {
		n = NONE;
		j = 0;
		do
		:: j == GROUPS -> break
		:: j < GROUPS ->
			if
#ifdef OWN_HEAD
			:: j == mine && (state[j] & LIFE) != FREE -> claims_need(j); n = k
#else
			:: (groups_used & BIT(j)) != 0 && (state[j] & LIFE) != FREE ->
				claims_need(j);
				n = (k < n -> k : n)
#endif
			:: else
			fi;
			j++
		od;
		if
		:: n != NONE && head < n ->
			/* it was for somebody */
			assert(((BIT(n) - 1) & ~given) == 0);
			head = n /* the one store */
		:: else
		fi;
		promises_kept();
		k = 0;
		j = 0;
		n = 0
	}
}

/* group_keeper(): n */
inline group_keeper()
{
	n = NONE;
	lowest = NONE; /* what it needs */
	j = 0;
	do
	:: j == GROUPS -> break
	:: j < GROUPS ->
		if
		:: (groups_used & BIT(j)) == 0 || (state[j] & LIFE) == FREE
		:: (groups_used & BIT(j)) != 0 && (state[j] & LIFE) != FREE && !OVER(j) -> n = j; break
		:: (groups_used & BIT(j)) != 0 && (state[j] & LIFE) != FREE && OVER(j) ->
			claims_need(j);
			if
			:: n == NONE || k < lowest -> n = j; lowest = k
			:: else
			fi
		fi;
		j++
	od;
	k = 0;
	j = 0;
	lowest = 0
}

/* ---- a group ends ---- */

/* group_end() of g */
inline group_end(g)
{
	atomic { assert(!promise[g]); state[g] = FREE };
	groups_used = groups_used & ~BIT(g)
}

#ifdef NO_KEEPER
#define ENDS(g) ((groups_used & BIT(g)) != 0 && OVER(g))
#else
#ifdef ALWAYS_ENDS
#define ENDS(g) ((groups_used & BIT(g)) != 0 && keeper != (g) && (state[g] & LIFE) == LEFT && NOBODY(g))
#else
#define ENDS(g) ((groups_used & BIT(g)) != 0 && keeper != (g) && OVER(g))
#endif
#endif

/* groups_tidy() */
inline groups_tidy()
{
#ifndef NO_TIDY
	d_step { group_keeper(); keeper = n; n = 0 };
	if
	:: ENDS(0) -> group_end(0)
	:: else
	fi;
	if
	:: ENDS(1) -> group_end(1)
	:: else
	fi;
	keeper = 0
#else
	skip
#endif
}

/* ---- a holder's death, and burials ---- */

/* next_repair() of g */
inline next_repair(g)
{
	used[g] = (owner[CLAIM(g, 0)] != 0 -> 1 : 0) | (owner[CLAIM(g, 1)] != 0 -> 2 : 0);
	d_step {
		k = next[g];
		k = (owner[CLAIM(g, 0)] != 0 && at[CLAIM(g, 0)] + 1 > k -> at[CLAIM(g, 0)] + 1 : k);
		k = (owner[CLAIM(g, 1)] != 0 && at[CLAIM(g, 1)] + 1 > k -> at[CLAIM(g, 1)] + 1 : k)
	};
#ifdef NO_REPAIR
	k = ((g) == 1 -> next[g] : k);
#endif
	atomic { next[g] = k; k = 0 }
}

/* groups_repair() */
inline groups_repair()
{
	if
	:: (state[0] & LIFE) != FREE -> next_repair(0)
	:: else
	fi;
	if
	:: (state[1] & LIFE) != FREE -> next_repair(1)
	:: else
	fi;
	groups_used = ((state[0] & LIFE) != FREE -> 1 : 0) | ((state[1] & LIFE) != FREE -> 2 : 0);
	groups_tidy()
}

/* Its bit is set, and `alive` can be had: EOWNERDEAD. */
#define DEAD(i) ((attached & BIT(i)) != 0 && alive[i] == 0)

/* consumer_bury(): the claims of slot i in group g */
inline claims_bury(g)
{
	if
	:: (groups_used & BIT(g)) != 0 && (used[g] & 1) != 0 && owner[CLAIM(g, 0)] == i + 1 ->
		owner[CLAIM(g, 0)] = ORPHAN
	:: else
	fi;
	if
	:: (groups_used & BIT(g)) != 0 && (used[g] & 2) != 0 && owner[CLAIM(g, 1)] == i + 1 ->
		owner[CLAIM(g, 1)] = ORPHAN
	:: else
	fi
}

/* side_probe(), slot_bury() */
inline probe()
{
	do
	:: atomic { i < SLOTS && DEAD(i) && slot != i -> alive[i] = me + 1 };
		claims_bury(0);
		claims_bury(1);
		atomic {
			attached = attached & ~BIT(i);
			real[0] = real[0] & ~BIT(i);
			real[1] = real[1] & ~BIT(i)
		};
#ifndef NO_TIDY_ON_BURIAL
		groups_tidy();
		head_advance();
#endif
		atomic { alive[i] = 0; i++ }
	:: atomic { i < SLOTS && (!DEAD(i) || slot == i) -> i++ }
	:: atomic { i == SLOTS -> i = 0; break }
	od
}

/* side_lock(), side_locked() with consumers_repair(), or side_recover() */
inline lock()
{
	atomic { mutex == 0 -> mutex = me + 1 };
	if
	:: holder_died -> groups_repair(); head_advance()
	:: else
	fi;
	if
	:: holder_died || PROBES -> probe()
	:: else
	fi;
	holder_died = false
}

inline unlock()
{
	d_step { promises_kept(); mutex = 0 }
}

/* The kernel lets go of the mutexes of the dead, one by one. */
inline reap()
{
	do
	:: atomic { mutex == me + 1 -> mutex = 0; holder_died = true }
	:: atomic { alive[0] == me + 1 -> alive[0] = 0 }
	:: atomic { alive[1] == me + 1 -> alive[1] = 0 }
	:: atomic { mutex != me + 1 && alive[0] != me + 1 && alive[1] != me + 1 -> break }
	od
}

/* ---- a group is found or made ---- */

#define EXISTS(g) ((groups_used & BIT(g)) != 0 && (state[g] & LIFE) != FREE)
#define NAMED_SO(g) (EXISTS(g) && NAME(state[g]) == name)

/* group_find(): mine */
inline group_find()
{
	mine = (NAMED_SO(0) -> 0 : (NAMED_SO(1) -> 1 : NONE))
}

/* group_fill(); `mine` is a free entry. */
inline group_fill()
{
	members[mine] = 0;
	owner[CLAIM(mine, 0)] = 0;
	owner[CLAIM(mine, 1)] = 0;
	used[mine] = 0;
#ifdef BEGIN_AT_ZERO
	next[mine] = 0;
#else
	next[mine] = head;
#endif
	groups_used = groups_used | BIT(mine);
	state[mine] = LEFT | (name * NAMED)
}

/* group_enter() and group_make() */
inline group_enter()
{
	group_find();
	if
	:: mine != NONE && !OVER(mine)
	:: else ->
		groups_tidy();
		group_find();
		if
		:: mine != NONE
		:: else ->
			d_step { group_keeper(); mine = n; n = 0 };
			if
			:: mine != NONE && OVER(mine) ->
				/* group_rename(): the idle name is written before */
				state[mine] = (state[mine] & ~NAMED) | (name * NAMED)
			:: else ->
				atomic {
					mine = ((groups_used & 1) == 0 -> 0 : 1);
					assert((groups_used & BIT(mine)) == 0)
				};
				group_fill()
			fi
		fi
	fi
}

/* ---- a consumer ---- */

/* side_enter(), group_join() and group_joined(); there is no slot if both are taken. */
inline enter()
{
	slot = ((attached & 1) == 0 && alive[0] == 0 -> 0 :
		((attached & 2) == 0 && alive[1] == 0 -> 1 : NONE));
	if
	:: slot != NONE ->
		alive[slot] = me + 1;
#ifndef NO_FORGET
		/* groups_forget() */
		members[0] = members[0] & ~BIT(slot);
		members[1] = members[1] & ~BIT(slot);
#endif
		members[mine] = members[mine] | BIT(slot);
		atomic { attached = attached | BIT(slot); real[mine] = real[mine] | BIT(slot) };
		d_step {
			state[mine] = (state[mine] & ~LIFE) | OPEN;
			promise_begin(mine)
		}
	:: else
	fi
}

/* receive_locked(): acknowledges what is in hand, takes an orphan or what is next. */
inline receive_under_lock()
{
	if
	:: claim != NONE ->
		atomic {
			given = given | BIT(at[CLAIM(mine, claim)]);
			due[mine] = due[mine] & ~BIT(at[CLAIM(mine, claim)]);
			owner[CLAIM(mine, claim)] = 0
		};
		atomic { used[mine] = used[mine] & ~BIT(claim); claim = NONE }
	:: else
	fi;
	if
	:: atomic { (used[mine] & 1) != 0 && owner[CLAIM(mine, 0)] == ORPHAN ->
		owner[CLAIM(mine, 0)] = slot + 1;
		claim = 0 }
	:: atomic { (used[mine] & 2) != 0 && owner[CLAIM(mine, 1)] == ORPHAN ->
		owner[CLAIM(mine, 1)] = slot + 1;
		claim = 1 }
	:: else ->
		if /* one read of tail */
		:: next[mine] != tail ->
			claim = ((used[mine] & 1) == 0 -> 0 : 1);
			assert((used[mine] & BIT(claim)) == 0);
			used[mine] = used[mine] | BIT(claim);
			at[CLAIM(mine, claim)] = next[mine];
			atomic {
				owner[CLAIM(mine, claim)] = slot + 1;
				/* it was not acknowledged in this group */
				assert((due[mine] & BIT(next[mine])) != 0)
			};
			next[mine] = next[mine] + 1
		:: else
		fi
	fi
}

/* side_leave(), with group_leaving() */
inline leave()
{
	d_step {
		if
		:: (members[mine] & attached) == BIT(slot) -> state[mine] = (state[mine] & ~LIFE) | LEFT
		:: else
		fi;
		/* it is over for all who know that nobody else is there */
		if
		:: real[mine] == BIT(slot) && (state[mine] & DURABLE) == 0 -> promise_end(mine)
		:: else
		fi
	};
	atomic { attached = attached & ~BIT(slot); real[mine] = real[mine] & ~BIT(slot) };
	groups_tidy();
	atomic { alive[slot] = 0; slot = NONE; mine = 0 }
}

/* ---- a durable group ---- */

/* groups_declare(), group_keep() */
inline declare()
{
	group_enter();
	d_step {
		state[mine] = (state[mine] & ~LIFE) | OPEN | DURABLE;
		promise_begin(mine);
		mine = 0
	}
}

/* claim_drop(), for group_begin_newest() */
inline claim_forget(c)
{
	if
	:: (used[mine] & BIT(c)) != 0 ->
		atomic {
			given = given | (owner[CLAIM(mine, c)] != 0 -> BIT(at[CLAIM(mine, c)]) : 0);
			due[mine] = due[mine] &
				    ~(owner[CLAIM(mine, c)] != 0 -> BIT(at[CLAIM(mine, c)]) : 0);
			owner[CLAIM(mine, c)] = 0
		};
		used[mine] = used[mine] & ~BIT(c)
	:: else
	fi
}

/* group_begin_newest(): what it has is not for it */
inline begin_newest()
{
	claim_forget(0);
	claim_forget(1);
	n = tail;
	atomic {
		next[mine] = n;
		due[mine] = due[mine] & ~(BIT(n) - 1);
		given = given | (BIT(n) - 1);
		n = 0
	};
	head_advance()
}

/* channel_group_remove(), group_discard_named() and group_discard() */
inline discard()
{
	group_find();
	if
	:: mine != NONE && (members[mine] & attached) == 0 ->
		begin_newest();
		/* group_rename() to "", and what it is */
#ifdef RENAME_FIRST
		state[mine] = state[mine] & ~NAMED;
#endif
		d_step {
			state[mine] = LEFT;
			promise_end(mine)
		};
		groups_tidy()
	:: else /* there is none, or it has consumers */
	fi;
	mine = 0
}

/* ---- the processes ---- */

active proctype producer()
{
end: /* the last of all makes room */
	do
	:: atomic { tail < RECORDS && tail - head < CAPACITY ->
		due[0] = due[0] | (promise[0] -> BIT(tail) : 0);
		due[1] = due[1] | (promise[1] -> BIT(tail) : 0);
		tail++
	}
	od
}

#define HOLDS_HEAD(g) (next[g] == head || MESSAGE_HELD(g, 0, head) || MESSAGE_HELD(g, 1, head))
#define LEFT_DUE(g) (promise[g] && due[g] != 0)

#ifdef NO_HEAD_ON_LEAVING
#define ADVANCES (todo == VISIT || todo == GIVE_BACK || todo == REMOVES || todo == CATCH_UP)
#else
#define ADVANCES                                                                                   \
	(todo == VISIT || todo == GIVE_BACK || todo == REMOVES || todo == CATCH_UP || todo == LEAVE)
#endif

/* With the mutex. */
inline work()
{
	if
	:: todo == ATTACH -> group_enter(); enter()
	:: todo == VISIT -> receive_under_lock()
	:: todo == GIVE_BACK -> atomic { owner[CLAIM(mine, claim)] = ORPHAN; claim = NONE }
	:: todo == LEAVE -> leave()
	:: todo == DECLARES -> declare()
	:: todo == REMOVES -> discard()
	:: todo == LOOK || todo == CATCH_UP -> skip
	fi
}

/* Then. Who comes last takes all there is, and goes on with the next group that has something. */
inline decide()
{
	atomic {
		if
		:: todo == ATTACH && slot == NONE -> assert(me != LAST); todo = END
		:: todo == ATTACH && slot != NONE -> todo = VISIT
		:: todo == VISIT && me != LAST && claim != NONE
		:: todo == VISIT && me != LAST && claim != NONE -> todo = GIVE_BACK
		:: todo == VISIT && me != LAST && claim == NONE -> todo = LEAVE
		:: todo == VISIT && me == LAST && claim != NONE
		:: todo == VISIT && me == LAST && claim == NONE && next[mine] != tail /* sent meanwhile */
		:: todo == VISIT && me == LAST && claim == NONE && tail == RECORDS &&
		   !LEFT_DUE(0) && !LEFT_DUE(1) ->
			assert(head == tail);
			todo = END
		:: todo == VISIT && me == LAST && claim == NONE &&
		   !LEFT_DUE(mine) && LEFT_DUE(1 - mine) -> todo = LEAVE
		:: todo == GIVE_BACK -> todo = LEAVE
		:: todo == LEAVE && me != LAST -> todo = END
		:: todo == LEAVE && me == LAST
		:: todo == DECLARES || todo == REMOVES -> todo = END
		:: todo == LOOK && (used[0] | used[1]) != 0 -> todo = CATCH_UP
		:: todo == CATCH_UP || (todo == LOOK && (used[0] | used[1]) == 0) ->
			assert((!THERE(0) && !THERE(1)) || (THERE(0) && HOLDS_HEAD(0)) ||
			       (THERE(1) && HOLDS_HEAD(1)));
			todo = LEAVE
		fi;
		if
		:: me == LAST && todo == LEAVE && slot == NONE ->
			name = (LEFT_DUE(0) -> NAME(state[0]) : (LEFT_DUE(1) -> NAME(state[1]) :
				(promise[0] -> NAME(state[0]) : (promise[1] -> NAME(state[1]) : 0))));
			todo = ATTACH
		:: else
		fi
	}
}

proctype party(byte me)
{
	byte i, j, k, n, lowest, keeper, mine, claim = NONE, slot = NONE, name;
	mtype todo;

	{
		if
		/* in their order */
		:: atomic { me < CONSUMERS && (me == 0 || (began & BIT(me - 1)) != 0) ->
			todo = ATTACH;
			began = began | BIT(me);
			if
			:: name = 0
			:: name = 1
			fi }
		:: atomic { me == DECLARER -> todo = DECLARES; name = 1 }
		:: atomic { me == REMOVER -> todo = REMOVES; name = 1 }
		:: atomic { me == LAST && finished[0] && finished[CONSUMERS - 1] &&
			finished[CONSUMERS / 2] &&
			finished[DECLARER] && finished[REMOVER] -> todo = LOOK; kills = 0 }
		fi;
		do
		:: todo != END ->
			lock();
			work();
			if
			:: ADVANCES -> head_advance()
			:: else
			fi;
			unlock();
			decide()
		:: else -> break
		od;
		todo = END
	} unless { dead[me] };
	d_step {
		i = 0; j = 0; k = 0; n = 0; lowest = 0; keeper = 0; mine = 0; claim = 0; slot = 0;
		name = 0;
		todo = END;
		began = began | BIT(me)
	};
	reap();
	finished[me] = true
}

#if KILLS > 0
active proctype killer()
{
	byte victim;
end:
	do
	:: atomic { kills > 0 ->
		kills--;
		select(victim : 0 .. LAST - 1);
		if
		:: !finished[victim] && !dead[victim] -> dead[victim] = true
		:: else
		fi;
		victim = 0
	}
	od
}
#endif

#ifdef DECLARE
#define RUN_DECLARER run party(DECLARER)
#else
#define RUN_DECLARER finished[DECLARER] = true
#endif
#ifdef REMOVE
#define RUN_REMOVER run party(REMOVER)
#else
#define RUN_REMOVER finished[REMOVER] = true
#endif

init
{
	byte i;

	atomic {
		state[0] = LEFT;
		do
		:: i < CONSUMERS || i == LAST -> run party(i); i++
		:: i == DECLARER -> RUN_DECLARER; i++
		:: i == REMOVER -> RUN_REMOVER; i++
		:: i == ALL -> break
		od
	}
}
