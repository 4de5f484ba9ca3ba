/*
 * An observer that reads a ring while producers overwrite it, and holds nobody up (tap_receive(),
 * view_load(), frontier_move(), record_begin(), record_commit()).
 *
 * PRODUCERS producers send RECORDS records, each with the mutex, into a ring of CAPACITY places. A
 * record is a header and a payload, two words, and both name its position. A consumer takes the
 * records and moves head. An observer, which begins at head, copies what it can. Nobody waits for
 * it: it may stop for as long as it likes, at any step.
 *
 * Stores are weak: others see a plain store later, in any order. A release, be it a fence or a
 * store, waits until all stores before it are seen, and so does an unlock. (For a reader that is
 * the same as a later store that waits for an earlier one.) Each read of a word is a step, in the
 * order of the code: that is what the fence is for, and LOOK_FIRST is what may happen without it.
 *
 * ALONE: the producer writes without the mutex (send_alone()), so it goes on with the next record
 * when others do not yet see the tail of the last one. AHEAD: by how many records frontier is moved
 * in advance.
 *
 * Checked: what the observer delivers is one record, whole, and the one of its position; it never
 * takes what it finds for damage; it delivers the records in their order and none twice; in the end
 * the records that it has delivered and those of which it says that it has missed them are all
 * records, and it says so only of those that it did not deliver. KILLS>0: a producer dies at any
 * step, in the midst of its stores.
 *
 * Switches that remove a rule:
 *   NO_FRONTIER  only tail says how far producers have written
 *   NO_FENCE     no fence after frontier is moved
 *   NO_RELEASE   tail is stored without release
 *   LOOK_FIRST   the observer looks at frontier and head before it reads the bytes
 *   LOOK_ONCE    it looks after the header only, not after the payload
 *   NO_MISS      what is skipped is not counted
 */
#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#ifndef RECORDS
#define RECORDS 5
#endif
#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef AHEAD
#define AHEAD 0 /* of the end, by which frontier is moved further */
#endif
#ifndef KILLS
#define KILLS 0
#endif

#define ALL (PRODUCERS + 2)
#define NONE 255

/* Shared memory. */
byte tail, head, frontier;
byte headers[CAPACITY], payloads[CAPACITY]; /* position + 1 of the record that they are of */

/* Stores of who has the mutex that others do not see yet: 0, or what is stored. */
byte late_frontier, late_header, late_payload, late_tail;
byte late_place; /* of the two words */

byte mutex; /* 0 or who holds it, plus 1; a robust one */

/* Not in shared memory. */
byte kills = KILLS;
bool dead[PRODUCERS], finished[PRODUCERS];

#if KILLS > 0
#define MORTAL(i) unless { dead[i] }
#else
#define MORTAL(i)
#endif

#define VISIBLE (late_frontier == 0 && late_header == 0 && late_payload == 0 && late_tail == 0)

/* What is stored is seen some time, in any order. */
active proctype memory()
{
end:
	do
	:: atomic { late_frontier != 0 -> frontier = late_frontier; late_frontier = 0 }
	:: atomic { late_header != 0 -> headers[late_place] = late_header; late_header = 0 }
	:: atomic { late_payload != 0 -> payloads[late_place] = late_payload; late_payload = 0 }
	:: atomic { late_tail != 0 -> tail = late_tail; late_tail = 0 }
	od
}

/* ---- a producer ---- */

/* frontier_move() */
inline frontier_move(end)
{
#ifndef NO_FRONTIER
	if
	:: frontier < end ->
		late_frontier = end + AHEAD;
#ifndef NO_FENCE
		late_frontier == 0 && late_tail == 0
#endif
	:: else
	fi
#else
	skip
#endif
}

#define UNLOCKED (late_header == 0 && late_payload == 0) /* these two have one name each here */

