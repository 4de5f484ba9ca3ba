/*
 * A producer that makes room out of the oldest messages (drop_old(), full_answer(), room_look(),
 * room_lock()), and how consumers learn what they have missed (next_expect(), sequence_at()); kill
 * -9 at any step.
 *
 * PRODUCERS producers with --when-full drop-old send MESSAGES messages each into a ring of
 * CAPACITY. One consumer in each of GROUPS groups claims up to two records at a time, uses them,
 * and may give back what it has in hand, or what it has not been handed (GIVERS times in all). If
 * it dies, a newcomer follows. Each store to shared memory is a step, and so is each read of a word
 * that the other side writes meanwhile: tail, and the marks. Waking is left out.
 *
 * NEWEST: a group begins at tail while producers are at work (group_begin_newest()).
 *
 * Checked: what is in a claim is not dropped, and nothing is dropped that makes no room; head does
 * not pass what a group needs; a group that moves on over missing numbers counts the messages that
 * vanished, none of them twice, and no other; in the end each message is, for each group,
 * acknowledged or vanished. Without a death each group has counted all messages that vanished for
 * it, and the producers together as many as vanished from the group that missed most. With a death,
 * no group has counted more than vanished.
 *
 * Switches that remove a rule:
 *   NO_HOLDS     claims are not looked at
 *   NO_MUTEX     the consumers' mutex is not taken
 *   NO_LOWER     `expected` stays as it is when messages that were given back are dropped
 *   HEAD_FIRST   head moves before `next`
 *   COUNT_FIRST  `dropped` is stored before `expected`
 *   MARK_ONCE    tail is not read again after the mark
 *   NO_END       nobody looks for what is missing at the end
 */
#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#ifndef MESSAGES
#define MESSAGES 4
#endif
#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef GROUPS
#define GROUPS 1
#endif
#ifndef GIVERS
#define GIVERS 1
#endif
#ifndef KILLS
#define KILLS 0
#endif

#define SENT (PRODUCERS * MESSAGES) /* numbers 1 to SENT, in the order of the marks */
#define ALL (PRODUCERS + 2 * GROUPS) /* producers, consumers, newcomers */
#define GROUP(i) (((i) - PRODUCERS) % GROUPS)
#define BIT(i) (1 << (i))
#define UPTO(number) (BIT(number) - 1) /* all numbers before it, and 0, which none has */
#define ORPHAN 100

/* Shared memory: positions are counted in records. */
byte tail, head;
byte numbers[SENT];		 /* of the records */
byte position[2], sequence[2] = { 1, 0 }; /* the marks */
byte turn;			 /* producer + 1 */
byte next[GROUPS], expected[GROUPS], dropped[GROUPS];
byte owner[GROUPS], begin[GROUPS], limit[GROUPS], attempts[GROUPS]; /* a claim */

/* Mutexes: 0 or who holds it, plus 1; a robust one remembers that its holder died. */
byte mutex_p, mutex_c;
bool died_p, died_c;

/* Not in shared memory. In what is a short, a bit for each number. */
byte kills = KILLS, givers = GIVERS;
bool dead[ALL], finished[ALL];
short vanished[GROUPS], acked[GROUPS], counted[GROUPS];
byte said; /* how many the producers say that they have dropped */

#if KILLS > 0
#define MORTAL(i) unless { dead[i] }
#else
#define MORTAL(i)
#endif

#define NEED(g) (owner[g] != 0 && begin[g] < next[g] -> begin[g] : next[g])
#define SENT_ALL (finished[0] && finished[PRODUCERS - 1])

/* ---- the consumers' mutex ---- */

/* head_advance() */
inline head_advance()
{
	d_step {
		j = (NEED(0) < NEED(GROUPS - 1) -> NEED(0) : NEED(GROUPS - 1));
		assert(head <= j);
		k = head;
		do
		:: k == j -> break
		:: else ->
			assert(((acked[0] | vanished[0]) & BIT(numbers[k])) != 0);
			assert(((acked[GROUPS - 1] | vanished[GROUPS - 1]) & BIT(numbers[k])) != 0);
			k++
		od;
		head = j; /* the one store */
		j = 0;
		k = 0
	}
}

