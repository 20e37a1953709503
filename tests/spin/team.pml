/* A team reset: who arrives, who gives up, who resets.
 *
 *   member   aai_team_arrive -> arrive, count_in, wait_while_open, give_up, take_verdict (scope/team_reset.c), then the
 *            barriers and aai_team_reset that the macro aa_reset_team puts into the caller's code
 *
 * Any member may be late, or never come in a round (it calls once less). Proved: who goes to the barrier goes with the
 * whole team; the reset happens while all are inside; a slot is not used again before each of its threads has read it.
 *
 * Broken, each must fail: GIVE_UP_LATE a thread that runs out of time fails a gathering that is complete; NO_READERS a slot
 * is used again at once; EARLY the verdict falls one arrival too early; NOWAIT no barrier after the reset. */
#define TEAM 3
#define SLOTS 2
#define NONE 255
#define WAITING 0
#define GO 1
#define FAILED 2

bool locked;
byte open_slot = NONE;
byte verdict[SLOTS], arrived[SLOTS], readers[SLOTS];
byte serial[SLOTS], serials;         /* ghost: which gathering a slot holds */
byte at_barrier, barrier_round;      /* OpenMP's barrier: it counts whoever comes */
byte went[8];                        /* ghost: by gathering, who went and who was refused */
byte refused[8];
byte inside;                         /* ghost: members that are in the call */

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

inline open_one() {
    for (k : 0 .. SLOTS - 1) {
        if
#ifdef NO_READERS
        :: g == NONE && k == 0 ->
#else
        :: g == NONE && readers[k] == 0 ->
#endif
            d_step {
                verdict[k] = WAITING;
                arrived[k] = 0;
                readers[k] = 0;
                serials++;
                serial[k] = serials;
                open_slot = k;
                g = k
            }
        :: else
        fi
    }
}

inline count_in() {
    readers[g]++;
    arrived[g]++;
    if
#ifdef EARLY
    :: arrived[g] == TEAM - 1 ->
#else
    :: arrived[g] == TEAM ->
#endif
        verdict[g] = GO;
        open_slot = NONE
    :: else
    fi
}

inline give_up() {
    lock();
    if
#ifdef GIVE_UP_LATE
    :: true ->
#else
    :: verdict[g] == WAITING ->
#endif
        verdict[g] = FAILED;
        open_slot = NONE
    :: else
    fi;
    unlock()
}

inline barrier() {
    d_step {
        b = barrier_round;
        at_barrier++;
        if
        :: at_barrier == TEAM -> at_barrier = 0; barrier_round++
        :: else
        fi
    }
    barrier_round != b
}

proctype member(byte id; byte times) {
    byte g, k, b, said, mine, n;
    for (n : 1 .. times) {
        inside++;
        lock();
        g = open_slot;
        if
        :: g == NONE -> open_one()
        :: else
        fi;
        if
        :: g != NONE -> count_in(); mine = serial[g]
        :: else
        fi;
        unlock();
        if
        :: g == NONE -> said = FAILED
        :: else ->
            if
            :: verdict[g] != WAITING
            :: give_up()
            fi;
            lock();
            assert(serial[g] == mine);
            said = verdict[g];
            readers[g]--;
            unlock();
            d_step {
                if
                :: said == GO -> went[mine]++
                :: else -> refused[mine]++
                fi;
                assert(went[mine] == 0 || refused[mine] == 0)
            }
        fi;
        if
        :: said == GO ->
            barrier();
            if
            :: id == 0 -> assert(inside == TEAM)
            :: else
            fi;
#ifndef NOWAIT
            barrier()
#else
            skip
#endif
        :: else
        fi;
        inside--
    }
}

init {
    atomic {
        run member(0, 2);
        run member(1, 2);
        run member(2, 1)
    }
}
