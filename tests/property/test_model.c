/* Random programs against the model (tests/model/model.h): three allocators and the heap at once, with raw memory, arrays,
 * views, pins, marks, scopes, tokens, resets and destroys. A failure names program and call; the same number gives the
 * same program. */
#include "../model/model.h"

#include "runner.h"

#include <stdio.h>
#include <string.h>

enum { STEPS = 1500, PROGRAMS = 120, PER_TEST = 10, TESTS = PROGRAMS / PER_TEST };

static uint64_t draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

/* checks: of all its allocators. */
static void run_program(model *m, uint64_t number, aa_checks checks)
{
    uint64_t random = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    (void)snprintf(m->label, sizeof m->label, "program");
    m->number = number;
    m->step = 0;
    for (int step = 0; step < STEPS; ++step) {
        const uint64_t drawn = draw(&random);
        unsigned char bytes[MODEL_CALL_BYTES];
        memcpy(bytes, &drawn, sizeof bytes);
        model_call call = model_decode(bytes);
        if (step < MODEL_SLOTS) {
            call.op = MODEL_CREATE;
            call.at = (unsigned)step;
        }
        call.code = (call.code & ~3u) | (checks == AA_CHECKS_NONE ? 0u : (unsigned)checks);
        model_run(m, &call);
        if (step % 16 == 0) {
            model_check(m);
        }
    }
    model_check(m);
    model_end(m);
}

static void run_programs(int test, aa_checks checks)
{
    static model m;
    model_init(&m);
    for (int i = 0; i < PER_TEST; ++i) {
        run_program(&m, (uint64_t)(test * PER_TEST + i), checks);
    }
    model_fini(&m);
}

START_TEST(random_programs_agree_with_the_model)
{
    run_programs(_i, AA_CHECKS_NONE);
}
END_TEST

START_TEST(random_programs_under_api_checks_agree_with_the_model)
{
    run_programs(_i, AA_CHECKS_API);
}
END_TEST

START_TEST(random_programs_under_full_checks_agree_with_the_model)
{
    run_programs(_i, AA_CHECKS_FULL);
}
END_TEST

AA_TEST_MAIN("property: model", AA_TEST_LOOP(random_programs_agree_with_the_model, 0, TESTS),
             AA_TEST_LOOP(random_programs_under_api_checks_agree_with_the_model, 0, TESTS),
             AA_TEST_LOOP(random_programs_under_full_checks_agree_with_the_model, 0, TESTS))
