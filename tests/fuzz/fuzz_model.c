/* Sequences of calls against the model: four bytes a call, the first makes an allocator. MODEL_TRACE=1 lists them. */
#include "../model/model.h"
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

enum { COMPARE_EVERY = 8, MOST_CALLS = 400 };

void fuzz_model(const uint8_t *data, size_t bytes)
{
    static model m;
    static bool ready;
    if (!ready) {
        model_init(&m);
        (void)snprintf(m.label, sizeof m.label, "input");
        m.whole_up_to = 512; /* what fuzzing costs most is writing patterns */
        ready = true;
    }
    ++m.number;
    m.step = 0;
    for (size_t i = 0; i + MODEL_CALL_BYTES <= bytes && i < MOST_CALLS * MODEL_CALL_BYTES;
         i += MODEL_CALL_BYTES) {
        model_call call = model_decode(data + i);
        if (i == 0) {
            call.op = MODEL_CREATE;
            call.at = 0;
        }
        model_run(&m, &call);
        if (m.step % COMPARE_EVERY == 0) {
            model_check(&m);
        }
    }
    model_check(&m);
    model_end(&m);
}
