/* Side library testkit: a function run with each of its requests for memory refused. */
#include "kit.h"

#include <allocarrays/check.h>
#include <inttypes.h>

enum { MOST_REQUESTS = 1000 };

typedef struct run {
    int64_t n; /* the request to refuse; negative: it and all later ones */
    aa_status status;
    uint64_t requests;
    size_t kept; /* bytes */
} run;

static bool is_refused(const run *r)
{
    return r->requests >= (uint64_t)(r->n < 0 ? -r->n : r->n);
}

/* "request 3 refused for ever: ", as the start of the text. */
static void say_run(const run *r)
{
    if (is_refused(r)) {
        (void)aai_kit_say("with request %" PRId64 " to the upstream refused %s: ",
                          r->n < 0 ? -r->n : r->n, r->n < 0 ? "for ever" : "once");
    } else {
        (void)aai_kit_say("with no request to the upstream refused: ");
    }
}

static const char *judge(const run *r)
{
    const bool refused = is_refused(r);
    if (r->kept != 0) {
        say_run(r);
        return aai_kit_add(
            "%zu bytes of the upstream are not given back (are all its allocators destroyed?)",
            r->kept);
    }
    if (r->status != AA_OK && (r->status != AA_NOMEM || !refused)) {
        say_run(r);
        return aai_kit_add("the function returned %s", aa_status_name(r->status));
    }
    if (r->n == -1 && refused && r->status == AA_OK) {
        return aai_kit_say(
            "with every request to the upstream refused the function returned AA_OK: it does "
            "not report that there is no memory");
    }
    return NULL;
}

static const char *try_one(run *r, aa_upstream *inner, aa_check_failing_function *function,
                           void *context)
{
    aa_upstream *const upstream = aa_upstream_failing(inner, r->n);
    if (upstream == NULL) {
        return aai_kit_say("aa_upstream_failing: %s", aa_last_message());
    }
    r->status = function(upstream, context);
    (void)aa_upstream_usage(upstream, &r->requests, &r->kept);
    const char *const why = judge(r);
    if (why == NULL) {
        (void)aa_upstream_destroy(upstream);
    }
    return why;
}

const char *aai_check_every_failure(aa_upstream *inner, aa_check_failing_function *function,
                                    void *context, const char *file, int line)
{
    aai_check_require_place(file, line);
    for (int64_t n = 1; n <= MOST_REQUESTS; ++n) {
        run once = {.n = n}, for_ever = {.n = -n};
        const char *why = try_one(&once, inner, function, context);
        if (why == NULL) {
            why = try_one(&for_ever, inner, function, context);
        }
        if (why != NULL) {
            return why;
        }
        if (!is_refused(&once) && !is_refused(&for_ever)) {
            return n > 1
                       ? NULL
                       : aai_kit_say(
                             "the function made no request to the upstream, so nothing was tried");
        }
    }
    return aai_kit_say("the function still makes requests to the upstream at the %dth",
                       MOST_REQUESTS);
}
