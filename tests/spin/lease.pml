/* Leases of a shared allocator against its reset.
 *
 *   worker    aai_alloc (impl/alloc.h): compare the slot's key, bump; else aai_alloc_slow -> my_seat, restart,
 *             feed, grow, aai_slot_set (alloc/shared.c, alloc/places.c)
 *   resetter  begin_reset, shared_reset, aai_base_rekey, end_reset (alloc/shared.c, alloc/allocator.c), after the
 *             join that the contract demands: no thread is inside
 *
 * Proved: no byte is handed out twice between two resets, whatever the order of all steps.
 *
 * Broken, each must fail: NO_JOIN the reset does not wait for the workers; RECHECK the same, and the worker looks at
 * the key once more after it bumped; KEY_KEPT the reset draws no new key; KEY_REPEATS keys come from a counter that
 * wraps; UNLOCKED the lease is cut without the lock; CALLS a thread asks the upstream uncounted, and the reset does not wait. */
#define WORKERS 2
#define ROUNDS 3
#define ALLOCS 3
#define LEASE 2
#define BYTES 12

byte key = 1, drawn = 1;             /* head.key; the 64-bit counter */
byte central, room = 4;              /* the central lane's cursor and limit, under the lock */
bool locked, resetting;
byte calls;
byte slot_key[WORKERS], lane_key[WORKERS], cursor[WORKERS], limit[WORKERS];

byte round = 1;                      /* ghost: resets so far, plus one */
byte handed[BYTES];                  /* ghost: the round in which a byte was last handed out */
byte joined, opened = 1;             /* the user's own synchronisation: the region's end, its beginning */

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

inline bump(id) {
    at = cursor[id];
    cursor[id] = at + 1;
    d_step {
        assert(at < BYTES);
        assert(handed[at] != round);
        handed[at] = round
    }
}

inline feed(id) {
#ifndef UNLOCKED
    lock();
#endif
    do
    :: resetting -> busy = true; break
    :: !resetting && central + LEASE <= room ->
        at = central;
        limit[id] = at + LEASE;
        cursor[id] = at;
        central = at + LEASE;
        break
    :: !resetting && central + LEASE > room && room >= BYTES -> busy = true; break
    :: !resetting && central + LEASE > room && room < BYTES && calls == 0 ->   /* grow: outside the lock */
#ifndef CALLS
        calls++;
#endif
#ifndef UNLOCKED
        unlock();
        lock();
#endif
#ifndef CALLS
        calls--;
#endif
        room = room + LEASE
    :: !resetting && central + LEASE > room && room < BYTES && calls != 0 ->
#ifndef UNLOCKED
        unlock();
        lock()
#else
        skip
#endif
    od;
#ifndef UNLOCKED
    unlock()
#endif
}

inline alloc_slow(id) {
    if
    :: lane_key[id] != key ->            /* restart */
        cursor[id] = 0;
        limit[id] = 0;
        lane_key[id] = key
    :: else
    fi;
    if
    :: cursor[id] == limit[id] -> feed(id)
    :: else
    fi;
    if
    :: !busy ->
        bump(id);
        slot_key[id] = key
    :: else
    fi
}

proctype worker(byte id) {
    byte n, r, at;
    bool busy;
    for (r : 1 .. ROUNDS) {
        opened >= r;
        for (n : 1 .. ALLOCS) {
            busy = false;
            if
            :: break                     /* takes no more, or nothing, in this round */
            :: true
            fi;
            if
            :: slot_key[id] == key && cursor[id] < limit[id] ->
#ifdef RECHECK
                at = cursor[id];
                cursor[id] = at + 1;
                if
                :: slot_key[id] == key ->
                    d_step { assert(handed[at] != round); handed[at] = round }
                :: else
                fi
#else
                bump(id)
#endif
            :: else -> alloc_slow(id)
            fi
        }
        joined++
    }
}

proctype resetter() {
    byte r;
    bool quiet;
    for (r : 1 .. ROUNDS - 1) {
#if !defined(NO_JOIN) && !defined(RECHECK) && !defined(CALLS)
        joined == WORKERS * r;
#endif
        lock();
        quiet = calls == 0 && !resetting;
        resetting = (quiet -> true : resetting);
        unlock();
        if
        :: quiet ->
#ifdef KEY_REPEATS
            drawn = 1 + drawn % 2;
#else
            drawn++;
#endif
#ifndef KEY_KEPT
            key = drawn;
#endif
            d_step { central = 0; round++ }
            lock();
            resetting = false;
            unlock()
        :: else
        fi;
        opened = r + 1
    }
}

init {
    atomic {
        run worker(0);
        run worker(1);
        run resetter()
    }
}