/* next_repair(); what claims_repair() recounts is no state of this model */
inline next_repair(g)
{
	if
	:: owner[g] != 0 && limit[g] > next[g] -> next[g] = limit[g]
	:: else
	fi
}

/* side_lock() of the consumers, consumers_repair() */
inline lock_c()
{
	atomic { mutex_c == 0 -> mutex_c = me + 1 };
	if
	:: died_c ->
		next_repair(0);
		next_repair(GROUPS - 1);
		head_advance();
		died_c = false
	:: else
	fi
}

/* The kernel lets go of the mutexes of the dead, one by one. */
inline reap()
{
	do
	:: atomic { mutex_p == me + 1 -> mutex_p = 0 }
	:: atomic { mutex_c == me + 1 -> mutex_c = 0; died_c = true }
	:: atomic { mutex_p != me + 1 && mutex_c != me + 1 -> break }
	od
}

/* ---- a producer ---- */

#define CURRENT (position[0] == tail -> 0 : 1)

/* record_commit(): the record, the idle mark, tail */
inline commit()
{
	numbers[tail] = sequence[CURRENT];
	sequence[1 - CURRENT] = sequence[CURRENT] + 1;
	position[1 - CURRENT] = tail + 1;
	tail++
}

/* messages_drop(): one store */
inline drop_new()
{
	atomic {
		vanished[0] = vanished[0] | BIT(sequence[CURRENT]);
		vanished[GROUPS - 1] = vanished[GROUPS - 1] | BIT(sequence[CURRENT]);
		sequence[CURRENT] = sequence[CURRENT] + 1
	};
	said++
}

/* group_holds() something before `wanted` */
#ifdef NO_HOLDS
#define HOLDS(g) false
#else
#define HOLDS(g) (owner[g] != 0 && begin[g] < wanted)
#endif

/* group_drop(): k counts what it drops */
inline group_drop(g)
{
	if
	:: NEED(g) < wanted ->
		atomic { first = numbers[next[g]]; low = expected[g] };
#ifndef NO_LOWER
		if
		:: next[g] < wanted && (low == 0 || first < low) -> expected[g] = first
		:: else
		fi;
#endif
		d_step {
			k = 0;
			do
			:: next[g] + k >= wanted -> break
			:: else ->
				/* in nobody's hands */
				assert(owner[g] == 0 || next[g] + k >= limit[g] ||
				       next[g] + k < begin[g]);
				vanished[g] = vanished[g] | BIT(numbers[next[g] + k]);
				k++
			od;
			next[g] = next[g] + k; /* the one store */
			most = (k > most -> k : most);
			k = 0;
			first = 0;
			low = 0
		}
	:: else
	fi
}

/* drop_old() */
inline drop_old()
{
#ifndef NO_MUTEX
	lock_c();
#endif
	if
	:: HOLDS(0) || HOLDS(GROUPS - 1) -> hopeless = true
	:: else ->
		hopeless = false;
#ifdef HEAD_FIRST
		head = wanted;
#endif
		group_drop(0);
#if GROUPS > 1
		group_drop(1);
#endif
		atomic { said = said + most; most = 0 }
	fi;
	head_advance();
	assert(hopeless || head >= wanted); /* there is room, or nothing was dropped */
#ifndef NO_MUTEX
	mutex_c = 0
#endif
}

