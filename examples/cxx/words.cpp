// Words that occur in many documents: hash maps and strings of the standard library in the iterations of a parallel
// loop, from an arena per thread, one round after the other. `words [ROUNDS]`; without an argument 20.
#include <allocarrays.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory_resource>
#include <string>
#include <string_view>
#include <unordered_map>

namespace
{

constexpr int documents = 400, words_each = 500;

// The text of a document, made up, the same in each run.
std::string_view word_of(int document, int place)
{
    static const char *const words[] = {
        "a",     "bump allocator", "of the standard library's containers",
        "takes", "its memory",     "back with one reset per round"};
    const unsigned mixed = static_cast<unsigned>(document * 7919 + place * 104729) >> 3;
    return words[mixed % (sizeof words / sizeof words[0])];
}

// How often the commonest word of a document occurs. Knows no allocator but the resource it is given.
long commonest(int document, std::pmr::memory_resource *memory)
{
    std::pmr::unordered_map<std::pmr::string, long> counts(memory);
    for (int place = 0; place < words_each; ++place) {
        ++counts[std::pmr::string(word_of(document, place), memory)];
    }
    long most = 0;
    for (const auto &[word, count] : counts) {
        most = count > most ? count : most;
    }
    return most;
}

long on_the_heap()
{
    long sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int document = 0; document < documents; ++document) {
        sum += commonest(document, std::pmr::new_delete_resource());
    }
    return sum;
}

long in_arenas(const aa::allocator_ptr &memory)
{
    const aa::scope scope(memory); // current here, and in every region opened inside
    long sum = 0;
    int failed = 0;
#pragma omp parallel for reduction(+ : sum, failed)
    for (int document = 0; document < documents; ++document) {
        try {                          // an exception must not leave a region
            const aa::scratch scratch; // this thread's memory comes back with the iteration,
            aa::memory_resource resource(AA_CURRENT, aa::give_back::never); // and not before
            sum += commonest(document, &resource);
        } catch (const std::exception &problem) {
            std::fprintf(stderr, "words: %s\n", problem.what());
            ++failed;
        }
    }
    return failed == 0 ? sum : -1;
}

double milliseconds_since(std::chrono::steady_clock::time_point start)
{
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

} // namespace

int main(int count, char **arguments)
try {
    const int rounds = count > 1 ? std::atoi(arguments[1]) : 20;
    const auto memory = aa::make_private();
    double heap_ms = 0, arena_ms = 0;
    std::uint64_t asked = 0, asked_first = 0;
    for (int round = 0; round < rounds; ++round) {
        auto start = std::chrono::steady_clock::now();
        const long expected = on_the_heap();
        heap_ms += milliseconds_since(start);
        start = std::chrono::steady_clock::now();
        const long sum = in_arenas(memory);
        arena_ms += milliseconds_since(start);
        aa::reset(memory); // throws if anything still used it
        if (sum != expected) {
            std::fprintf(stderr, "words: %ld in arenas, %ld on the heap\n", sum, expected);
            return 1;
        }
        aa_stats stats;
        aa::require(aa_stats_get(memory.get(), &stats));
        asked_first = round == 0 ? stats.upstream_calls : asked_first;
        asked = stats.upstream_calls - asked_first;
    }
    std::printf("%d rounds of %d documents: heap %.2f ms, arenas %.2f ms a round;"
                " upstream calls after the first round: %llu\n",
                rounds, documents, heap_ms / rounds, arena_ms / rounds,
                static_cast<unsigned long long>(asked));
    return asked == 0 ? 0 : 1;
} catch (const std::exception &problem) {
    std::fprintf(stderr, "words: %s\n", problem.what());
    return 1;
}
