/* Lifetimes: allocators that are destroyed, scopes that are left and scratches that are rewound with their block, also
 * by an exception. Each object stays on the thread, and in the block, that made it: none can be copied or moved. */
#ifndef ALLOCARRAYS_CXX_SCOPE_HPP
#define ALLOCARRAYS_CXX_SCOPE_HPP

#include <allocarrays/arena.h>
#include <allocarrays/cxx/error.hpp>
#include <allocarrays/private.h>
#include <allocarrays/reset.h>
#include <allocarrays/scope.h>
#include <allocarrays/shared.h>

#include <memory>

namespace aa
{

/** Ends an aa::allocator_ptr. */
struct destroyer {
    /** Destroy the allocator; does not throw. A destroy that is refused was reported, and the memory stays held.
     * Cost, Threads: as aa_destroy. */
    void operator()(aa_allocator *allocator) const noexcept
    {
        (void)aa_destroy(allocator);
    }
};

/** An allocator of one's own, destroyed with its owner; moved, not copied. */
using allocator_ptr = std::unique_ptr<aa_allocator, destroyer>;

/** Create an arena. Throws as aa_arena_create fails. Cost, Threads: as that. */
inline allocator_ptr make_arena(const aa_options &options = AA_OPTIONS_INIT)
{
    return allocator_ptr(require(aa_arena_create(&options)));
}

/** Create a shared allocator. Throws as aa_shared_create fails. Cost, Threads: as that. */
inline allocator_ptr make_shared(const aa_options &options = AA_OPTIONS_INIT)
{
    return allocator_ptr(require(aa_shared_create(&options)));
}

/** Create a private allocator. Throws as aa_private_create fails. Cost, Threads: as that. */
inline allocator_ptr make_private(const aa_options &options = AA_OPTIONS_INIT)
{
    return allocator_ptr(require(aa_private_create(&options)));
}

/** Take back all memory of an allocator, as aa_reset. Throws aa::error when it is refused, after its report, with
 * nothing changed. Cost, Threads: as that. */
inline void reset(aa_allocator *allocator)
{
    require((aa_reset)(allocator));
}

/** As the other, of an owned allocator. */
inline void reset(const allocator_ptr &allocator)
{
    reset(allocator.get());
}

/** AA_WITH as an object: the allocator is current until the block ends, seen by the regions opened inside. Owns
 * nothing: the allocator outlives it. Threads: owner. */
class scope
{
  public:
    /** Make the allocator current. Throws aa::error for a NULL or destroyed one. Cost, Threads: as aa_scope_enter. */
    explicit scope(aa_allocator *allocator)
        : scope_(opened(aa_scope_enter(require_allocator(allocator))))
    {
    }
    /** As the other, of an owned allocator. */
    explicit scope(const allocator_ptr &allocator) : scope(allocator.get())
    {
    }
    /** Enter a captured scope, inside a task or another thread: AA_TASK as an object. Throws aa::error as
     * aa_token_enter fails. Cost, Threads: as that. */
    explicit scope(const aa_token &token) : scope_(opened(aa_token_enter(token)))
    {
    }
    /** Leave it: what was current before is again. Does not throw; what aa_scope_leave refuses it reports. */
    ~scope()
    {
        (void)aa_scope_leave(scope_);
    }
    /** Not copied: it belongs to its block. */
    scope(const scope &) = delete;
    /** Not copied: it belongs to its block. */
    scope &operator=(const scope &) = delete;

  private:
    static aa_scope opened(aa_scope entered)
    {
        if (entered.serial == 0) {
            raise_last();
        }
        return entered;
    }
    aa_scope scope_;
};

/** AA_SCRATCH as an object: what this thread takes from the allocator until the block ends is taken back then. Other
 * threads' memory stays. Threads: owner. */
class scratch
{
  public:
    /** Begin; AA_CURRENT is resolved here, once. Throws as aa_mark_take fails. Cost, Threads: as AA_SCRATCH. */
    explicit scratch(aa_allocator *allocator = AA_CURRENT)
        : scratch_(taken(aai_scratch_begin(require_allocator(allocator), nullptr, 0)))
    {
    }
    /** As the other, of an owned allocator. */
    explicit scratch(const allocator_ptr &allocator) : scratch(allocator.get())
    {
    }
    /** Take back what this thread took since, unless it was kept. Does not throw; what is refused was reported. */
    ~scratch()
    {
        if (!kept_) {
            aai_scratch_end(&scratch_);
        }
    }
    /** End it now and take nothing back: what was made stays. Once; throws aa::error as aa_mark_drop fails. */
    void keep()
    {
        require(aa_mark_drop(scratch_.mark));
        kept_ = true;
    }
    /** Not copied: it belongs to its block. */
    scratch(const scratch &) = delete;
    /** Not copied: it belongs to its block. */
    scratch &operator=(const scratch &) = delete;

  private:
    static aai_scratch taken(aai_scratch begun)
    {
        if (aa_mark_is_null(begun.mark)) {
            raise_last();
        }
        return begun;
    }
    aai_scratch scratch_;
    bool kept_ = false;
};

/** A mark as an object, ended once: by rewind, by drop, else the end of its block drops it. Threads: owner. */
class mark
{
  public:
    /** Take a mark of this thread's place. Throws as aa_mark_take fails. Cost, Threads: as that. */
    explicit mark(aa_allocator *allocator) : mark_(aa_mark_take(allocator))
    {
        if (aa_mark_is_null(mark_)) {
            raise_last();
        }
    }
    /** As the other, of an owned allocator. */
    explicit mark(const allocator_ptr &allocator) : mark(allocator.get())
    {
    }
    /** Drop it, if it is still open. Does not throw; what is refused was reported. */
    ~mark()
    {
        if (open_) {
            (void)aa_mark_drop(mark_);
        }
    }
    /** Take back what this thread took since. Throws aa::error as aa_mark_rewind fails. */
    void rewind()
    {
        require(aa_mark_rewind(mark_));
        open_ = false;
    }
    /** End it, and take nothing back. Throws aa::error as aa_mark_drop fails. */
    void drop()
    {
        require(aa_mark_drop(mark_));
        open_ = false;
    }
    /** Not copied: a mark ends once. */
    mark(const mark &) = delete;
    /** Not copied: a mark ends once. */
    mark &operator=(const mark &) = delete;

  private:
    aa_mark mark_;
    bool open_ = true;
};

} // namespace aa

#endif
