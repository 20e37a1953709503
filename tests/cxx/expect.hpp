/* The smallest test runner: cases with names, counted failures, one line each. Not check's, for one binary must also
 * build with -fno-exceptions, and cases here open OpenMP regions in this process. */
#ifndef TESTS_CXX_EXPECT_HPP
#define TESTS_CXX_EXPECT_HPP

#include <cstdio>
#include <exception>
#include <initializer_list>

namespace expect
{

inline int failures = 0;

struct test {
    const char *name;
    void (*body)();
};

inline void that(bool holds, const char *what, const char *file, int line)
{
    if (!holds) {
        std::printf("%s:%d: not so: %s\n", file, line, what);
        ++failures;
    }
}

#define EXPECT(condition) expect::that((condition), #condition, __FILE__, __LINE__)

/* The statement must throw exactly a `type` for which `condition`, about `caught`, holds. */
#define EXPECT_THROWS(statement, type, condition)                                                  \
    do {                                                                                           \
        bool aai_thrown = false;                                                                   \
        try {                                                                                      \
            statement;                                                                             \
        } catch (const type &caught) {                                                             \
            aai_thrown = (condition);                                                              \
        }                                                                                          \
        expect::that(aai_thrown, #statement " throws " #type ": " #condition, __FILE__, __LINE__); \
    } while (0)

inline int run(std::initializer_list<test> tests)
{
    int failed = 0;
    for (const test &one : tests) {
        const int before = failures;
        one.body();
        failed += failures != before;
        std::printf("%s: %s\n", failures == before ? "ok" : "FAILED", one.name);
    }
    std::printf("%zu tests, %d failed\n", tests.size(), failed);
    return failed != 0 || tests.size() == 0;
}

} // namespace expect

#endif
