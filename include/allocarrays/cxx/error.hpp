/* Failures of the C library as C++ exceptions; without exceptions (-fno-exceptions) a sentence and abort. */
#ifndef ALLOCARRAYS_CXX_ERROR_HPP
#define ALLOCARRAYS_CXX_ERROR_HPP

#include <allocarrays/array.h>
#include <allocarrays/status.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

/** AllocArrays in C++: lifetimes as objects, memory for the standard library, array views, failures as exceptions. */
namespace aa
{

namespace detail
{

/* A sentence kept by value: copying it neither allocates nor throws. Longer ones are cut. */
class sentence
{
  public:
    explicit sentence(const char *text) noexcept
    {
        std::snprintf(text_, sizeof text_, "%s", text);
    }
    const char *text() const noexcept
    {
        return text_;
    }

  private:
    char text_[256];
};

} // namespace detail

/** A failed call: any status but AA_NOMEM and AA_OVERFLOW. A value; copying it neither allocates nor throws. */
class error : public std::exception
{
  public:
    /** Keep a status and a copy of its sentence, cut at 255 bytes; message is not NULL. */
    error(aa_status status, const char *message) noexcept : status_(status), message_(message)
    {
    }
    /** Return the status of the call. */
    aa_status status() const noexcept
    {
        return status_;
    }
    /** Return the library's sentence; it lives as long as this object. */
    const char *what() const noexcept override
    {
        return message_.text();
    }

  private:
    aa_status status_;
    detail::sentence message_;
};

/** No memory (AA_NOMEM), or a size beyond all memory (AA_OVERFLOW): caught as std::bad_alloc. A value, as aa::error. */
class bad_alloc : public std::bad_alloc
{
  public:
    /** Keep a status and a copy of its sentence, cut at 255 bytes; message is not NULL. */
    bad_alloc(aa_status status, const char *message) noexcept : status_(status), message_(message)
    {
    }
    /** Return AA_NOMEM or AA_OVERFLOW. */
    aa_status status() const noexcept
    {
        return status_;
    }
    /** Return the library's sentence; it lives as long as this object. */
    const char *what() const noexcept override
    {
        return message_.text();
    }

  private:
    aa_status status_;
    detail::sentence message_;
};

/** Throw what a status stands for: aa::bad_alloc or aa::error. Never returns; without exceptions it prints the message
 * and aborts. Threads: any. */
[[noreturn]] inline void raise(aa_status status, const char *message)
{
#if defined(__cpp_exceptions)
    if (status == AA_NOMEM || status == AA_OVERFLOW) {
        throw bad_alloc(status, message);
    }
    throw error(status, message);
#else
    std::fprintf(stderr, "allocarrays: %s: %s\n", aa_status_name(status), message);
    std::abort();
#endif
}

/** Throw this thread's last failure: aa_last_status with aa_last_message. Never returns. Threads: any. */
[[noreturn]] inline void raise_last()
{
    raise(aa_last_status(), aa_last_message());
}

/** Return the allocator; throw aa::error, AA_INVALID, for nullptr. Does not look whether it lives. Threads: any. */
inline aa_allocator *require_allocator(aa_allocator *allocator)
{
    if (allocator == nullptr) {
        raise(AA_INVALID, "an allocator is needed, this is nullptr");
    }
    return allocator;
}

/** Pass AA_OK; throw any other status with this thread's last message: to be called right after the call that returned
 * it. Threads: any. */
inline void require(aa_status status)
{
    if (status != AA_OK) {
        raise(status, aa_last_message());
    }
}

/** Return the array; throw this thread's last failure for a null one. Does not look whether it lives. Threads: any. */
inline aa_array require(const aa_array &array)
{
    if (aa_is_null(&array)) {
        raise_last();
    }
    return array;
}

/** Return the pointer; throw this thread's last failure for nullptr. Threads: any. */
template <typename T> T *require(T *pointer)
{
    if (pointer == nullptr) {
        raise_last();
    }
    return pointer;
}

} // namespace aa

#endif
