/* Typed views of arrays: aa::array_view<T, N>, and std::mdspan of them where the standard library has it.
 *
 * A view knows data, extents and strides, not validity: it is a raw pointer that knows its shape, and is gone with the
 * memory. Making one from an aa_array verifies that the array lives and holds T in N axes. */
#ifndef ALLOCARRAYS_CXX_ARRAY_VIEW_HPP
#define ALLOCARRAYS_CXX_ARRAY_VIEW_HPP

#include <allocarrays/array.h>
#include <allocarrays/cxx/error.hpp>
#include <allocarrays/impl/at.h>

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <type_traits>

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#if __has_include(<mdspan>)
#include <mdspan>
#endif
#endif

namespace aa
{

namespace detail
{

template <typename T> struct dtype_of {
    static constexpr int value = aai_dtype_of<T>::value;
};
template <> struct dtype_of<std::complex<float>> {
    static constexpr int value = AA_C64;
};
template <> struct dtype_of<std::complex<double>> {
    static constexpr int value = AA_C128;
};

} // namespace detail

/** Return the dtype of a C++ type, const or not; does not compile for a type that has none. */
template <typename T> constexpr aa_dtype dtype_of()
{
    constexpr int value = detail::dtype_of<std::remove_cv_t<T>>::value;
    static_assert(value != AAI_DTYPE_ANY, "this type has no dtype");
    return static_cast<aa_dtype>(value);
}

/** Make an uninitialised array of T in C order. Throws as aa_empty fails. Cost, Threads: as that. */
template <typename T, std::size_t N>
aa_array empty(aa_allocator *dispatch, const std::int64_t (&shape)[N])
{
    static_assert(N <= AA_MAX_NDIM, "an array has at most AA_MAX_NDIM axes");
    return require(aa_empty(dispatch, dtype_of<T>(), static_cast<int>(N), shape));
}

/** Make an array of zeros of T in C order. Throws as aa_zeros fails. Cost, Threads: as that. */
template <typename T, std::size_t N>
aa_array zeros(aa_allocator *dispatch, const std::int64_t (&shape)[N])
{
    static_assert(N <= AA_MAX_NDIM, "an array has at most AA_MAX_NDIM axes");
    return require(aa_zeros(dispatch, dtype_of<T>(), static_cast<int>(N), shape));
}

/** N axes of T, strided; T may be const. A value; copies see the same elements. Does not know when they are gone.
 * Threads: any; two that write the same element race. */
template <typename T, std::size_t N> class array_view
{
    static_assert(N >= 1 && N <= AA_MAX_NDIM, "a view has 1 to AA_MAX_NDIM axes");

  public:
    /** T, const where the elements are. */
    using element_type = T;
    /** T without const. */
    using value_type = std::remove_cv_t<T>;
    /** Of indices, extents and strides. */
    using index_type = std::int64_t;
    /** One index_type per axis. */
    using extents_type = std::array<index_type, N>;

    /** Of an array. Throws aa::error: AA_STALE (after its report), AA_MISMATCH for another dtype or number of axes. */
    explicit array_view(const aa_array &array) : data_(verified(array))
    {
        for (std::size_t axis = 0; axis < N; ++axis) {
            extents_[axis] = array.shape[axis];
            strides_[axis] = array.strides[axis];
        }
    }
    /** Of any memory; strides in elements. */
    array_view(T *data, const extents_type &extents, const extents_type &strides) noexcept
        : data_(data), extents_(extents), strides_(strides)
    {
    }
    /** Of const elements, from a view of the same that are not. */
    template <typename U, typename = std::enable_if_t<std::is_same<const U, T>::value>>
    array_view(const array_view<U, N> &other) noexcept
        : data_(other.data()), extents_(other.extents()), strides_(other.strides())
    {
    }

    /** Element (i, j, ...), one index per axis; nothing is verified. */
    template <typename... Index> T &operator()(Index... index) const
    {
        static_assert(sizeof...(Index) == N, "one index per axis");
        return data_[offset({static_cast<index_type>(index)...})];
    }
#if defined(__cpp_multidimensional_subscript)
    /** As operator(), in C++23. */
    template <typename... Index> T &operator[](Index... index) const
    {
        return (*this)(index...);
    }
#endif
    /** Element (i, j, ...), each index verified: throws aa::error with AA_BOUNDS, and says which axis. */
    template <typename... Index> T &at(Index... index) const
    {
        static_assert(sizeof...(Index) == N, "one index per axis");
        const extents_type where{static_cast<index_type>(index)...};
        for (std::size_t axis = 0; axis < N; ++axis) {
            if (where[axis] < 0 || where[axis] >= extents_[axis]) {
                refuse(axis, where[axis]);
            }
        }
        return data_[offset(where)];
    }
    /** The view at one index of the first axis; nothing is verified. */
    template <std::size_t M = N, typename = std::enable_if_t<(M > 1)>>
    array_view<T, M - 1> row(index_type index) const noexcept
    {
        std::array<index_type, M - 1> extents{}, strides{};
        for (std::size_t axis = 1; axis < M; ++axis) {
            extents[axis - 1] = extents_[axis];
            strides[axis - 1] = strides_[axis];
        }
        return {data_ + index * strides_[0], extents, strides};
    }

    /** Return the address of element (0, 0, ...). */
    T *data() const noexcept
    {
        return data_;
    }
    /** Return the extent of an axis below N. */
    index_type extent(std::size_t axis) const noexcept
    {
        return extents_[axis];
    }
    /** Return the stride of an axis below N, in elements. */
    index_type stride(std::size_t axis) const noexcept
    {
        return strides_[axis];
    }
    /** Return the extents of all axes. */
    const extents_type &extents() const noexcept
    {
        return extents_;
    }
    /** Return the strides of all axes, in elements. */
    const extents_type &strides() const noexcept
    {
        return strides_;
    }
    /** Return the number of elements. */
    index_type size() const noexcept
    {
        index_type count = 1;
        for (const index_type extent : extents_) {
            count *= extent;
        }
        return count;
    }

#if defined(__cpp_lib_mdspan)
    /** The standard's view of such elements. */
    using mdspan_type = std::mdspan<T, std::dextents<index_type, N>, std::layout_stride>;
    /** Return the same elements as std::mdspan. Throws aa::error, AA_UNSUPPORTED, for a stride that is not positive. */
    mdspan_type mdspan() const
    {
        for (const index_type stride : strides_) {
            if (stride <= 0) {
                raise(AA_UNSUPPORTED,
                      "aa::array_view: std::mdspan knows no negative or zero stride");
            }
        }
        using extents = std::dextents<index_type, N>;
        return mdspan_type(data_,
                           std::layout_stride::mapping<extents>(extents(extents_), strides_));
    }
#endif

  private:
    static T *verified(const aa_array &array)
    {
        void *const data = aa_data(&array);
        if (data == nullptr) {
            raise_last();
        }
        if (array.dtype != dtype_of<T>() || array.ndim != static_cast<int>(N)) {
            char message[128];
            std::snprintf(message, sizeof message,
                          "aa::array_view: the array is %s in %d axes, the view %s in %d",
                          aa_dtype_name(array.dtype), array.ndim, aa_dtype_name(dtype_of<T>()),
                          static_cast<int>(N));
            raise(AA_MISMATCH, message);
        }
        return static_cast<T *>(data);
    }
    index_type offset(const extents_type &where) const noexcept
    {
        index_type at = 0;
        for (std::size_t axis = 0; axis < N; ++axis) {
            at += where[axis] * strides_[axis];
        }
        return at;
    }
    [[noreturn]] void refuse(std::size_t axis, index_type index) const
    {
        char message[128];
        std::snprintf(message, sizeof message,
                      "aa::array_view: index %lld is outside axis %zu of extent %lld",
                      static_cast<long long>(index), axis, static_cast<long long>(extents_[axis]));
        raise(AA_BOUNDS, message);
    }

    T *data_;
    extents_type extents_, strides_;
};

} // namespace aa

#endif
