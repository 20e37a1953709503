/* allocarrays.hpp with -fno-exceptions and -fno-rtti: what works stays, what would throw says its sentence and aborts.
 * Children are forked before the process knows OpenMP. */
#include "expect.hpp"

#include <allocarrays.hpp>

#include <csignal>
#include <cstdlib>
#include <memory_resource>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#if defined(__cpp_exceptions)
#error "this file is for -fno-exceptions"
#endif

namespace
{

/* What a child writes to stderr while it runs the body, and the signal that ends it (0: none). */
std::string said_by_child(void (*body)(), int *signal_number)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return "no pipe";
    }
    const pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    (void)close(ends[1]);
    std::string said;
    char piece[256];
    for (ssize_t got; (got = read(ends[0], piece, sizeof piece)) > 0;) {
        said.append(piece, static_cast<std::size_t>(got));
    }
    (void)close(ends[0]);
    int status = 0;
    (void)waitpid(child, &status, 0);
    *signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return said;
}

void asks_for_too_much()
{
    aa_options options = AA_OPTIONS_INIT;
    options.capacity = 4096;
    const auto arena = aa::make_arena(options);
    (void)aa::allocator<char>(arena).allocate(100000);
}

void looks_beyond_an_axis()
{
    const aa::array_view<int, 1> view(aa::zeros<int>(AA_CURRENT, {3}));
    view.at(3) = 1;
}

void what_would_throw_says_its_sentence_and_aborts()
{
    int signal_number = 0;
    std::string said = said_by_child(asks_for_too_much, &signal_number);
    EXPECT(signal_number == SIGABRT);
    EXPECT(said.find("AA_NOMEM") != std::string::npos);
    said = said_by_child(looks_beyond_an_axis, &signal_number);
    EXPECT(signal_number == SIGABRT);
    EXPECT(said.find("AA_BOUNDS") != std::string::npos);
}

void what_does_not_fail_works()
{
    const auto arena = aa::make_arena();
    {
        const aa::scope scope(arena);
        const aa::scratch scratch;
        aa::memory_resource resource;
        std::pmr::vector<int> numbers(100, 1, &resource);
        EXPECT(aa_owns(arena.get(), numbers.data()));
        EXPECT(resource.is_equal(resource));
    }
    aa_stats stats;
    EXPECT(aa_stats_get(arena.get(), &stats) == AA_OK && stats.used == 0);
}

} // namespace

int main()
{
    return expect::run({
        {"what_would_throw_says_its_sentence_and_aborts",
         what_would_throw_says_its_sentence_and_aborts},
        {"what_does_not_fail_works", what_does_not_fail_works},
    });
}
