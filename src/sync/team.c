/* Floor 3, sync: the OpenMP runtime, through weak symbols.
 *
 * The core has no OpenMP runtime of its own, so that one binary serves gcc's and LLVM's users and programs
 * without OpenMP. All or none: a runtime whose level is found but not its allocator calls (a static
 * libgomp) carries no scope. Signatures are those of omp.h 5.0 with handles as integers: the same
 * registers in every ABI of ours. */
#include "sync/team.h"

#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>

#pragma weak omp_get_level
#pragma weak omp_in_parallel
#pragma weak omp_get_thread_num
#pragma weak omp_get_num_threads
#pragma weak omp_get_num_teams
#pragma weak omp_get_ancestor_thread_num
#pragma weak omp_get_team_size
#pragma weak omp_get_default_allocator
#pragma weak omp_set_default_allocator
#pragma weak omp_init_allocator
#pragma weak omp_destroy_allocator
#pragma weak omp_alloc
#pragma weak omp_free
extern int omp_get_level(void);
extern int omp_in_parallel(void);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_num_teams(void);
extern int omp_get_ancestor_thread_num(int);
extern int omp_get_team_size(int);
extern uintptr_t omp_get_default_allocator(void);
extern void omp_set_default_allocator(uintptr_t);
/* What gcc makes of `#pragma omp parallel`; libomp has it too, for objects of gcc. */
#pragma weak GOMP_parallel
extern void GOMP_parallel(void (*)(void *), void *, unsigned, unsigned);
extern uintptr_t omp_init_allocator(uintptr_t, int, const aai_omp_trait *);
extern void omp_destroy_allocator(uintptr_t);
extern void *omp_alloc(size_t, uintptr_t);
extern void omp_free(void *, uintptr_t);

enum { TRAIT_ALIGNMENT = 2, DEFAULT_MEM_ALLOC = 1 }; /* omp_atk_alignment, omp_default_mem_alloc */

typedef int int_call(void);

/* The calls in use. Filled from weak symbols at load time, later by dlsym; written under no lock, but only
 * ever from NULL to the one address of the process: relaxed atomics suffice. Who does not look for NULL has
 * acquired aai_omp_ready, which is released after they were seen. */
static struct {
    int_call *level, *in_parallel, *thread_num, *num_threads, *num_teams;
    int (*ancestor)(int), (*team_size)(int);
    uintptr_t (*get)(void);
    void (*set)(uintptr_t);
    uintptr_t (*init)(uintptr_t, int, const aai_omp_trait *);
    void (*end)(uintptr_t);
    void *(*alloc)(size_t, uintptr_t);
    void (*free)(void *, uintptr_t);
    void (*parallel)(void (*)(void *), void *, unsigned, unsigned);
} omp;

#define OMP_LOAD(member) __atomic_load_n(&omp.member, __ATOMIC_RELAXED)
#define OMP_STORE(member, value) __atomic_store_n(&omp.member, (value), __ATOMIC_RELAXED)

/* Held around each use of the loader, and across a fork: glibc's own lock would stay held in the child for ever if
 * another thread had it. Recursive, as that one is: a signal handler may come in between. Taken after all others; under it the loader is
 * called, and none of our locks is taken. */
static pthread_mutex_t loader_lock = PTHREAD_MUTEX_INITIALIZER;

