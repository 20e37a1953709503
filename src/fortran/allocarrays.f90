! Fortran: arrays as pointers, a module per kind, and the module that users name: `use allocarrays`.
module allocarrays_real32
    use, intrinsic :: iso_c_binding
    use, intrinsic :: iso_fortran_env, only: int64, wp => real32
    use allocarrays_arrays
    use allocarrays_core
    implicit none
    private
    public :: aa_allocate, aa_deallocate, aa_array_of, aa_as_pointer
    integer(int64), parameter :: bytes = 4
    integer, parameter :: kind_of = AA_F32
    interface aa_allocate
        module procedure allocate_1, allocate_2, allocate_3, allocate_4, &
            allocate_1_default, allocate_2_default, allocate_3_default, allocate_4_default
    end interface
    interface aa_deallocate
        module procedure deallocate_1, deallocate_2, deallocate_3, deallocate_4
    end interface
    interface aa_array_of
        module procedure array_of_1, array_of_2, array_of_3, array_of_4
    end interface
    interface aa_as_pointer
        module procedure pointer_1, pointer_2, pointer_3, pointer_4
    end interface

contains
    include 'real.inc'
end module

module allocarrays_real64
    use, intrinsic :: iso_c_binding
    use, intrinsic :: iso_fortran_env, only: int64, wp => real64
    use allocarrays_arrays
    use allocarrays_core
    implicit none
    private
    public :: aa_allocate, aa_deallocate, aa_array_of, aa_as_pointer
    integer(int64), parameter :: bytes = 8
    integer, parameter :: kind_of = AA_F64
    interface aa_allocate
        module procedure allocate_1, allocate_2, allocate_3, allocate_4, &
            allocate_1_default, allocate_2_default, allocate_3_default, allocate_4_default
    end interface
    interface aa_deallocate
        module procedure deallocate_1, deallocate_2, deallocate_3, deallocate_4
    end interface
    interface aa_array_of
        module procedure array_of_1, array_of_2, array_of_3, array_of_4
    end interface
    interface aa_as_pointer
        module procedure pointer_1, pointer_2, pointer_3, pointer_4
    end interface

contains
    include 'real.inc'
end module

module allocarrays_int32
    use, intrinsic :: iso_c_binding
    use, intrinsic :: iso_fortran_env, only: int64, wp => int32
    use allocarrays_arrays
    use allocarrays_core
    implicit none
    private
    public :: aa_allocate, aa_deallocate, aa_array_of, aa_as_pointer
    integer(int64), parameter :: bytes = 4
    integer, parameter :: kind_of = AA_I32
    interface aa_allocate
        module procedure allocate_1, allocate_2, allocate_3, allocate_4, &
            allocate_1_default, allocate_2_default, allocate_3_default, allocate_4_default
    end interface
    interface aa_deallocate
        module procedure deallocate_1, deallocate_2, deallocate_3, deallocate_4
    end interface
    interface aa_array_of
        module procedure array_of_1, array_of_2, array_of_3, array_of_4
    end interface
    interface aa_as_pointer
        module procedure pointer_1, pointer_2, pointer_3, pointer_4
    end interface

contains
    include 'integer.inc'
end module

module allocarrays_int64
    use, intrinsic :: iso_c_binding
    use, intrinsic :: iso_fortran_env, only: int64, wp => int64
    use allocarrays_arrays
    use allocarrays_core
    implicit none
    private
    public :: aa_allocate, aa_deallocate, aa_array_of, aa_as_pointer
    integer(int64), parameter :: bytes = 8
    integer, parameter :: kind_of = AA_I64
    interface aa_allocate
        module procedure allocate_1, allocate_2, allocate_3, allocate_4, &
            allocate_1_default, allocate_2_default, allocate_3_default, allocate_4_default
    end interface
    interface aa_deallocate
        module procedure deallocate_1, deallocate_2, deallocate_3, deallocate_4
    end interface
    interface aa_array_of
        module procedure array_of_1, array_of_2, array_of_3, array_of_4
    end interface
    interface aa_as_pointer
        module procedure pointer_1, pointer_2, pointer_3, pointer_4
    end interface

contains
    include 'integer.inc'
end module

module allocarrays
    use allocarrays_arrays
    use allocarrays_core
    use allocarrays_int32
    use allocarrays_int64
    use allocarrays_real32
    use allocarrays_real64
    implicit none
    private
    public :: AA_OK, AA_INVALID, AA_NOMEM, AA_OVERFLOW, AA_UNSUPPORTED, AA_BUSY
    public :: AA_STALE, AA_BOUNDS, AA_ORDER, AA_THREAD, AA_MISMATCH, AA_IO
    public :: AA_ZEROED, AA_PREFAULT, AA_HUGEPAGES, AA_FIRST_TOUCH, AA_GUARD
    public :: AA_CHECKS_DEFAULT, AA_CHECKS_NONE, AA_CHECKS_API, AA_CHECKS_FULL
    public :: AA_BOOL, AA_I8, AA_I16, AA_I32, AA_I64, AA_U8, AA_U16, AA_U32, AA_U64, AA_F32, AA_F64, AA_C64, AA_C128
    public :: aa_scope, aa_token, aa_mark, aa_scratch, aa_stats, aa_violation, aa_array
    public :: aa_allocator, aa_associated, operator(==)
    public :: aa_arena_create, aa_shared_create, aa_private_create, aa_private_arena, aa_destroy, aa_reset
    public :: aa_heap, aa_current, aa_owns, aa_stats_get, aa_in_parallel
    public :: aa_scope_enter, aa_scope_leave, aa_scope_capture, aa_token_enter
    public :: aa_mark_take, aa_mark_rewind, aa_mark_drop, aa_scratch_begin, aa_scratch_end
    public :: aa_last_status, aa_last_message, aa_status_name, aa_set_violation_handler
    public :: aa_allocate, aa_deallocate, aa_array_of, aa_as_pointer
    public :: aa_empty, aa_reversed, aa_is_null, aa_is_valid, aa_pin, aa_unpin, aa_array_free
end module