proctype producer(byte me)
{
	byte sent, wanted, most, first, low, j, k;
	bool hopeless;

	{
		do
		:: sent == MESSAGES -> break
		:: atomic { sent < MESSAGES && mutex_p == 0 && (turn == 0 || turn == me + 1) ->
			mutex_p = me + 1 };
			/* room_look() */
			if
			:: tail - head < CAPACITY -> commit(); turn = 0; atomic { sent++; mutex_p = 0 }
			:: else ->
				if
				:: hopeless -> /* full_answer() */
					drop_new();
					turn = 0;
					atomic { sent++; hopeless = false; mutex_p = 0 }
				:: else ->
					turn = me + 1;
					atomic { wanted = tail + 1 - CAPACITY; mutex_p = 0 };
					drop_old();
					wanted = 0
				fi
			fi
		od;
		skip
	} MORTAL(me);
	atomic {
		sent = 0; wanted = 0; most = 0; first = 0; low = 0; j = 0; k = 0;
		hopeless = false
	};
	reap();
	/* producer_bury() */
	atomic { turn = (turn == me + 1 -> 0 : turn); finished[me] = true }
}

/* ---- a consumer ---- */

/* sequence_at(): n, of the record at `place`, or of tail */
inline sequence_at()
{
	n = 0;
	do
	:: n == 0 ->
		t = tail;
		if
		:: place != t -> n = numbers[place]
		:: else ->
			/* sequence_behind() */
			k = (position[0] == t -> 0 : 1);
			if
			:: position[k] == t ->
				n = sequence[k];
#ifndef MARK_ONCE
				if
				:: tail != t -> n = 0
				:: else
				fi
#endif
			:: else
			fi;
			k = 0
		fi
	:: else -> break
	od;
	atomic { t = 0; place = 0 }
}

/* next_expect(): the messages from `n` to `after` are there */
inline next_expect()
{
	missed = (expected[g] != 0 && expected[g] < n -> n - expected[g] : 0);
#ifdef COUNT_FIRST
	dropped[g] = dropped[g] + missed;
#endif
	atomic {
		if
		:: missed != 0 ->
			/* these have vanished, and nobody has noticed */
			assert(((UPTO(n) & ~UPTO(expected[g])) & ~(vanished[g] & ~counted[g])) == 0);
			counted[g] = counted[g] | (UPTO(n) & ~UPTO(expected[g]))
		:: else
		fi;
		expected[g] = after
	};
#ifndef COUNT_FIRST
	if
	:: missed != 0 -> dropped[g] = dropped[g] + missed
	:: else
	fi;
#endif
	atomic { n = 0; after = 0; missed = 0 }
}

/* claim_abandon(): one record of it was delivered */
inline forsake()
{
	if
	:: attempts[g] == 1 && begin[g] + 1 < limit[g] && next[g] == limit[g] -> /* claim_split() */
		next[g] = begin[g] + 1;
		limit[g] = begin[g] + 1
	:: else
	fi;
	owner[g] = ORPHAN
}

/* hand_over(): the record in hand is done, and claim_abandon() gives back what nobody has had */
inline give_rest()
{
	atomic {
		acked[g] = acked[g] | BIT(numbers[begin[g]]);
		if
		:: begin[g] + 1 == limit[g] -> owner[g] = 0
		:: else -> begin[g] = begin[g] + 1
		fi
	};
	if
	:: owner[g] != 0 && attempts[g] == 1 && next[g] == limit[g] -> next[g] = begin[g]; owner[g] = 0
	:: owner[g] != 0 && (attempts[g] != 1 || next[g] != limit[g]) -> owner[g] = ORPHAN
	:: owner[g] == 0
	fi
}

/* claim_next() and claim_batch() */
inline claim_next()
{
	atomic { /* two records, if nothing is missing between them */
		n = numbers[next[g]];
		k = (t - next[g] > 1 && numbers[next[g] + 1] == n + 1 -> 2 : 1);
		after = n + k
	};
	next_expect();
	atomic { begin[g] = next[g]; limit[g] = next[g] + k; attempts[g] = 1 };
	owner[g] = me + 1;
	atomic { next[g] = next[g] + k; k = 0 }
}

