/* Threads that end and come, and an allocator that is destroyed meanwhile.
 *
 *   leaver     thread_exits (os/thread.c), leave_all, end_places (alloc/places.c), aai_shared_detach, leave_tail,
 *              aai_lane_retire, make_idle (alloc/shared.c)
 *   newcomer   my_seat, adopt_idle, aai_place_add, aai_lane_alloc, take_tail, cut (alloc/shared.c)
 *   destroyer  shared_destroy, aai_place_remove (alloc/shared.c, alloc/places.c), when the users are done, as the contract
 *              demands; the leaver may still be on its way out
 *
 * Proved: no byte is handed out twice; a lane has one thread at a time; nobody touches a lane that was freed.
 *
 * Broken, each must fail: IDLE_EARLY the lane is offered before its memory was taken from it; TAIL_KEPT the lane keeps what
 * went to the tails; IDLE_UNLOCKED the idle list is popped without the lock; EXIT_UNLOCKED a thread ends without
 * the registry lock. */
#define BYTES 8
#define LANES 3
#define NONE 255

bool locked, registry;
/* lanes: 0 and 1 the leavers', 2 made by a newcomer that finds none idle */
byte cursor[LANES], limit[LANES], central = 4;
byte owner[LANES];                    /* ghost: threads that may use it at once */
bool in_places[LANES], freed[LANES];
byte idle = NONE, next_idle[LANES] = NONE, made = 2;
byte tail_start[4], tail_limit[4], tails;
byte handed[BYTES];                   /* ghost */
byte done;                            /* users that are done: the user's own synchronisation */
byte over;

inline acquire(lock) { atomic { !lock -> lock = true } }
inline release(lock) { lock = false }

inline bump(lane) {
    assert(!freed[lane]);
    at = cursor[lane];
    cursor[lane] = at + 1;
    d_step { assert(at < BYTES); assert(!handed[at]); handed[at] = 1 }
}

inline leave_tail(lane) {
    assert(!freed[lane]);
    if
    :: cursor[lane] < limit[lane] ->
        tail_start[tails] = cursor[lane];
        tail_limit[tails] = limit[lane];
        tails++
    :: else
    fi
}

inline retire(lane) {
#ifndef TAIL_KEPT
    assert(!freed[lane]);
    cursor[lane] = 0;
    limit[lane] = 0
#else
    skip
#endif
}

inline make_idle(lane) {
    acquire(locked);
    assert(!freed[lane]);
    owner[lane]--;
    next_idle[lane] = idle;
    idle = lane;
    release(locked)
}

inline detach(lane) {
#ifdef IDLE_EARLY
    make_idle(lane);
#endif
    acquire(locked);
    leave_tail(lane);
    retire(lane);
    release(locked);
#ifndef IDLE_EARLY
    make_idle(lane)
#endif
}

inline end_places(lane) {
#ifndef EXIT_UNLOCKED
    acquire(registry);
#endif
    if
    :: in_places[lane] ->
        in_places[lane] = false;
        detach(lane)
    :: else
    fi;
#ifndef EXIT_UNLOCKED
    release(registry)
#endif
}

proctype leaver(byte lane) {
    byte at;
    bump(lane);
    done++;
    end_places(lane);
    over++
}

inline adopt_idle() {
#ifndef IDLE_UNLOCKED
    acquire(locked);
#endif
    mine = idle;
    if
    :: mine != NONE -> idle = next_idle[mine]; next_idle[mine] = NONE
    :: else
    fi;
#ifndef IDLE_UNLOCKED
    release(locked)
#endif
}

inline feed(lane) {
    acquire(locked);
    if
    :: tails > 0 ->
        tails--;
        cursor[lane] = tail_start[tails];
        limit[lane] = tail_limit[tails]
    :: tails == 0 ->
        cursor[lane] = central;
        limit[lane] = central + 2;
        central = central + 2
    fi;
    release(locked)
}

proctype newcomer() {
    byte mine, at;
    adopt_idle();
    if
    :: mine == NONE -> d_step { mine = made; made++ }
    :: else
    fi;
    if
    :: mine < LANES ->
        d_step { owner[mine]++; assert(owner[mine] == 1) }
        in_places[mine] = true;
        if
        :: cursor[mine] == limit[mine] -> feed(mine)
        :: else
        fi;
        bump(mine);
        done++;
        end_places(mine)
    :: else -> done++                 /* more lanes than the model has */
    fi;
    over++
}

proctype destroyer() {
    byte lane;
    done == 4;
    acquire(registry);
    for (lane : 0 .. LANES - 1) {
        in_places[lane] = false
    }
    release(registry);
    for (lane : 0 .. LANES - 1) {
        freed[lane] = true
    }
}

init {
    atomic {
        cursor[0] = 0; limit[0] = 2; owner[0] = 1; in_places[0] = true;
        cursor[1] = 2; limit[1] = 4; owner[1] = 1; in_places[1] = true;
        run leaver(0);
        run leaver(1);
        run newcomer();
        run newcomer();
        run destroyer()
    }
}
