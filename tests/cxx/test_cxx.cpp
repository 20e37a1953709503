/* allocarrays.hpp: lifetimes, exceptions, containers, views; built as C++17 and as C++20. */
#include "expect.hpp"

#include <allocarrays.hpp>

#include <cstring>
#include <map>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <omp.h>

namespace
{

struct reports {
    int count = 0;
    aa_violation_kind kind = AA_CORRUPTION;
    aa_violation_handler *before;
    void *before_context = nullptr;

    reports() : before(aa_get_violation_handler(&before_context))
    {
        (void)aa_set_violation_handler(note, this);
    }
    ~reports()
    {
        (void)aa_set_violation_handler(before, before_context);
    }
    reports(const reports &) = delete;
    reports &operator=(const reports &) = delete;
    static void note(const aa_violation *violation, void *context)
    {
        auto *const self = static_cast<reports *>(context);
        ++self->count;
        self->kind = violation->kind;
    }
};

aa_stats stats_of(const aa::allocator_ptr &allocator)
{
    aa_stats stats{};
    aa::require(aa_stats_get(allocator.get(), &stats));
    return stats;
}

void a_scope_ends_with_its_block_also_by_an_exception()
{
    const auto arena = aa::make_arena();
    {
        const aa::scope scope(arena);
        EXPECT(aa_current() == arena.get());
        {
            const aa::scope inner(aa_heap());
            EXPECT(aa_current() == aa_heap());
        }
        EXPECT(aa_current() == arena.get());
    }
    EXPECT(aa_current() == aa_heap());
    try {
        const aa::scope scope(arena);
        throw std::runtime_error("out");
    } catch (const std::runtime_error &) {
    }
    EXPECT(aa_current() == aa_heap());
    try {
        AA_WITH(arena.get()) {
            AA_SCRATCH(arena.get()) {
                (void)aa_alloc(arena.get(), 64);
                throw std::runtime_error("out");
            }
        }
    } catch (const std::runtime_error &) {
    }
    EXPECT(aa_current() == aa_heap());
    EXPECT(stats_of(arena).used == 0);
}

void a_scope_is_seen_by_the_threads_of_a_region_and_by_a_token()
{
    const auto shared = aa::make_shared();
    int strangers = 0, tasks_seen = 0;
    {
        const aa::scope scope(shared);
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(4) reduction(+ : strangers)
        strangers += aa_current() != shared.get();
        std::thread([&] {
            const aa::scope here(token);
            tasks_seen += aa_current() == shared.get();
        }).join();
    }
    EXPECT(strangers == 0);
    EXPECT(tasks_seen == 1);
}

void what_the_library_refuses_is_thrown_with_status_and_sentence()
{
    EXPECT_THROWS(aa::scope(static_cast<aa_allocator *>(nullptr)), aa::error,
                  caught.status() == AA_INVALID && std::strlen(caught.what()) > 0);
    EXPECT_THROWS(aa::scope(aa_token{}), aa::error, caught.status() == AA_INVALID);
    EXPECT_THROWS(aa::scratch(static_cast<aa_allocator *>(nullptr)), aa::error,
                  caught.status() == AA_INVALID);
    EXPECT_THROWS(aa::mark(static_cast<aa_allocator *>(nullptr)), aa::error,
                  caught.status() == AA_INVALID);
    EXPECT_THROWS(aa::memory_resource(static_cast<aa_allocator *>(nullptr)), aa::error,
                  caught.status() == AA_INVALID);
    EXPECT_THROWS(aa::allocator<int>(static_cast<aa_allocator *>(nullptr)), aa::error,
                  caught.status() == AA_INVALID);
    aa_options wrong = AA_OPTIONS_INIT;
    wrong.alignment = 3;
    EXPECT_THROWS(aa::make_arena(wrong), aa::error, caught.status() == AA_INVALID);

    const auto arena = aa::make_arena();
    const reports seen;
    int refused = 0;
#pragma omp parallel num_threads(1)
    {
        try {
            aa::reset(arena);
        } catch (const aa::error &caught) {
            refused += caught.status() == AA_BUSY;
        }
    }
    EXPECT(refused == 1 && seen.count == 1 && seen.kind == AA_RESET_IN_PARALLEL);
    aa::reset(arena);
    EXPECT(stats_of(arena).resets == 1);
}

void no_memory_and_too_large_are_bad_alloc()
{
    aa_options options = AA_OPTIONS_INIT;
    options.capacity = 4096;
    const auto arena = aa::make_arena(options);
    aa::allocator<double> doubles(arena);
    EXPECT_THROWS((void)doubles.allocate(100000), std::bad_alloc, std::strlen(caught.what()) > 20);
    EXPECT_THROWS((void)doubles.allocate(100000), aa::bad_alloc, caught.status() == AA_NOMEM);
    EXPECT_THROWS((void)doubles.allocate(SIZE_MAX / 2), aa::bad_alloc,
                  caught.status() == AA_OVERFLOW);
    aa::memory_resource resource(arena);
    EXPECT_THROWS((void)resource.allocate(100000), aa::bad_alloc, caught.status() == AA_NOMEM);
    EXPECT_THROWS((void)aa::empty<double>(arena.get(), {1000, 1000}), std::bad_alloc, true);
    EXPECT_THROWS((void)aa::empty<double>(arena.get(), {-1}), aa::error,
                  caught.status() == AA_INVALID);
    double *const fits = doubles.allocate(100);
    EXPECT(fits != nullptr);
}

void a_scratch_takes_back_unless_it_is_kept()
{
    const auto arena = aa::make_arena();
    const std::size_t before = stats_of(arena).used;
    {
        const aa::scratch scratch(arena);
        (void)aa_alloc(arena.get(), 1000);
        EXPECT(stats_of(arena).used > before);
    }
    EXPECT(stats_of(arena).used == before);
    {
        const aa::scope scope(arena);
        const aa::scratch scratch;
        (void)aa_alloc(AA_CURRENT, 1000);
        EXPECT(stats_of(arena).used > before);
    }
    EXPECT(stats_of(arena).used == before);
    {
        aa::scratch scratch(arena);
        (void)aa_alloc(arena.get(), 1000);
        scratch.keep();
    }
    EXPECT(stats_of(arena).used > before);
}

void a_mark_is_rewound_or_dropped_once_and_dropped_by_its_block()
{
    const auto arena = aa::make_arena();
    {
        aa::mark mark(arena);
        (void)aa_alloc(arena.get(), 1000);
        mark.rewind();
        EXPECT(stats_of(arena).used == 0);
        const reports seen;
        EXPECT_THROWS(mark.rewind(), aa::error, caught.status() == AA_ORDER);
        EXPECT(seen.count == 1 && seen.kind == AA_REWIND_ORDER);
    }
    {
        const aa::mark mark(arena);
        (void)aa_alloc(arena.get(), 1000);
    }
    EXPECT(stats_of(arena).used > 0);
    {
        aa::mark mark(arena);
        mark.drop();
        const reports seen;
        EXPECT_THROWS(mark.drop(), aa::error, caught.status() == AA_ORDER);
    }
    aa::mark last(arena); /* no mark is open: else adopting would be refused */
    last.drop();
    EXPECT(aa_arena_adopt(arena.get()) == AA_OK);
}

void pmr_containers_take_their_memory_from_the_allocator()
{
    const auto arena = aa::make_arena();
    aa::memory_resource resource(arena), same(arena), other(aa_heap());
    EXPECT(resource.is_equal(same));
    EXPECT(!resource.is_equal(other));
    EXPECT(!resource.is_equal(*std::pmr::new_delete_resource()));
    std::pmr::vector<int> numbers(&resource);
    numbers.resize(1000, 7);
    EXPECT(aa_owns(arena.get(), numbers.data()));
    void *const page = resource.allocate(10, 4096);
    EXPECT(reinterpret_cast<std::uintptr_t>(page) % 4096 == 0);
    std::pmr::unordered_map<std::pmr::string, int> counts(&resource);
    for (int i = 0; i < 100; ++i) {
        ++counts[std::pmr::string("a word that is longer than what a string keeps in itself",
                                  &resource)];
    }
    EXPECT(counts.size() == 1);
    EXPECT(aa_owns(arena.get(), counts.begin()->first.data()));
    EXPECT(aa_owns(arena.get(), &*counts.begin()));
}

void a_resource_gives_back_the_newest_block_or_nothing()
{
    const auto arena = aa::make_arena();
    aa::memory_resource newest(arena), never(arena, aa::give_back::never);
    EXPECT(!newest.is_equal(never));
    newest.deallocate(newest.allocate(100), 100);
    EXPECT(stats_of(arena).used == 0);
    never.deallocate(never.allocate(100), 100);
    EXPECT(stats_of(arena).used >= 100);
    EXPECT(stats_of(arena).live_frees == 0);
}

void a_resource_keeps_the_allocator_that_was_current_when_it_was_made()
{
    const auto arena = aa::make_arena();
    {
        const aa::scope scope(arena);
        aa::memory_resource resource;
        EXPECT(resource.get() == arena.get());
        const aa::scope heap(aa_heap());
        EXPECT(aa_owns(arena.get(), resource.allocate(8)));
    }
    EXPECT(aa::memory_resource().get() == aa_heap());
}

using numbers = std::vector<double, aa::allocator<double>>;

void moves_never_carry_memory_into_a_container_of_another_allocator()
{
    const auto arena = aa::make_arena();
    numbers outside(aa::allocator<double>{aa_heap()}), inside(aa::allocator<double>{arena});
    inside.assign(100, 2.0);
    outside = std::move(inside);
    EXPECT(outside.get_allocator().get() == aa_heap());
    EXPECT(!aa_owns(arena.get(), outside.data()));
    EXPECT(outside.size() == 100 && outside[99] == 2.0);

    numbers third(aa::allocator<double>{arena});
    third = outside;
    EXPECT(aa_owns(arena.get(), third.data()));
    const double *const was = third.data();
    third.swap(outside);
    EXPECT(outside.data() == was && outside.get_allocator().get() == arena.get());
    EXPECT(third.get_allocator().get() == aa_heap());

    const numbers moved(std::move(outside));
    EXPECT(moved.data() == was && moved.get_allocator().get() == arena.get());
    EXPECT(aa::allocator<int>(arena) == aa::allocator<double>(arena));
    EXPECT(aa::allocator<int>(arena) != aa::allocator<int>(aa_heap()));
}

void a_copy_of_a_container_comes_from_what_is_current()
{
    const auto arena = aa::make_arena();
    const numbers heap(10, 1.0, aa::allocator<double>{aa_heap()});
    {
        const aa::scope scope(arena);
        const numbers copy(heap);
        EXPECT(aa_owns(arena.get(), copy.data()));
        const numbers fresh(10);
        EXPECT(aa_owns(arena.get(), fresh.data()));
    }
    const std::map<int, int, std::less<int>, aa::allocator<std::pair<const int, int>>> rebound(
        {{1, 2}}, {}, aa::allocator<std::pair<const int, int>>(arena));
    EXPECT(aa_owns(arena.get(), &*rebound.begin()));
}

/* Containers in the iterations of a loop, each thread in its own arena: the answer is right, and no round after the
 * first asks the upstream. */
void containers_in_parallel_loops_ask_nothing_after_the_first_round()
{
    const auto memory = aa::make_private();
    std::uint64_t asked = 0;
    for (int round = 0; round < 5; ++round) {
        long sum = 0;
        int failed = 0;
        {
            const aa::scope scope(memory);
#pragma omp parallel for num_threads(4) schedule(static) reduction(+ : sum, failed)
            for (int i = 0; i < 200; ++i) {
                try {
                    const aa::scratch scratch;
                    aa::memory_resource resource;
                    std::pmr::unordered_map<int, long> squares(&resource);
                    std::pmr::vector<long> keys(&resource);
                    for (int k = 0; k < 50; ++k) {
                        squares[k + i] = k;
                        keys.push_back(k + i);
                    }
                    for (const long key : keys) {
                        sum += squares[static_cast<int>(key)];
                    }
                } catch (...) {
                    ++failed;
                }
            }
        }
        EXPECT(sum == 200L * (49 * 50 / 2));
        EXPECT(failed == 0);
        aa::reset(memory);
        const std::uint64_t calls = stats_of(memory).upstream_calls;
        EXPECT(round == 0 ? calls > 0 : calls == asked);
        asked = calls;
    }
}

void a_view_reads_and_writes_the_elements_of_an_array_by_its_strides()
{
    const auto arena = aa::make_arena();
    const aa_array array = aa::zeros<double>(arena.get(), {3, 4});
    const aa::array_view<double, 2> view(array);
    EXPECT(view.size() == 12 && view.extent(0) == 3 && view.extent(1) == 4 && view.stride(0) == 4);
    view(1, 2) = 5;
    EXPECT(AA_AT(double, &array, 1, 2) == 5);
    const int axes[] = {1, 0};
    const aa_array turned = aa::require(aa_permute(&array, axes));
    EXPECT((aa::array_view<const double, 2>(turned)(2, 1)) == 5);
    const aa_range backwards[] = {{AA_OPEN, AA_OPEN, -1}, {1, AA_OPEN, 2}};
    const aa::array_view<const double, 2> sliced(aa::require(aa_slice(&array, backwards)));
    EXPECT(sliced.extent(1) == 2 && sliced.stride(0) == -4 && sliced.stride(1) == 2);
    view(0, 3) = 9;
    EXPECT(sliced(2, 1) == 9);
    EXPECT(view.row(1)(2) == 5 && view.row(1).extent(0) == 4);
    const aa::array_view<const double, 2> constant = view;
    EXPECT(constant.data() == view.data());
#if defined(__cpp_multidimensional_subscript)
    EXPECT((view[1, 2] == 5));
#endif
}

void at_verifies_each_index_and_names_the_axis()
{
    const auto arena = aa::make_arena();
    const aa::array_view<float, 3> view(aa::zeros<float>(arena.get(), {2, 3, 4}));
    view.at(1, 2, 3) = 1;
    EXPECT(view(1, 2, 3) == 1.0F);
    EXPECT_THROWS((void)view.at(2, 0, 0), aa::error,
                  caught.status() == AA_BOUNDS && std::strstr(caught.what(), "axis 0") != nullptr);
    EXPECT_THROWS((void)view.at(0, -1, 0), aa::error,
                  std::strstr(caught.what(), "index -1") != nullptr &&
                      std::strstr(caught.what(), "axis 1") != nullptr);
    EXPECT_THROWS((void)view.at(0, 0, 4), aa::error,
                  std::strstr(caught.what(), "extent 4") != nullptr);
}

void a_view_of_another_type_rank_or_of_memory_taken_back_is_refused()
{
    const auto arena = aa::make_arena();
    const aa_array array = aa::zeros<double>(arena.get(), {3, 4});
    using floats = aa::array_view<float, 2>;
    using lines = aa::array_view<double, 1>;
    using doubles = aa::array_view<double, 2>;
    EXPECT_THROWS((void)floats(array), aa::error, caught.status() == AA_MISMATCH);
    EXPECT_THROWS((void)lines(array), aa::error, caught.status() == AA_MISMATCH);
    aa::reset(arena);
    const reports seen;
    EXPECT_THROWS((void)doubles(array), aa::error, caught.status() == AA_STALE);
    EXPECT(seen.count == 1 && seen.kind == AA_USE_AFTER_RESET);
    static_assert(aa::dtype_of<const std::complex<float>>() == AA_C64, "two floats");
    static_assert(aa::dtype_of<long>() == AA_I64, "on this system");
    static_assert(aa::dtype_of<bool>() == AA_BOOL, "a byte");
}

#if defined(__cpp_lib_mdspan)
void a_view_is_an_mdspan_where_its_strides_are_positive()
{
    const auto arena = aa::make_arena();
    const aa_array array = aa::zeros<double>(arena.get(), {3, 4});
    AA_AT(double, &array, 1, 2) = 5;
    const int axes[] = {1, 0};
    const aa::array_view<double, 2> turned(aa::require(aa_permute(&array, axes)));
    const auto span = turned.mdspan();
    EXPECT(span.extent(0) == 4 && span.extent(1) == 3);
    EXPECT(span.stride(0) == 1 && span.stride(1) == 4);
    EXPECT((span.data_handle()[span.mapping()(2, 1)] == 5));
    const aa_range backwards[] = {{AA_OPEN, AA_OPEN, -1}, AA_ALL};
    const aa::array_view<double, 2> sliced(aa::require(aa_slice(&array, backwards)));
    EXPECT_THROWS((void)sliced.mdspan(), aa::error, caught.status() == AA_UNSUPPORTED);
}
#endif

} // namespace

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

