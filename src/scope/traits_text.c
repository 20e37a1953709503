/* Floor 6, scope: the syntax of OpenMP's OMP_ALLOCATOR, and the process-wide default that AA_OMP_ALLOCATOR asks for.
 *
 *     omp_thread_mem_alloc
 *     omp_default_mem_space:pool_size=1048576,access=thread,fallback=null_fb
 *
 * The default is made at first need, once, and lives as long as the process:
 *     made == NULL  or  what every thread without a scope gets from now on
 * Lock: none; who makes one too many destroys it again. */
#include "scope/traits.h"

#include "base/plant.h"

#include <allocarrays/traits.h>
#include <errno.h>

typedef struct word {
    const char *text;
    uintptr_t value;
} word;

static const word spaces[] = {
    {"omp_default_mem_space", AAI_SPACE_DEFAULT}, {"omp_large_cap_mem_space", AAI_SPACE_LARGE_CAP},
    {"omp_const_mem_space", AAI_SPACE_CONST},     {"omp_high_bw_mem_space", AAI_SPACE_HIGH_BW},
    {"omp_low_lat_mem_space", AAI_SPACE_LOW_LAT}, {NULL, 0}};

/* Their values are the handles; what each means is in predefined(). */
static const word allocators[] = {
    {"omp_default_mem_alloc", 1}, {"omp_large_cap_mem_alloc", 2}, {"omp_const_mem_alloc", 3},
    {"omp_high_bw_mem_alloc", 4}, {"omp_low_lat_mem_alloc", 5},   {"omp_cgroup_mem_alloc", 6},
    {"omp_pteam_mem_alloc", 7},   {"omp_thread_mem_alloc", 8},    {NULL, 0}};

static const word keys[] = {{"sync_hint", AAI_ATK_SYNC_HINT},
                            {"alignment", AAI_ATK_ALIGNMENT},
                            {"access", AAI_ATK_ACCESS},
                            {"pool_size", AAI_ATK_POOL_SIZE},
                            {"fallback", AAI_ATK_FALLBACK},
                            {"fb_data", AAI_ATK_FB_DATA},
                            {"pinned", AAI_ATK_PINNED},
                            {"partition", AAI_ATK_PARTITION},
                            {NULL, 0}};

static const word values[] = {{"default", AAI_ATV_DEFAULT},
                              {"false", AAI_ATV_FALSE},
                              {"true", AAI_ATV_TRUE},
                              {"contended", AAI_ATV_CONTENDED},
                              {"uncontended", AAI_ATV_UNCONTENDED},
                              {"serialized", AAI_ATV_SERIALIZED},
                              {"sequential", AAI_ATV_SERIALIZED},
                              {"private", AAI_ATV_PRIVATE},
                              {"all", AAI_ATV_ALL},
                              {"thread", AAI_ATV_THREAD},
                              {"pteam", AAI_ATV_PTEAM},
                              {"cgroup", AAI_ATV_CGROUP},
                              {"default_mem_fb", AAI_ATV_DEFAULT_MEM_FB},
                              {"null_fb", AAI_ATV_NULL_FB},
                              {"abort_fb", AAI_ATV_ABORT_FB},
                              {"allocator_fb", AAI_ATV_ALLOCATOR_FB},
                              {"environment", AAI_ATV_ENVIRONMENT},
                              {"nearest", AAI_ATV_NEAREST},
                              {"blocked", AAI_ATV_BLOCKED},
                              {"interleaved", AAI_ATV_INTERLEAVED},
                              {NULL, 0}};

static const word numbers[] = {{"default", AAI_ATV_DEFAULT}, {NULL, 0}};

static bool is_letter(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void skip_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t') {
        ++*at;
    }
}

/* One word of a list, in letters of either size; *at moves behind it and blanks. */
static bool read_word(const char **at, const word *list, uintptr_t *value)
{
    skip_blanks(at);
    size_t length = 0;
    while (is_letter((*at)[length])) {
        ++length;
    }
    for (; list->text != NULL; ++list) {
        size_t same = 0;
        while (same < length && lower((*at)[same]) == list->text[same]) {
            ++same;
        }
        if (same == length && list->text[same] == '\0') {
            *at += length;
            skip_blanks(at);
            *value = list->value;
            return true;
        }
    }
    return false;
}

