/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The view change and the lease (Documentation/protocol.rst: S, N, L, V) as spin sees them:
 * every order of events, up to the bounds below. What the random schedules of
 * daemon/tests leave to luck is complete here, and what is long there is short here: no
 * discarding, no copying, no apply.
 *
 * One process chooses among all steps that are possible; a message that is on its way is a
 * step that may be taken later, or never. A decision is made on the AGREEs as they stand:
 * who has agreed stands still until START, so an AGREE that was overtaken by a crash or a
 * higher view could have been counted before it. What START names can be fetched.
 *
 * Time is two events: a lease ends, and later the promise it stands on (finding 7). A
 * promise, and the hold of a new life (S1), ends only after every lease that was taken by
 * it; an answer that comes after that gives no lease, for it counts from the question.
 *
 * (index, view) names a record, so a log is the views of its records. Views are unique by
 * their coordinator: odd ones are P's, even ones B's (finding 12).
 *
 * BROKEN is one of the rules below; the run must find what it is for.
 */
#define P 0
#define B 1
#define W 2
#define NOBODY 3

#ifndef VIEWS
#define VIEWS 4		/* the group begins in view 1 = {P, B} */
#endif
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef SOFT
#define SOFT 1		/* soft reboots and restarts of processes */
#endif
#ifndef HARD
#define HARD 1		/* losses of memory */
#endif
#define INDICES (RECORDS + VIEWS)

/* Rules that can be broken. */
#define none 0
#define resume_view 1
#define no_hold 2
#define count_lossy 3
#define longest_log 4
#define by_last_record 5
#define equal_numbers 6
#define serve_before_started 7
#define started_before_disk 8
#define agree_without_fence 9
#define check_then_fence 10
#define promise_ignored 11
#define lease_from_receipt 12
#define no_margin 13
#define fresh_complete 14
#define discount_unserved 15
#define no_watermark 16
#ifndef BROKEN
#define BROKEN none
#endif

/* Members: disk, region, object. */
byte agreed[3], formed[3];			/* on disk */
byte region[3], wm[3], top[3];			/* header.formed, watermark, last record */
bool whole[3];					/* header.complete */
byte fence[3], view[3], bound[3], half[3];	/* role's view; AGREEd to; V6 between header and disk */
bool serving[3], lease[3], held[3];		/* held: a new life waits (S1) */
byte promised[3];				/* the view whose primary has a promise that runs */
byte stood[3];					/* the promise of an earlier life, while held */
byte checked[3];				/* check_then_fence: looked at for this view */
byte log[3 * (INDICES + 1)];

/* Views: what START says, and what is on its way inside. */
byte primary[VIEWS + 1], backup[VIEWS + 1], chosen[VIEWS + 1];	/* chosen: s */
bool proposed[VIEWS + 1], decided[VIEWS + 1];
byte acked[VIEWS + 1];				/* by its backup, told or still under way */
bool answered[VIEWS + 1];			/* a promise on its way to the primary */
bool started[VIEWS + 1];			/* the primary has STARTED */
byte text[(VIEWS + 1) * (INDICES + 1)];		/* the log of START */

/* What the world knows. */
byte committed[INDICES + 1];
byte records, soft, hard;

#define LOG(m, i) log[(m) * (INDICES + 1) + (i)]
#define TEXT(v, i) text[(v) * (INDICES + 1) + (i)]
#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define FORMED(m) MAX(formed[m], region[m])	/* S1 */
#define INTACT(m) (whole[m] && region[m] >= formed[m])
#define COORDINATOR(v) ((v) % 2 == 1 -> P : B)
#define MEMBER(m, v) (primary[v] == m || backup[v] == m)
#define ACTIVE(m) (view[m] != 0 && fence[m] <= view[m])
#define LEADS(m) (ACTIVE(m) && primary[view[m]] == m)
#define BACKS(m) (ACTIVE(m) && backup[view[m]] == m)
#define ANSWERS(m) (LEADS(m) && serving[m] && lease[m])

