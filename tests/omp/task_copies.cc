// What tasks take along is made, copied and destroyed as often, and found as right, with the test kit as without it:
// prints figures that do not depend on the schedule. Knows nothing of AllocArrays; tests/omp/task-kit compares.
#include <cstdint>
#include <cstdio>
#include <vector>

#ifndef _OPENMP
#error "-fopenmp"
#endif

namespace
{

int live, copies, wrong, ran;

void up(int &figure, int by = 1)
{
    __atomic_fetch_add(&figure, by, __ATOMIC_RELAXED);
}

// Knows where it lies: one that was copied as bytes, or lies crooked, is wrong.
template <int ALIGNMENT> class Value
{
  public:
    explicit Value(int n) : self_(this), n_(n), many_(50, n)
    {
        up(live);
    }
    Value(const Value &other) : self_(this), n_(other.n_), many_(other.many_)
    {
        other.look();
        up(live);
        up(copies);
    }
    Value &operator=(const Value &) = delete;
    ~Value()
    {
        look();
        self_ = nullptr;
        up(live, -1);
    }
    void expect(int n) const
    {
        look();
        if (n_ != n || many_.back() != n) {
            up(wrong);
        }
    }

  private:
    void look() const
    {
        if (self_ != this || reinterpret_cast<std::uintptr_t>(this) % ALIGNMENT != 0) {
            up(wrong);
        }
    }
    alignas(ALIGNMENT) const Value *self_;
    int n_;
    std::vector<int> many_;
};

void say(const char *what, int alignment)
{
    std::printf("%s, alignment %d: ran %d, copies %d, left %d, wrong %d\n", what, alignment, ran,
                copies, live, wrong);
    live = copies = wrong = ran = 0;
}

template <int ALIGNMENT> void tasks()
{
#pragma omp parallel num_threads(3)
#pragma omp single
    for (int i = 0; i < 100; ++i) {
        const Value<ALIGNMENT> value(i);
#pragma omp task firstprivate(value, i) if (i % 5 != 0) final(i % 7 == 0)
        {
            value.expect(i);
            const Value<ALIGNMENT> inner(i + 1);
#pragma omp task firstprivate(inner, i)
            {
                inner.expect(i + 1);
                up(ran);
            }
            up(ran);
        }
    }
    say("tasks", ALIGNMENT);
}

template <int ALIGNMENT> void ordered_tasks()
{
    int steps = 0;
#pragma omp parallel num_threads(3)
#pragma omp single
    {
        const Value<ALIGNMENT> value(3);
        for (int i = 0; i < 50; ++i) {
#pragma omp task firstprivate(value) depend(inout : steps) shared(steps)
            {
                value.expect(3);
                ++steps;
                up(ran);
            }
        }
    }
    say(steps == 50 ? "ordered tasks" : "tasks out of order", ALIGNMENT);
}

// One round a task, so that the schedule does not decide how many there are.
// One round a task, so that the schedule does not decide how many there are.
template <int ALIGNMENT> void run_loops()
{
    const Value<ALIGNMENT> value(9);
#pragma omp parallel num_threads(3)
#pragma omp single
    {
#pragma omp taskloop firstprivate(value) num_tasks(60)
        for (int i = 0; i < 60; ++i) {
            value.expect(9);
            up(ran);
        }
#pragma omp taskloop firstprivate(value) num_tasks(500)
        for (unsigned long long i = 1ULL << 63; i < (1ULL << 63) + 500; ++i) {
            value.expect(9);
            up(ran);
        }
    }
}

template <int ALIGNMENT> void run_outside_of_regions()
{
    const Value<ALIGNMENT> value(4);
#pragma omp task firstprivate(value)
    {
        value.expect(4);
        up(ran);
    }
#pragma omp taskwait
}

template <int ALIGNMENT> void all()
{
    tasks<ALIGNMENT>();
    ordered_tasks<ALIGNMENT>();
    run_loops<ALIGNMENT>();
    say("loops", ALIGNMENT);
    run_outside_of_regions<ALIGNMENT>();
    say("outside of regions", ALIGNMENT);
}

} // namespace

int main()
{
    all<8>();
    all<64>();
    return 0;
}