static void make_loader_lock(void)
{
    pthread_mutexattr_t attributes;
    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    (void)pthread_mutex_init(&loader_lock, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
}

static void hold_loader(void)
{
    (void)pthread_mutex_lock(&loader_lock);
}

static void let_loader_go(void)
{
    (void)pthread_mutex_unlock(&loader_lock);
}

__attribute__((constructor(101))) static void find_linked(void)
{
    make_loader_lock();
    /* In a child the holder has another number, so the lock is made anew. Registered first: its hold comes last. */
    (void)pthread_atfork(hold_loader, let_loader_go, make_loader_lock);
    OMP_STORE(level, omp_get_level);
    OMP_STORE(in_parallel, omp_in_parallel);
    OMP_STORE(thread_num, omp_get_thread_num);
    OMP_STORE(num_threads, omp_get_num_threads);
    OMP_STORE(num_teams, omp_get_num_teams);
    OMP_STORE(ancestor, omp_get_ancestor_thread_num);
    OMP_STORE(team_size, omp_get_team_size);
    OMP_STORE(init, omp_init_allocator);
    OMP_STORE(end, omp_destroy_allocator);
    OMP_STORE(alloc, omp_alloc);
    OMP_STORE(free, omp_free);
    OMP_STORE(parallel, GOMP_parallel);
    OMP_STORE(set, omp_set_default_allocator);
    OMP_STORE(get, omp_get_default_allocator);
}

/* dlsym gives data pointers; POSIX promises that they hold functions. */
static void *loaded_symbol(void *runtime, const char *name)
{
    return dlsym(runtime, name);
}

#define OMP_LOOK(member, name)                                                                     \
    do {                                                                                           \
        void *const symbol = loaded_symbol(runtime, name);                                         \
        __typeof__(omp.member) call;                                                               \
        memcpy(&call, &symbol, sizeof call);                                                       \
        OMP_STORE(member, call);                                                                   \
    } while (0)

/* How often the process loaded a library so far: a look among the loaded ones costs microseconds. */
static int read_loads(struct dl_phdr_info *info, size_t bytes, void *loads)
{
    (void)bytes;
    *(unsigned long long *)loads = info->dlpi_adds;
    return 1; /* the first entry says it */
}

static bool nothing_new(void)
{
    static unsigned long long seen; /* relaxed: at worst one look too many */
    unsigned long long loads = 0;
    (void)dl_iterate_phdr(read_loads, &loads);
    return __atomic_exchange_n(&seen, loads, __ATOMIC_RELAXED) == loads;
}

static void look_among_the_loaded(void)
{
    static const char *const names[] = {"libgomp.so.1", "libomp.so.5", "libomp.so", "libiomp5.so"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        void *const runtime = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);
        if (runtime == NULL) {
            continue;
        }
        OMP_LOOK(level, "omp_get_level");
        OMP_LOOK(in_parallel, "omp_in_parallel");
        OMP_LOOK(thread_num, "omp_get_thread_num");
        OMP_LOOK(num_threads, "omp_get_num_threads");
        OMP_LOOK(num_teams, "omp_get_num_teams");
        OMP_LOOK(ancestor, "omp_get_ancestor_thread_num");
        OMP_LOOK(team_size, "omp_get_team_size");
        OMP_LOOK(init, "omp_init_allocator");
        OMP_LOOK(end, "omp_destroy_allocator");
        OMP_LOOK(alloc, "omp_alloc");
        OMP_LOOK(free, "omp_free");
        OMP_LOOK(parallel, "GOMP_parallel");
        OMP_LOOK(set, "omp_set_default_allocator");
        OMP_LOOK(get, "omp_get_default_allocator");
        return; /* the reference keeps the runtime mapped: its calls stay good */
    }
}

void aai_omp_look_again(void)
{
    if (OMP_LOAD(get) != NULL || OMP_LOAD(level) != NULL) {
        return;
    }
    const int kept = errno;
    (void)pthread_mutex_lock(&loader_lock);
    if (!nothing_new()) {
        look_among_the_loaded();
    }
    (void)pthread_mutex_unlock(&loader_lock);
    errno = kept;
}

/* A runtime initialises itself at its first call, and leaves its marks in errno. */
static int call_or(int_call *call, int fallback)
{
    const int kept = errno;
    const int answer = call != NULL ? call() : fallback;
    errno = kept;
    return answer;
}

/* All but aai_omp_ready is written while one thread lives: relaxed. */
int aai_omp_ready;
static bool in_child;
static uintptr_t first_default; /* what this runtime starts with */
static struct {
    uint64_t thread; /* 0: nothing to give back */
    uintptr_t value;
} forked;

/* In a child, on the thread that forked. What the program set there itself stays. */
static void give_back_default(void)
{
    const uint64_t thread = __atomic_load_n(&forked.thread, __ATOMIC_RELAXED);
    if (thread == 0 || thread != aa_tls.thread_id) {
        return;
    }
    __atomic_store_n(&forked.thread, 0, __ATOMIC_RELAXED);
    const uintptr_t now = OMP_LOAD(get)();
    if (now == first_default || now == DEFAULT_MEM_ALLOC) {
        OMP_LOAD(set)(forked.value);
    }
}

uintptr_t aai_omp_fork_look(void)
{
    const bool known = __atomic_load_n(&aai_omp_ready, __ATOMIC_ACQUIRE) != 0;
    return known ? OMP_LOAD(get)() : 0;
}

void aai_omp_fork_keep(uintptr_t value)
{
    forked.value = value;
}

void aai_omp_forked(void)
{
    __atomic_store_n(&forked.thread, forked.value == 0 ? 0 : aa_tls.thread_id, __ATOMIC_RELAXED);
    __atomic_store_n(&aai_omp_ready, 0, __ATOMIC_RELAXED);
    in_child = true;
}

int aai_omp_level(void)
{
    return call_or(OMP_LOAD(level), 0) + (call_or(OMP_LOAD(num_teams), 1) > 1);
}