/* L4: may @m give up all views below v for @by? */
#define MAY_FENCE(m, by) (BROKEN == promise_ignored || \
	(!held[m] && (promised[m] == 0 || primary[promised[m]] == by) && \
	 !(lease[m] && LEADS(m) && by != m)))

inline give_up(m, v)
{
	fence[m] = v;
	lease[m] = false;
	serving[m] = false;
	half[m] = 0;
	agreed[m] = v;
	bound[m] = v;
	checked[m] = 0
}

/* I6: whoever answers has what is committed. */
inline check_answers()
{
	d_step {
		assert(!(ANSWERS(P) && ANSWERS(B)));		/* I5 */
		x = P;
		do
		:: x > B -> break
		:: x <= B && ANSWERS(x) ->
			i = 1;
			do
			:: i > INDICES -> break
			:: else ->
				assert(committed[i] == 0 ||
				       (i <= top[x] && LOG(x, i) == committed[i]));
				i++
			od;
			x++
		:: x <= B && !ANSWERS(x) -> x++
		od;
		x = 0;
		i = 0
	}
}

/* A new life (S1, S2): in no view; what was said of the last one's promise is kept. */
inline new_life(m)
{
	if
	:: promised[m] != 0 -> stood[m] = promised[m]
	:: else
	fi;
	promised[m] = 0;
	held[m] = (BROKEN != no_hold && stood[m] != 0);
	if
	:: !held[m] -> stood[m] = 0
	:: else
	fi;
	lease[m] = false;
	serving[m] = false;
	half[m] = 0;
	bound[m] = 0;
	checked[m] = 0;
	formed[m] = FORMED(m);
	if
	:: BROKEN == resume_view && MEMBER(m, formed[m]) && formed[m] > 0 &&
	   agreed[m] <= formed[m] -> view[m] = formed[m]
	:: else -> view[m] = 0; fence[m] = agreed[m]
	fi
}

/* V4, V5 on the AGREEs of @with (a bit for each member), and START. */
inline decide(v, with)
{
	d_step {
		f = 0; lossy = NOBODY; second = 0; n = 0;
		m = 0;
		do
		:: m > W -> break
		:: else ->
			if
			:: (with >> m) & 1 ->
				if
				:: BROKEN == by_last_record -> x = (top[m] > 0 -> LOG(m, top[m]) : 0)
				:: BROKEN == longest_log -> x = 0
				:: else -> x = FORMED(m)
				fi;
				if
				:: x > f -> second = f; f = x; lossy = m; n = 1
				:: x == f -> n++
				:: x < f -> second = MAX(second, x)
				fi
			:: else
			fi;
			m++
		od;
		/* Only one shows the highest, its log is lost, and the other has never been in it. */
		if
		:: (with == 7 || BROKEN == discount_unserved) && n == 1 && f > 0 &&
		   !INTACT(lossy) && MEMBER(lossy, f) -> f = second
		:: else
		fi;
		donor = NOBODY;
		m = 0;
		do
		:: m > W -> break
		:: else ->
			if
			:: BROKEN == by_last_record -> x = (top[m] > 0 -> LOG(m, top[m]) : 0)
			:: BROKEN == longest_log -> x = 0
			:: else -> x = FORMED(m)
			fi;
			if
			:: ((with >> m) & 1) && x == f && (INTACT(m) || BROKEN == count_lossy) &&
			   (donor == NOBODY || top[m] > top[donor]) -> donor = m
			:: else
			fi;
			m++
		od;
		if
		:: donor != NOBODY && top[donor] < INDICES ->
			decided[v] = true;
			chosen[v] = top[donor];
			i = 1;
			do
			:: i > top[donor] -> break
			:: else -> TEXT(v, i) = LOG(donor, i); i++
			od;
			if
			:: with & 1 ->
				primary[v] = P;
				backup[v] = (with & 2 -> B : W)
			:: else ->
				primary[v] = B;
				backup[v] = W
			fi
		:: else
		fi;
		f = 0; lossy = 0; second = 0; donor = 0; n = 0; m = 0; x = 0; i = 0
	}
}

