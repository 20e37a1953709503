/* Memory for the standard library: a std::pmr::memory_resource and a standard allocator over an aa_allocator.
 *
 * Both remember one allocator, AA_CURRENT being resolved when they are made: a container gives memory back to who gave
 * it, whatever is current then. They own nothing: the allocator outlives them, and a reset takes the memory of a
 * container that still lives. */
#ifndef ALLOCARRAYS_CXX_MEMORY_HPP
#define ALLOCARRAYS_CXX_MEMORY_HPP

#include <allocarrays/allocator.h>
#include <allocarrays/cxx/error.hpp>
#include <allocarrays/cxx/scope.hpp>
#include <allocarrays/scope.h>

#include <cstddef>
#include <memory_resource>
#include <type_traits>

namespace aa
{

namespace detail
{

inline aa_allocator *resolved(aa_allocator *allocator)
{
    return require_allocator(allocator) == AA_CURRENT ? aa_current() : allocator;
}

} // namespace detail

/** What deallocating does. */
enum class give_back {
    /** aa_free, which takes back the thread's newest block. */
    newest,
    /** Nothing: memory waits for the reset or the end of a scratch. Faster where one comes soon; on the heap a leak. */
    never,
};

/** An allocator for std::pmr containers. Owns nothing: the aa_allocator outlives it. Equal to another of the same
 * aa_allocator and the same give_back. Allocating throws aa::bad_alloc, or aa::error for another failure; Cost,
 * Threads: as aa_alloc and aa_free. */
class memory_resource final : public std::pmr::memory_resource
{
  public:
    /** Of an allocator, AA_CURRENT being resolved here. Throws aa::error, AA_INVALID, for nullptr. */
    explicit memory_resource(aa_allocator *allocator = AA_CURRENT,
                             give_back when = give_back::newest)
        : allocator_(detail::resolved(allocator)), give_back_(when)
    {
    }
    /** As the other, of an owned allocator. */
    explicit memory_resource(const allocator_ptr &allocator, give_back when = give_back::newest)
        : memory_resource(allocator.get(), when)
    {
    }
    /** Return the allocator behind it, never AA_CURRENT. */
    aa_allocator *get() const noexcept
    {
        return allocator_;
    }

  private:
    void *do_allocate(std::size_t bytes, std::size_t alignment) override
    {
        return require(aai_new(allocator_, bytes, 1, alignment));
    }
    void do_deallocate(void *pointer, std::size_t bytes, std::size_t) override
    {
        if (give_back_ == give_back::newest) {
            aa_free(allocator_, pointer, bytes);
        }
    }
    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
#if defined(__cpp_rtti)
        const auto *const same = dynamic_cast<const memory_resource *>(&other);
        return same != nullptr && same->allocator_ == allocator_ && same->give_back_ == give_back_;
#else
        return this == &other;
#endif
    }

    aa_allocator *allocator_;
    give_back give_back_;
};

/**
 * A standard allocator. Equal when the aa_allocator is the same.
 * Copying a container: the copy takes its memory from what is current where it is made, as aa_similar does. Assigning,
 * also by move: each container keeps its own allocator, so that one that outlives a reset never gets memory from
 * inside (a move between different allocators moves the elements). Swapping exchanges memory and allocator.
 */
template <typename T> class allocator
{
  public:
    /** What it allocates. */
    using value_type = T;
    /** A container that is assigned to keeps its own allocator. */
    using propagate_on_container_copy_assignment = std::false_type;
    /** A container that is moved to keeps its own allocator. */
    using propagate_on_container_move_assignment = std::false_type;
    /** Containers that are swapped exchange their allocators. */
    using propagate_on_container_swap = std::true_type;
    /** Two are equal when they have the same aa_allocator, not always. */
    using is_always_equal = std::false_type;

    /** Of what is current here. */
    allocator() noexcept : allocator_(aa_current())
    {
    }
    /** Of an allocator, AA_CURRENT being resolved here. Implicit, so that a container's constructor takes the
     * aa_allocator itself. Throws aa::error, AA_INVALID, for nullptr. */
    allocator(aa_allocator *from) : allocator_(detail::resolved(from))
    {
    }
    /** As the other, of an owned allocator. */
    allocator(const allocator_ptr &from) : allocator(from.get())
    {
    }
    /** Of the same aa_allocator, for another type: containers allocate nodes with it. */
    template <typename U> allocator(const allocator<U> &other) noexcept : allocator_(other.get())
    {
    }
    /** Of the same aa_allocator. */
    allocator(const allocator &) noexcept = default;
    /** Of the same aa_allocator from now on. */
    allocator &operator=(const allocator &) noexcept = default;

    /** Return uninitialised memory for count objects. Throws aa::bad_alloc, or aa::error for another failure. Cost,
     * Threads: as AA_NEW, inline for bump allocators. */
    [[nodiscard]] T *allocate(std::size_t count)
    {
        return static_cast<T *>(require(aai_new(allocator_, count, sizeof(T), alignof(T))));
    }
    /** Give back memory for count objects that allocate returned. Does not throw. Cost, Threads: as aa_free. */
    void deallocate(T *pointer, std::size_t count) noexcept
    {
        aa_free(allocator_, pointer, count * sizeof(T));
    }
    /** Return the allocator of a container's copy: of what is current where the copy is made. */
    allocator select_on_container_copy_construction() const noexcept
    {
        return allocator();
    }
    /** Return the allocator behind it, never AA_CURRENT. */
    aa_allocator *get() const noexcept
    {
        return allocator_;
    }

  private:
    aa_allocator *allocator_;
};

/** Do both have the same aa_allocator: may one give back what the other allocated? */
template <typename T, typename U>
bool operator==(const allocator<T> &a, const allocator<U> &b) noexcept
{
    return a.get() == b.get();
}

/** Do they have different aa_allocators? */
template <typename T, typename U>
bool operator!=(const allocator<T> &a, const allocator<U> &b) noexcept
{
    return a.get() != b.get();
}

} // namespace aa

#endif
