! Fortran: arrays as C has them, and how Fortran pointers look at them.
!
! x(i, j) of a Fortran pointer is element (i - 1, j - 1) of the aa_array of the same memory: strides are 1, n1, n1 * n2.
! aa_reversed turns C's order of axes into Fortran's, without a copy.
module allocarrays_arrays
    use, intrinsic :: iso_c_binding
    use, intrinsic :: iso_fortran_env, only: int64
    use allocarrays_c
    use allocarrays_core
    implicit none
    private
    public :: aa_array, aa_empty, aa_reversed, aa_is_null, aa_is_valid, aa_pin, aa_unpin, aa_array_free
    public :: aai_wrapped, aai_column_major
    public :: AA_BOOL, AA_I8, AA_I16, AA_I32, AA_I64, AA_U8, AA_U16, AA_U32, AA_U64, AA_F32, AA_F64, AA_C64, AA_C128

    interface aa_empty
        module procedure empty_long, empty_default
    end interface

contains

    recursive logical function aa_is_null(array)
        type(aa_array), intent(in) :: array
        aa_is_null = .not. c_associated(array%data)
    end function

    ! Hand an array to the caller, or stop.
    recursive subroutine conclude(array, stat, errmsg)
        type(aa_array), intent(in) :: array
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        call aai_conclude(merge(aa_last_status(), int(AA_OK), aa_is_null(array)), stat, errmsg)
    end subroutine

    ! An uninitialised array with Fortran's strides, whose memory the allocator (absent: what is current) watches over.
    recursive function empty_long(dtype, extents, from, stat, errmsg) result(array)
        integer, intent(in) :: dtype
        integer(int64), intent(in) :: extents(:)
        type(aa_allocator), intent(in), optional :: from
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_array) :: array
        array = c_empty(aai_handle(from), int(dtype, c_int), size(extents, kind=c_int), &
                        int(extents(size(extents):1:-1), c_int64_t))
        if (.not. aa_is_null(array)) array = reversed(array)
        call conclude(array, stat, errmsg)
    end function

    recursive function empty_default(dtype, extents, from, stat, errmsg) result(array)
        integer, intent(in) :: dtype, extents(:)
        type(aa_allocator), intent(in), optional :: from
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_array) :: array
        array = empty_long(dtype, int(extents, int64), from, stat, errmsg)
    end function

    recursive function reversed(array) result(view)
        type(aa_array), intent(in) :: array
        type(aa_array) :: view
        integer(c_int) :: axes(AA_MAX_NDIM), axis
        axes = [(array%ndim - axis, axis=1, AA_MAX_NDIM)]
        view = c_permute(array, axes)
    end function

    ! The same memory with its axes in reverse order.
    recursive function aa_reversed(array, stat, errmsg) result(view)
        type(aa_array), intent(in) :: array
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_array) :: view
        view = reversed(array)
        call conclude(view, stat, errmsg)
    end function

    ! Whether the memory is still the array's own.
    recursive logical function aa_is_valid(array)
        type(aa_array), intent(in) :: array
        aa_is_valid = c_is_valid(array)
    end function

    ! In use until aa_unpin: a reset is refused.
    recursive subroutine aa_pin(array, stat, errmsg)
        type(aa_array), intent(in) :: array
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        call aai_conclude(int(c_pin(array)), stat, errmsg)
    end subroutine

    recursive subroutine aa_unpin(array, stat, errmsg)
        type(aa_array), intent(in) :: array
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        call aai_conclude(int(c_unpin(array)), stat, errmsg)
    end subroutine

    ! Give its memory back, as aa_array_free in C; a view only forgets.
    recursive subroutine aa_array_free(array, stat, errmsg)
        type(aa_array), intent(inout) :: array
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        call aai_conclude(int(c_array_free(array)), stat, errmsg)
    end subroutine

    ! ---- for the modules of each kind -------------------------------------------------------------------------------

    recursive function column_strides(extents) result(strides)
        integer(int64), intent(in) :: extents(:)
        integer(c_int64_t) :: strides(size(extents))
        integer :: axis
        strides(1) = 1
        do axis = 2, size(extents)
            strides(axis) = strides(axis - 1) * max(extents(axis - 1), 1_int64)
        end do
    end function

    recursive function aai_wrapped(place, dtype, extents, stat, errmsg) result(array)
        type(c_ptr), intent(in) :: place
        integer, intent(in) :: dtype
        integer(int64), intent(in) :: extents(:)
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_array) :: array
        array = c_wrap(place, int(dtype, c_int), size(extents, kind=c_int), int(extents, c_int64_t), &
                       column_strides(extents))
        call conclude(array, stat, errmsg)
    end function

    recursive subroutine refuse(status, sentence, stat, errmsg)
        integer, intent(in) :: status
        character(len=*), intent(in) :: sentence
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        call aai_conclude(int(c_fail(int(status, c_int), sentence//c_null_char)), stat, errmsg)
    end subroutine

    ! The data of an array of this type and number of axes, when its strides are Fortran's; else null.
    recursive function aai_column_major(array, dtype, ndim, stat, errmsg) result(data)
        type(aa_array), intent(in) :: array
        integer, intent(in) :: dtype, ndim
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(c_ptr) :: data
        data = c_data(array)
        if (.not. c_associated(data)) then
            call aai_conclude(aa_last_status(), stat, errmsg)
            return
        end if
        if (array%dtype /= dtype .or. array%ndim /= ndim) then
            data = c_null_ptr
            call refuse(AA_MISMATCH, 'aa_as_pointer: the array has another type or number of axes', stat, errmsg)
        else if (.not. is_column_major(array)) then
            data = c_null_ptr
            call refuse(AA_UNSUPPORTED, 'aa_as_pointer: strides that are not 1, n1, n1 * n2; aa_reversed turns '// &
                            'C order into it, aa_copy makes any other dense', stat, errmsg)
        else
            call aai_conclude(int(AA_OK), stat, errmsg)
        end if
    end function

    ! The stride of an axis with one element, or of an array without any, does not matter.
    recursive logical function is_column_major(array)
        type(aa_array), intent(in) :: array
        integer(c_int64_t) :: strides(array%ndim), extents(array%ndim)
        extents = array%shape(1:array%ndim)
        strides = column_strides(extents)
        is_column_major = any(extents == 0) .or. all(extents == 1 .or. strides == array%strides(1:array%ndim))
    end function
end module
