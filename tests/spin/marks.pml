/* Marks of a lane, what they leave valid, and a reset that asks for them.
 *
 *   owner     aai_lane_mark_take, aai_lane_unmark, rewind_to (alloc/mark.c), aai_cell_rewind, aai_cell_survived
 *             (memory/cell.c), shared_mark (alloc/shared.c): takes marks, allocates, rewinds to any mark that it ever
 *             took, ended ones too
 *   resetter  shared_marks (alloc/shared.c), aai_prove_no_holders (scope/reset.c): asks once it was told of a mark
 *
 * Proved: a rewind is accepted exactly when its mark is open; after it an array is valid exactly when it was made below;
 * a reset passes never while a mark is open that its caller was told of.
 *
 * Broken, each must fail: SERIAL_REPEATS a mark is known by its depth alone; INNER_STAYS a rewind leaves the inner marks
 * open; NO_POP the steps of a cell are not popped; NO_EPOCH a rewind leaves the epoch; MARKED_LATE the allocator learns
 * of its first mark after the caller has it; OWN_ONLY the reset counts its caller's marks alone. */
#define STEPS 6
#define DEPTH 2
#define MARKS 4
#define BORN 4

/* the lane */
byte count, depth, serials;
byte mark_serial[DEPTH], mark_count[DEPTH];
/* its cell */
byte epoch, step_count;
byte step_epoch[STEPS], step_floor[STEPS];
/* what the owner holds, for good: marks and arrays, in the order in which they were made */
byte taken;
byte held_serial[MARKS], held_depth[MARKS];
byte born;
byte array_epoch[BORN], array_ordinal[BORN];
bool array_alive[BORN];                       /* ghost */
bool is_open[MARKS];                          /* ghost */
byte open_count;                              /* ghost */
/* the shared allocator's note that there are marks at all; the reset's answer */
bool marked, told, answered;
bool holding;                                 /* the mark stays open until the answer, by agreement of the user's */

inline take_mark() {
#ifndef MARKED_LATE
    marked = true;
#endif
    d_step {
        serials++;
#ifdef SERIAL_REPEATS
        mark_serial[depth] = depth;
#else
        mark_serial[depth] = serials;
#endif
        mark_count[depth] = count;
        held_serial[taken] = mark_serial[depth];
        held_depth[taken] = depth;
        is_open[taken] = true;
        open_count++;
        taken++;
        depth++
    }
    if
    :: !told -> d_step { told = true; holding = true }
    :: true
    fi;
#ifdef MARKED_LATE
    marked = true
#endif
}

inline rewind_cell(to) {
    n = step_count;
#ifndef NO_POP
    do
    :: n > 0 && step_floor[n - 1] >= to -> n--
    :: else -> break
    od;
#endif
#ifndef NO_EPOCH
    epoch++;
#endif
    step_epoch[n] = epoch;
    step_floor[n] = to;
    step_count = n + 1
}

/* The first step younger than the array decides. */
inline survived(i) {
    n = 0;
    do
    :: n < step_count && step_epoch[n] <= array_epoch[i] -> n++
    :: else -> break
    od;
    valid = epoch == array_epoch[i] || n == step_count || array_ordinal[i] < step_floor[n]
}

inline rewind(m) {
    d_step {
        i = held_depth[m];
        accepted = i < depth && mark_serial[i] == held_serial[m];
        assert(accepted == is_open[m]);
        if
        :: accepted ->
            floor = mark_count[i];
            if
            :: count > floor -> rewind_cell(floor)
            :: else
            fi;
            count = floor;
#ifdef INNER_STAYS
            depth = (depth == i + 1 -> i : depth);
#else
            depth = i;
#endif
            for (k in array_alive) {
                if
                :: array_ordinal[k] >= floor -> array_alive[k] = false
                :: else
                fi
            }
            for (k in is_open) {
                if
                :: k >= m && is_open[k] && held_depth[k] >= i -> is_open[k] = false; open_count--
                :: else
                fi
            }
        :: else
        fi;
        k = 0; floor = 0; accepted = false; n = 0
    }
}

proctype owner() {
    byte calls, i, k, m, n, floor;
    bool accepted, valid;
    for (calls : 1 .. STEPS) {
        if
        :: depth < DEPTH && taken < MARKS -> take_mark()
        :: born < BORN ->                      /* allocate: an array remembers its epoch and ordinal */
            d_step {
                array_epoch[born] = epoch;
                array_ordinal[born] = count;
                array_alive[born] = true;
                born++;
                count++
            }
        :: taken > 0 ->
            select(m : 0 .. MARKS - 1);
            if
            :: m < taken -> rewind(m)
            :: else
            fi
        fi;
        d_step {
            for (i in array_alive) {
                if
                :: i < born -> survived(i); assert(valid == array_alive[i])
                :: else
                fi
            }
            i = 0; n = 0; valid = false
        }
        if
        :: holding -> answered; holding = false
        :: else
        fi
    }
}

/* Told of a mark that stays open until it has answered. */
proctype resetter() {
    bool found;
end:
    told;
#ifndef OWN_ONLY
    d_step { found = marked && depth > 0 }
#endif
    assert(found);
    answered = true
}

init {
    atomic {
        run owner();
        run resetter()
    }
}