/* receive_locked() */
inline receive_under_lock()
{
	atomic { over = SENT_ALL; t = tail };
	if /* delivery_done() */
	:: owner[g] == me + 1 ->
		atomic {
			acked[g] = acked[g] | BIT(numbers[begin[g]]);
			if
			:: begin[g] + 1 == limit[g] -> owner[g] = 0
			:: else -> begin[g] = begin[g] + 1
			fi
		}
	:: else
	fi;
	if
	:: owner[g] == me + 1
	:: owner[g] == ORPHAN -> atomic { owner[g] = me + 1; attempts[g] = 2 }
	:: else ->
		if
		:: next[g] != t -> claim_next()
		:: next[g] == t && over ->
#ifndef NO_END
			place = next[g]; /* end_dropped() */
			sequence_at();
			after = n;
			next_expect();
#endif
			ended = true
		:: else
		fi
	fi;
	t = 0;
	over = false;
	head_advance()
}

/* group_begin_newest(): what was before is not for it */
inline begin_newest()
{
	atomic { after = tail; place = after };
	sequence_at();
	expected[g] = n;
	atomic {
		next[g] = after;
		assert(after == 0 || numbers[after - 1] < n);
		acked[g] = acked[g] | UPTO(n);
		vanished[g] = vanished[g] & ~UPTO(n);
		n = 0;
		after = 0
	};
	head_advance()
}

proctype consumer(byte me)
{
	byte g = GROUP(me), n, t, k, j, place, after, missed;
	byte give;
	bool over, ended;

	{
		if
		:: me >= PRODUCERS + GROUPS -> /* a newcomer */
			finished[me - GROUPS];
			if
			:: !dead[me - GROUPS] -> ended = true
			:: else ->
				lock_c();
				if /* consumer_bury() */
				:: owner[g] == me - GROUPS + 1 -> forsake(); head_advance()
				:: else
				fi;
				mutex_c = 0
			fi
		:: else ->
#ifdef NEWEST
			lock_c();
			begin_newest();
			mutex_c = 0
#endif
		fi;
		do
		:: ended -> break
		:: !ended ->
			/* waits for something to do */
			atomic { (owner[g] != 0 || next[g] != tail || SENT_ALL) };
			lock_c();
			if
			:: give == 1 -> forsake(); give = 0; head_advance()
			:: give == 2 -> give_rest(); give = 0; head_advance()
			:: give == 0 -> receive_under_lock()
			fi;
			mutex_c = 0;
			if
			:: atomic { owner[g] == me + 1 && givers > 0 -> givers--; give = 1 }
			:: atomic { owner[g] == me + 1 && givers > 0 -> givers--; give = 2 }
			:: true
			fi
		od;
		skip
	} MORTAL(me);
	d_step {
		n = 0; t = 0; k = 0; j = 0; place = 0; after = 0; missed = 0; give = 0;
		over = false; ended = false
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
		select(victim : 0 .. PRODUCERS + GROUPS - 1);
		if
		:: !finished[victim] && !dead[victim] -> dead[victim] = true
		:: else
		fi;
		victim = 0
	}
	od
}
#endif

init
{
	byte g, i, gone;

	atomic {
		expected[0] = 1;
		expected[GROUPS - 1] = 1;
		do
		:: i < PRODUCERS -> run producer(i); i++
		:: i >= PRODUCERS && i < ALL -> run consumer(i); i++
		:: i == ALL -> i = 0; break
		od
	};
	atomic {
		SENT_ALL && finished[ALL - 1] && finished[PRODUCERS + GROUPS];
		do
		:: g == GROUPS -> break
		:: g < GROUPS ->
			assert((acked[g] & vanished[g]) == 0);
			assert(((acked[g] | vanished[g]) | 1) == UPTO(sequence[CURRENT]));
			i = 1;
			gone = 0;
			do
			:: i > SENT -> break
			:: else -> gone = gone + ((vanished[g] & BIT(i)) != 0 -> 1 : 0); i++
			od;
			assert(dropped[g] <= gone);
#if KILLS == 0
			assert(counted[g] == vanished[g] && dropped[g] == gone);
			assert(said >= gone);
#if GROUPS == 1 && !defined(NEWEST)
			assert(said == gone);
#endif
#endif
			g++
		od;
		assert(head == tail)
	}
}