int aai_omp_regions(void)
{
    int_call *const call = OMP_LOAD(level);
    return call != NULL ? call() : 0;
}

int aai_omp_ancestor(int level)
{
    int (*const call)(int) = OMP_LOAD(ancestor);
    return call != NULL ? call(level) : -1;
}

int aai_omp_team_size(int level)
{
    int (*const call)(int) = OMP_LOAD(team_size);
    const int size = call != NULL ? call(level) : 1;
    return size > 0 ? size : 1;
}

bool aai_omp_in_parallel(void)
{
    return call_or(OMP_LOAD(in_parallel), 0) != 0;
}

int aai_omp_thread_num(void)
{
    return call_or(OMP_LOAD(thread_num), 0);
}

int aai_omp_num_threads(void)
{
    return call_or(OMP_LOAD(num_threads), 1);
}

bool aai_omp_carries_slow(void)
{
    if (OMP_LOAD(get) != NULL && OMP_LOAD(set) != NULL && OMP_LOAD(init) != NULL) {
        (void)call_or(OMP_LOAD(level), 0); /* wakes the runtime */
        if (first_default == 0) {
            first_default = OMP_LOAD(get)();
        }
        give_back_default();
        __atomic_store_n(&aai_omp_ready, __atomic_load_n(&forked.thread, __ATOMIC_RELAXED) == 0,
                         __ATOMIC_RELEASE);
        return true;
    }
    if (OMP_LOAD(level) != NULL) {
        static int warned;
        aai_warn_once(
            &warned, "the OpenMP runtime in this program lacks the allocator calls (a static "
                     "libgomp?): scopes are per thread; link with -Wl,-u,omp_get_default_allocator "
                     "-Wl,-u,omp_set_default_allocator -Wl,-u,omp_init_allocator");
    }
    return false;
}

uintptr_t aai_omp_default_get(void)
{
    return OMP_LOAD(get)();
}

void aai_omp_default_set(uintptr_t handle)
{
    (void)aai_omp_carries(); /* in a forked child, what it gives back comes first */
    OMP_LOAD(set)(handle);
}

/* ---- work on memory by a team ------------------------------------------------------------------------- */

typedef struct split {
    aai_omp_part *part;
    char *start;
    size_t bytes, page;
} split;

/* Where the t-th of n equal parts begins: on a page, as far as there are pages. */
static size_t part_start(const split *s, size_t t, size_t n)
{
    const size_t at = s->bytes / n * t + s->bytes % n * t / n;
    const size_t down = ((uintptr_t)s->start + at) % s->page;
    return t == n ? s->bytes : at - aai_min(at, down);
}

static void run_part(void *context)
{
    const split *const s = context;
    const size_t t = (size_t)omp.thread_num(), n = (size_t)omp.num_threads();
    const size_t from = part_start(s, t, n), to = part_start(s, t + 1, n);
    if (from < to) {
        s->part(s->start + from, to - from);
    }
}

void aai_omp_split(aai_omp_part *part, char *start, size_t bytes, size_t page)
{
    split s = {part, start, bytes, page};
    /* What run_part asks comes with GOMP_parallel: one object of libgomp's archive, one library of LLVM's. */
    const bool alone =
        in_child || OMP_LOAD(parallel) == NULL || aai_omp_level() > 0 || aai_omp_in_parallel();
    if (alone) {
        part(start, bytes);
        return;
    }
    const int kept = errno;
    OMP_LOAD(parallel)(run_part, &s, 0, 0);
    errno = kept;
}

uintptr_t aai_omp_handle_make(size_t alignment)
{
    const aai_omp_trait trait = {TRAIT_ALIGNMENT, alignment};
    return OMP_LOAD(init)(0 /* omp_default_mem_space */, 1, &trait);
}

bool aai_omp_allocates(void)
{
    aai_omp_look_again();
    return aai_omp_carries() && OMP_LOAD(end) != NULL && OMP_LOAD(alloc) != NULL &&
           OMP_LOAD(free) != NULL;
}

uintptr_t aai_omp_handle_init(uintptr_t space, int count, const aai_omp_trait *traits)
{
    const int kept = errno;
    const uintptr_t made = OMP_LOAD(init)(space, count, traits);
    errno = kept;
    return made;
}

void aai_omp_handle_end(uintptr_t handle)
{
    OMP_LOAD(end)(handle);
}

void *aai_omp_alloc(size_t bytes, uintptr_t handle)
{
    return OMP_LOAD(alloc)(bytes, handle);
}

void aai_omp_free(void *pointer, uintptr_t handle)
{
    OMP_LOAD(free)(pointer, handle);
}