/* V6, what the region sees of it: what differs is cut, what lacks is fetched. */
inline adopt(m, v)
{
	d_step {
		i = 1;
		do
		:: i > INDICES -> break
		:: i <= chosen[v] -> LOG(m, i) = TEXT(v, i); i++
		:: i == chosen[v] + 1 -> LOG(m, i) = v; i++
		:: i > chosen[v] + 1 && i <= INDICES -> LOG(m, i) = 0; i++
		od;
		i = 0;
		top[m] = chosen[v] + 1;
		wm[m] = top[m];
		whole[m] = true;
		half[m] = v;
		if
		:: BROKEN == started_before_disk -> view[m] = v
		:: else -> region[m] = v
		fi
	}
}

inline commit(m, to)
{
	d_step {
		i = 1;
		do
		:: i > to || i > top[m] -> break
		:: else ->
			assert(committed[i] == 0 || committed[i] == LOG(m, i));
			committed[i] = LOG(m, i);
			i++
		od;
		i = 0
	}
}

inline forget(m)
{
	d_step {
		i = 1;
		do
		:: i > INDICES -> break
		:: else -> LOG(m, i) = 0; i++
		od;
		i = 0;
		formed[m] = FORMED(m);
		top[m] = 0;
		wm[m] = 0;
		whole[m] = (BROKEN == fresh_complete);
		region[m] = (BROKEN == fresh_complete -> formed[m] : 0)
	}
}

/* All leases that this promise carried have ended before it does. */
#define OVER(v) (!lease[primary[v]] || view[primary[v]] != v || BROKEN == no_margin)
inline late(v)
{
	if
	:: BROKEN != lease_from_receipt -> answered[v] = false
	:: else
	fi
}

#define MAY_PROPOSE(m, v) ((COORDINATOR(v) == m || (BROKEN == equal_numbers && m != W)) && \
	v > agreed[m] && v > FORMED(m))
#define MAY_AGREE(m, v) (v > agreed[m] || (BROKEN == equal_numbers && v == agreed[m]))

