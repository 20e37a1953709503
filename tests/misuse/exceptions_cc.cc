// The C++ part of tests/misuse/exceptions. Argument: "ends" where the C part was compiled with -fexceptions, "jumped"
// where it was not. Prints what is wrong; exit status 1 if anything is.
#include <allocarrays.h>

#include <cstdio>
#include <cstring>
#include <stdexcept>

extern "C" void under_scope(aa_allocator *allocator, void (*callback)(void));

static int wrong, violations;

static void expect(bool held, const char *what)
{
    if (!held) {
        std::printf("exceptions: %s\n", what);
        ++wrong;
    }
}

extern "C" void count(const aa_violation *violation, void *context)
{
    (void)violation;
    (void)context;
    ++violations;
}

static void throws()
{
    throw std::runtime_error("thrown");
}

static void an_exception_through_a_scope_of_cplusplus_ends_it(aa_allocator *arena)
{
    bool caught = false;
    try {
        AA_WITH(arena) {
            expect(aa_current() == arena, "the scope is not open");
            throws();
        }
    } catch (const std::runtime_error &) {
        caught = true;
    }
    expect(caught && aa_current() == aa_heap(), "a scope of C++ is open after an exception");
    expect(aa_reset(arena) == AA_OK, "a reset after an exception in C++ is refused");
}

static bool caught_through_c(aa_allocator *arena)
{
    try {
        under_scope(arena, throws);
    } catch (const std::runtime_error &) {
        return true;
    }
    return false;
}

static void an_exception_through_c_with_exceptions_ends_its_scope(aa_allocator *arena)
{
    aa_last_clear();
    expect(caught_through_c(arena), "the exception was lost on its way through C");
    expect(aa_current() == aa_heap(), "a scope of C is open after an exception");
    expect(aa_last_status() == AA_OK, "an ended scope is called out of order");
}

static void an_exception_that_jumped_over_a_scope_is_repaired_by_the_next(aa_allocator *arena)
{
    expect(caught_through_c(arena), "the exception was lost on its way through C");
    aa_last_clear();
    AA_WITH(aa_heap()) {
        expect(aa_last_status() == AA_ORDER, "the next scope does not say AA_ORDER");
    }
    expect(aa_current() == aa_heap(), "the next scope repairs nothing");
    expect(aa_reset(arena) == AA_OK, "a reset after the repair is refused");
}

int main(int argc, char **argv)
{
    aa_set_violation_handler(count, nullptr);
    aa_allocator *const arena = aa_arena_create(nullptr);
    an_exception_through_a_scope_of_cplusplus_ends_it(arena);
    if (argc > 1 && std::strcmp(argv[1], "ends") == 0) {
        an_exception_through_c_with_exceptions_ends_its_scope(arena);
    } else {
        an_exception_that_jumped_over_a_scope_is_repaired_by_the_next(arena);
    }
    expect(aa_destroy(arena) == AA_OK && violations == 0, "an exception is a violation");
    return wrong != 0;
}