static bool read_number(const char **at, uintptr_t *value)
{
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(*at, &end, 10);
    if (**at < '0' || **at > '9' || errno != 0 || number > UINTPTR_MAX) {
        return false;
    }
    *value = (uintptr_t)number;
    *at = end;
    skip_blanks(at);
    return true;
}

static bool read_value(const char **at, uintptr_t key, uintptr_t *value)
{
    skip_blanks(at);
    if (key == AAI_ATK_FB_DATA) {
        return read_word(at, allocators, value);
    }
    if (key == AAI_ATK_ALIGNMENT || key == AAI_ATK_POOL_SIZE) { /* no other word is a number */
        return read_word(at, numbers, value) || read_number(at, value);
    }
    return read_word(at, values, value);
}

/* The traits that a predefined allocator of the runtime stands for, OpenMP 5.1, table 2.10. */
static void predefined(uintptr_t handle, aai_pool_words *words)
{
    static const uintptr_t spaces_of[] = {0,
                                          AAI_SPACE_DEFAULT,
                                          AAI_SPACE_LARGE_CAP,
                                          AAI_SPACE_CONST,
                                          AAI_SPACE_HIGH_BW,
                                          AAI_SPACE_LOW_LAT,
                                          AAI_SPACE_DEFAULT,
                                          AAI_SPACE_DEFAULT,
                                          AAI_SPACE_DEFAULT};
    static const uintptr_t access_of[] = {
        0,           AAI_ATV_ALL,    AAI_ATV_ALL,   AAI_ATV_ALL,   AAI_ATV_ALL,
        AAI_ATV_ALL, AAI_ATV_CGROUP, AAI_ATV_PTEAM, AAI_ATV_THREAD};
    words->is_plain = handle == AAI_OMP_DEFAULT;
    words->space = spaces_of[handle];
    words->count = 1;
    words->traits[0] = (aai_omp_trait){AAI_ATK_ACCESS, access_of[handle]};
}

static bool read_trait(const char **at, aai_pool_words *words)
{
    uintptr_t key, value;
    if (words->count == AAI_TRAITS_MAX || !read_word(at, keys, &key) || **at != '=') {
        return false;
    }
    *at += AAI_PLANT(STEPS_OVER_END) ? 2 : 1;
    if (!read_value(at, key, &value)) {
        return false;
    }
    words->traits[words->count++] = (aai_omp_trait){(int)key, value};
    return true;
}

bool aai_pool_read(const char *text, aai_pool_words *words, const char **wrong)
{
    uintptr_t handle;
    *words = (aai_pool_words){.count = 0};
    *wrong = text;
    if (read_word(wrong, allocators, &handle)) {
        predefined(handle, words);
        return **wrong == '\0';
    }
    if (!read_word(wrong, spaces, &words->space)) {
        return false;
    }
    while (**wrong == (words->count == 0 ? ':' : ',')) {
        ++*wrong;
        if (!read_trait(wrong, words)) {
            return false;
        }
    }
    return **wrong == '\0';
}

/* ---- the default ------------------------------------------------------------------------------------------------ */

static aa_allocator *make_default(const char *text)
{
    aai_pool_words words;
    const char *wrong;
    if (!aai_pool_read(text, &words, &wrong)) {
        (void)fprintf(
            stderr,
            "allocarrays: AA_OMP_ALLOCATOR=%.200s is not understood from \"%.40s\" on; ignored\n",
            text, wrong);
        return aa_heap();
    }
    if (words.is_plain) {
        return aa_heap();
    }
    aa_allocator *const pool = aa_allocator_from_traits(words.space, words.count, words.traits);
    if (pool == NULL) {
        (void)fprintf(stderr, "allocarrays: AA_OMP_ALLOCATOR=%.200s is ignored: %s\n", text,
                      aa_last_message());
        return aa_heap();
    }
    return pool;
}

aa_allocator *aai_default_allocator(void)
{
    static aa_allocator *made;
    const char *const text = aai_settings_get()->omp_allocator;
    if (AAI_LIKELY(text == NULL)) {
        return aa_heap();
    }
    /* acquire: pairs with the release below, for what is behind the pointer */
    aa_allocator *known = __atomic_load_n(&made, __ATOMIC_ACQUIRE);
    if (known != NULL) {
        return known;
    }
    aa_allocator *const mine = make_default(text);
    if (__atomic_compare_exchange_n(&made, &known, mine, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return mine;
    }
    if (mine != aa_heap()) {
        (void)aa_destroy(mine);
    }
    return known;
}