active proctype world()
{
	byte m, v, i, x, f, n, lossy, second, donor;

	d_step {
		primary[1] = P; backup[1] = B; decided[1] = true; proposed[1] = true;
		TEXT(1, 1) = 1;
		m = P;
		do
		:: m > B -> break
		:: else ->
			agreed[m] = 1; formed[m] = 1; region[m] = 1; fence[m] = 1; view[m] = 1;
			whole[m] = true; top[m] = 1; wm[m] = 1; LOG(m, 1) = 1;
			m++
		od;
		whole[W] = true;
		m = 0
	}

end:	do
	:: atomic {
		if
		:: v = 2
#if VIEWS > 2
		:: v = 3
#endif
#if VIEWS > 3
		:: v = 4
#endif
#if VIEWS > 4
		:: v = 5
#endif
		fi;
		if
		:: m = P
		:: m = B
		:: m = W
		fi;
		if
		/* V2: a coordinator proposes. */
		:: MAY_PROPOSE(m, v) && BROKEN != check_then_fence && MAY_FENCE(m, m) ->
			give_up(m, v);
			proposed[v] = true
		:: BROKEN == check_then_fence && MAY_PROPOSE(m, v) && checked[m] != v &&
		   MAY_FENCE(m, m) ->
			checked[m] = v
		:: BROKEN == check_then_fence && MAY_PROPOSE(m, v) && checked[m] == v ->
			give_up(m, v);
			proposed[v] = true
		/* V3: another one agrees. */
		:: proposed[v] && COORDINATOR(v) != m && MAY_AGREE(m, v) &&
		   BROKEN != agree_without_fence && BROKEN != check_then_fence &&
		   MAY_FENCE(m, COORDINATOR(v)) ->
			give_up(m, v)
		:: BROKEN == agree_without_fence && proposed[v] && MAY_AGREE(m, v) ->
			agreed[m] = v;
			bound[m] = v
		:: BROKEN == check_then_fence && proposed[v] && MAY_AGREE(m, v) && checked[m] != v &&
		   MAY_FENCE(m, COORDINATOR(v)) ->
			checked[m] = v
		:: BROKEN == check_then_fence && proposed[v] && MAY_AGREE(m, v) && checked[m] == v ->
			give_up(m, v)
		/* V4, V5: two or three AGREEs are there. */
		:: (!decided[v] || BROKEN == equal_numbers) && m == COORDINATOR(v) && bound[m] == v &&
		   bound[1 - m] == v ->
			decide(v, 3)
		:: (!decided[v] || BROKEN == equal_numbers) && m == COORDINATOR(v) && bound[m] == v &&
		   bound[W] == v ->
			decide(v, (m == P -> 5 : 6))
		:: (!decided[v] || BROKEN == equal_numbers) && m == COORDINATOR(v) && bound[P] == v &&
		   bound[B] == v && bound[W] == v ->
			decide(v, 7)
		:: else
		fi;
		m = 0; v = 0
	   }
	:: atomic {
		if
		:: m = P
		:: m = B
		:: m = W
		fi;
		v = view[m];
		if
		/* V6: cut and append, the header; then the disk, then the role. */
		:: bound[m] != 0 && decided[bound[m]] && MEMBER(m, bound[m]) && agreed[m] == bound[m] &&
		   formed[m] < bound[m] && half[m] == 0 ->
			adopt(m, bound[m])
		:: half[m] != 0 ->
			formed[m] = half[m];
			region[m] = half[m];
			view[m] = half[m];
			bound[m] = 0;
			half[m] = 0
		/* N2: the backup has the next record, and says so. */
		:: BACKS(m) && view[primary[v]] == v && top[primary[v]] > top[m] ->
			top[m] = top[m] + 1;
			LOG(m, top[m]) = LOG(primary[v], top[m]);
			if
			:: BROKEN != no_watermark -> wm[m] = top[m]
			:: else
			fi
		:: BACKS(m) && acked[v] < top[m] ->
			acked[v] = top[m]
		/* N3: an ACK is heard; what it covers is committed. */
		:: LEADS(m) && acked[v] > chosen[v] && (!started[v] || committed[acked[v]] == 0) ->
			started[v] = true;
			wm[m] = MAX(wm[m], acked[v]);
			commit(m, acked[v])
		/* V8 */
		:: LEADS(m) && !serving[m] && lease[m] && started[v] ->
			serving[m] = true
		:: BROKEN == serve_before_started && LEADS(m) && !serving[m] ->
			serving[m] = true;
			lease[m] = true
		/* N1 */
		:: records < RECORDS && ANSWERS(m) && top[m] < INDICES ->
			top[m] = top[m] + 1;
			LOG(m, top[m]) = v;
			records++
		/* L2: a promise is given, and the answer sent. */
		:: BACKS(m) && view[primary[v]] == v && (promised[m] != v || !answered[v]) ->
			promised[m] = v;
			answered[v] = true
		/* L3 */
		:: LEADS(m) && answered[v] ->
			answered[v] = false;
			lease[m] = true
		:: lease[m] ->
			lease[m] = false
		/* A promise has run out, or the hold of a new life. */
		:: promised[m] != 0 && OVER(promised[m]) ->
			late(promised[m]);
			promised[m] = 0
		:: stood[m] != 0 && OVER(stood[m]) ->
			late(stood[m]);
			stood[m] = 0;
			held[m] = false
		/* A soft reboot: the region is there, but for what was above the watermark. */
		:: soft < SOFT ->
			soft++;
			do
			:: top[m] > wm[m] -> LOG(m, top[m]) = 0; top[m] = top[m] - 1
			:: break
			od;
			new_life(m)
		/* A loss of memory. */
		:: hard < HARD ->
			hard++;
			forget(m);
			new_life(m)
		:: else
		fi;
		check_answers();
		m = 0; v = 0
	   }
	od
}