int main()
{
    return expect::run({
        CASE(a_scope_ends_with_its_block_also_by_an_exception),
            CASE(a_scope_is_seen_by_the_threads_of_a_region_and_by_a_token),
            CASE(what_the_library_refuses_is_thrown_with_status_and_sentence),
            CASE(no_memory_and_too_large_are_bad_alloc),
            CASE(a_scratch_takes_back_unless_it_is_kept),
            CASE(a_mark_is_rewound_or_dropped_once_and_dropped_by_its_block),
            CASE(pmr_containers_take_their_memory_from_the_allocator),
            CASE(a_resource_gives_back_the_newest_block_or_nothing),
            CASE(a_resource_keeps_the_allocator_that_was_current_when_it_was_made),
            CASE(moves_never_carry_memory_into_a_container_of_another_allocator),
            CASE(a_copy_of_a_container_comes_from_what_is_current),
            CASE(containers_in_parallel_loops_ask_nothing_after_the_first_round),
            CASE(a_view_reads_and_writes_the_elements_of_an_array_by_its_strides),
            CASE(at_verifies_each_index_and_names_the_axis),
            CASE(a_view_of_another_type_rank_or_of_memory_taken_back_is_refused),
#if defined(__cpp_lib_mdspan)
            CASE(a_view_is_an_mdspan_where_its_strides_are_positive),
#endif
    });
}