proctype producer(byte me)
{
	byte end; /* tail, as it sees it */

	{
		do
#ifdef ALONE
		:: atomic { end < RECORDS && end - head < CAPACITY -> mutex = me + 1 };
#else
		:: atomic { mutex == 0 && tail < RECORDS && tail - head < CAPACITY ->
			mutex = me + 1;
			end = tail };
#endif
			/* room_look() has read head, with acquire; record_begin() */
			frontier_move(end + 1);
			/* the key and the payload, then ring_put(): in any order for who looks */
			atomic { late_place = end % CAPACITY; late_payload = end + 1 };
			late_header = end + 1;
			/* record_commit() */
#ifndef NO_RELEASE
			late_header == 0 && late_payload == 0;
#endif
			atomic { late_tail == 0 -> end++; late_tail = end };
#ifdef ALONE
			atomic { UNLOCKED -> mutex = 0; late_place = 0 }
		:: end == RECORDS -> break
#else
			atomic { VISIBLE -> mutex = 0; late_place = 0; end = 0 }
		:: tail == RECORDS -> break
#endif
		od
	} MORTAL(me);
	end = 0;
	/* what the dead one has stored becomes visible, then the kernel lets go of its mutex */
	if
	:: atomic { VISIBLE && mutex == me + 1 -> mutex = 0; late_place = 0; finished[me] = true }
	:: atomic { mutex != me + 1 -> finished[me] = true }
	fi
}

/* ---- the consumers: whatever they have used is free ---- */

active proctype consumers()
{
end:
	do
	:: head < tail -> head++
	od
}

/* ---- the observer ---- */

/* view_intact(): frontier first, then head. */
inline view_intact()
{
#ifdef NO_FRONTIER
	far = tail;
#else
	far = frontier;
#endif
	intact = far <= position + CAPACITY;
	far = 0;
	if
	:: !intact -> intact = position >= head
	:: else
	fi
}

/* view_to_head(), after which all that is skipped counts as passed. */
inline fall_behind()
{
	do
	:: at = head;
		if
		:: tail - at <= CAPACITY -> break
		:: else -> assert(head != at) /* or it is damage */
		fi
	od;
	atomic { assert(at > position); position = at; at = 0; passed = true }
}

/* number_seen() */
inline number_seen(number)
{
#ifndef NO_MISS
	missed = missed + (passed && next < (number) -> (number) - next : 0);
#endif
	passed = false
}

active proctype observer()
{
	byte position, next; /* what comes next: the place, and the number that we expect */
	byte known, far, at, header, payload, missed, delivered;
	bool intact, passed;

	do
	:: known = tail;
		if
		:: position == known -> /* VIEW_NOTHING: tail_seen() */
			atomic { number_seen(position); next = position };
			if
			:: atomic { known == RECORDS -> known = 0; break }
			:: atomic { known != RECORDS && (known != tail) -> known = 0 }
			fi
		:: else ->
			/* header_read() */
#ifdef LOOK_FIRST
			view_intact();
			header = headers[position % CAPACITY];
#else
			header = headers[position % CAPACITY];
			view_intact();
#endif
			if
			:: !intact
			:: else ->
				/* ring_get(): it is the one of this position */
				assert(known - position <= CAPACITY && header == position + 1);
				/* view_load() */
#ifdef LOOK_FIRST
				view_intact();
				payload = payloads[position % CAPACITY]
#else
				payload = payloads[position % CAPACITY];
#ifndef LOOK_ONCE
				view_intact()
#endif
#endif
			fi;
			atomic { known = 0; header = 0 };
			if
			:: !intact -> payload = 0; fall_behind()
			:: else ->
				atomic {
					intact = false;
					assert(payload == position + 1); /* whole */
					payload = 0;
					number_seen(position);
					assert(next <= position); /* not again */
					delivered++;
					position++;
					next = position
				}
			fi
		fi
	od;
	assert(delivered + missed == RECORDS)
}

#if KILLS > 0
active proctype killer()
{
end:
	do
	:: atomic { kills > 0 && !finished[0] && !dead[0] -> kills--; dead[0] = true }
#if PRODUCERS > 1
	:: atomic { kills > 0 && !finished[1] && !dead[1] -> kills--; dead[1] = true }
#endif
	od
}
#endif

init
{
	byte i;

	atomic {
		do
		:: i < PRODUCERS -> run producer(i); i++
		:: else -> break
		od
	}
}
