! Fortran: the C interface as it is: structs and prototypes. For the modules here; users say `use allocarrays`.
!
! Invariant: each bind(c) type has the members of its C struct, in order (tests/fortran/layout.c compares the sizes and
! the last offsets).
module allocarrays_c
    use, intrinsic :: iso_c_binding
    implicit none
    public

    enum, bind(c)
        enumerator :: AA_OK = 0, AA_INVALID, AA_NOMEM, AA_OVERFLOW, AA_UNSUPPORTED, AA_BUSY
        enumerator :: AA_STALE, AA_BOUNDS, AA_ORDER, AA_THREAD, AA_MISMATCH, AA_IO
    end enum
    enum, bind(c)
        enumerator :: AA_BOOL = 0, AA_I8, AA_I16, AA_I32, AA_I64, AA_U8, AA_U16, AA_U32, AA_U64
        enumerator :: AA_F32, AA_F64, AA_C64, AA_C128
    end enum
    enum, bind(c)
        enumerator :: AA_CHECKS_DEFAULT = 0, AA_CHECKS_NONE, AA_CHECKS_API, AA_CHECKS_FULL
    end enum
    enum, bind(c)
        enumerator :: AA_ZEROED = 1, AA_PREFAULT = 2, AA_HUGEPAGES = 4, AA_FIRST_TOUCH = 8, AA_GUARD = 16
    end enum
    integer, parameter :: AA_MAX_NDIM = 8

    type, bind(c) :: aa_options_c
        type(c_ptr) :: name = c_null_ptr
        integer(c_size_t) :: capacity = 0, initial = 0, alignment = 0, lease = 0
        integer(c_int) :: history = 0
        type(c_ptr) :: upstream = c_null_ptr
        integer(c_int) :: checks = 0, flags = 0
        type(c_ptr) :: fallback = c_null_ptr
    end type

    type, bind(c) :: aa_scope
        integer(c_int64_t) :: serial = 0
        integer(c_int32_t) :: depth = 0
        integer(c_int) :: once = 0
    end type

    type, bind(c) :: aa_token
        type(c_ptr) :: allocator = c_null_ptr, cell = c_null_ptr
        integer(c_int64_t) :: id = 0
        integer(c_intptr_t) :: handle = 0
    end type

    type, bind(c) :: aa_mark
        type(c_ptr) :: allocator = c_null_ptr, cell = c_null_ptr
        integer(c_int64_t) :: id = 0, serial = 0, thread_id = 0
        integer(c_int32_t) :: depth = 0, state = 0
    end type

    type, bind(c) :: aa_scratch
        type(aa_mark) :: mark
        type(c_ptr) :: file = c_null_ptr
        integer(c_int) :: line = 0, once = 0
    end type

    type, bind(c) :: aa_stats
        integer(c_size_t) :: used = 0, peak = 0, committed = 0, wasted = 0, blocks = 0
        integer(c_int64_t) :: allocations = 0, resets = 0, growths = 0, upstream_calls = 0
        integer(c_int64_t) :: lease_misses = 0, guard_misses = 0, live_frees = 0
    end type

    type, bind(c) :: aa_violation
        integer(c_int) :: kind
        type(c_ptr) :: message, allocator, allocator_name, function_, file
        integer(c_int) :: line, thread_num, level
        integer(c_int64_t) :: thread_id, epoch_seen, epoch_now
    end type

    type, bind(c) :: aai_validity
        type(c_ptr) :: cell = c_null_ptr
        integer(c_int64_t) :: key = 0, epoch = 0, ordinal = 0
    end type

    ! A strided array, as C has it; strides in elements. Fields are for reading.
    type, bind(c) :: aa_array
        type(c_ptr) :: data = c_null_ptr
        integer(c_int) :: dtype = 0, ndim = 0
        integer(c_int64_t) :: shape(AA_MAX_NDIM) = 0, strides(AA_MAX_NDIM) = 0
        type(c_ptr) :: owner = c_null_ptr, dispatch = c_null_ptr
        type(aai_validity) :: validity
        type(c_ptr) :: dispatch_cell = c_null_ptr
        integer(c_int64_t) :: dispatch_id = 0, owner_id = 0
        type(c_ptr) :: made_at = c_null_ptr
        integer(c_int) :: flags = 0
    end type

    interface
        function c_strlen(text) bind(c, name='strlen') result(length)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: text
            integer(c_size_t) :: length
        end function
        function c_last_status() bind(c, name='aa_last_status') result(status)
            import :: c_int
            integer(c_int) :: status
        end function
        function c_last_message() bind(c, name='aa_last_message') result(text)
            import :: c_ptr
            type(c_ptr) :: text
        end function
        ! glue.c: the library's own recorder takes variable arguments.
        function c_fail(status, sentence) bind(c, name='aai_fortran_fail') result(same)
            import :: c_char, c_int
            integer(c_int), value :: status
            character(kind=c_char), intent(in) :: sentence(*)
            integer(c_int) :: same
        end function
        function c_status_name(status) bind(c, name='aa_status_name') result(text)
            import :: c_int, c_ptr
            integer(c_int), value :: status
            type(c_ptr) :: text
        end function
        function c_set_violation_handler(handler, context) bind(c, name='aa_set_violation_handler') result(previous)
            import :: c_funptr, c_ptr
            type(c_funptr), value :: handler
            type(c_ptr), value :: context
            type(c_funptr) :: previous
        end function
        function c_arena_create(options) bind(c, name='aa_arena_create') result(allocator)
            import :: aa_options_c, c_ptr
            type(aa_options_c), intent(in) :: options
            type(c_ptr) :: allocator
        end function
        function c_shared_create(options) bind(c, name='aa_shared_create') result(allocator)
            import :: aa_options_c, c_ptr
            type(aa_options_c), intent(in) :: options
            type(c_ptr) :: allocator
        end function
        function c_private_create(options) bind(c, name='aa_private_create') result(allocator)
            import :: aa_options_c, c_ptr
            type(aa_options_c), intent(in) :: options
            type(c_ptr) :: allocator
        end function
        function c_private_arena(private_) bind(c, name='aa_private_arena') result(allocator)
            import :: c_ptr
            type(c_ptr), value :: private_
            type(c_ptr) :: allocator
        end function
        function c_heap() bind(c, name='aa_heap') result(allocator)
            import :: c_ptr
            type(c_ptr) :: allocator
        end function
        function c_current() bind(c, name='aa_current') result(allocator)
            import :: c_ptr
            type(c_ptr) :: allocator
        end function
        function c_destroy(allocator) bind(c, name='aa_destroy') result(status)
            import :: c_int, c_ptr
            type(c_ptr), value :: allocator
            integer(c_int) :: status
        end function
        function c_reset(allocator) bind(c, name='aa_reset') result(status)
            import :: c_int, c_ptr
            type(c_ptr), value :: allocator
            integer(c_int) :: status
        end function
        function c_owns(allocator, pointer_) bind(c, name='aa_owns') result(owns)
            import :: c_bool, c_ptr
            type(c_ptr), value :: allocator, pointer_
            logical(c_bool) :: owns
        end function
        function c_in_parallel() bind(c, name='aa_in_parallel') result(is)
            import :: c_bool
            logical(c_bool) :: is
        end function
        function c_stats_get(allocator, stats) bind(c, name='aa_stats_get') result(status)
            import :: aa_stats, c_int, c_ptr
            type(c_ptr), value :: allocator
            type(aa_stats), intent(inout) :: stats
            integer(c_int) :: status
        end function
        function c_alloc_aligned(allocator, bytes, alignment) bind(c, name='aa_alloc_aligned') result(place)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: allocator
            integer(c_size_t), value :: bytes, alignment
            type(c_ptr) :: place
        end function
        subroutine c_free(allocator, place, bytes) bind(c, name='aa_free')
            import :: c_ptr, c_size_t
            type(c_ptr), value :: allocator, place
            integer(c_size_t), value :: bytes
        end subroutine
        function c_scope_enter(allocator) bind(c, name='aa_scope_enter') result(scope)
            import :: aa_scope, c_ptr
            type(c_ptr), value :: allocator
            type(aa_scope) :: scope
        end function
        function c_scope_leave(scope) bind(c, name='aa_scope_leave') result(status)
            import :: aa_scope, c_int
            type(aa_scope), value :: scope
            integer(c_int) :: status
        end function
        function c_scope_capture() bind(c, name='aa_scope_capture') result(token)
            import :: aa_token
            type(aa_token) :: token
        end function
        function c_token_enter(token) bind(c, name='aa_token_enter') result(scope)
            import :: aa_scope, aa_token
            type(aa_token), value :: token
            type(aa_scope) :: scope
        end function
        function c_mark_take(allocator) bind(c, name='aa_mark_take') result(mark)
            import :: aa_mark, c_ptr
            type(c_ptr), value :: allocator
            type(aa_mark) :: mark
        end function
        function c_mark_rewind(mark) bind(c, name='aa_mark_rewind') result(status)
            import :: aa_mark, c_int
            type(aa_mark), value :: mark
            integer(c_int) :: status
        end function
        function c_mark_drop(mark) bind(c, name='aa_mark_drop') result(status)
            import :: aa_mark, c_int
            type(aa_mark), value :: mark
            integer(c_int) :: status
        end function
        function c_scratch_begin(allocator, file, line) bind(c, name='aai_scratch_begin') result(scratch)
            import :: aa_scratch, c_int, c_ptr
            type(c_ptr), value :: allocator, file
            integer(c_int), value :: line
            type(aa_scratch) :: scratch
        end function
        subroutine c_scratch_end(scratch) bind(c, name='aai_scratch_end')
            import :: aa_scratch
            type(aa_scratch), intent(inout) :: scratch
        end subroutine
        function c_empty(dispatch, dtype, ndim, shape) bind(c, name='aa_empty') result(array)
            import :: aa_array, c_int, c_int64_t, c_ptr
            type(c_ptr), value :: dispatch
            integer(c_int), value :: dtype, ndim
            integer(c_int64_t), intent(in) :: shape(*)
            type(aa_array) :: array
        end function
        function c_wrap(data, dtype, ndim, shape, strides) bind(c, name='aa_wrap') result(array)
            import :: aa_array, c_int, c_int64_t, c_ptr
            type(c_ptr), value :: data
            integer(c_int), value :: dtype, ndim
            integer(c_int64_t), intent(in) :: shape(*), strides(*)
            type(aa_array) :: array
        end function
        function c_permute(array, axes) bind(c, name='aa_permute') result(view)
            import :: aa_array, c_int
            type(aa_array), intent(in) :: array
            integer(c_int), intent(in) :: axes(*)
            type(aa_array) :: view
        end function
        function c_is_valid(array) bind(c, name='aa_is_valid') result(valid)
            import :: aa_array, c_bool
            type(aa_array), intent(in) :: array
            logical(c_bool) :: valid
        end function
        function c_data(array) bind(c, name='aa_data') result(data)
            import :: aa_array, c_ptr
            type(aa_array), intent(in) :: array
            type(c_ptr) :: data
        end function
        function c_pin(array) bind(c, name='aa_pin') result(status)
            import :: aa_array, c_int
            type(aa_array), intent(in) :: array
            integer(c_int) :: status
        end function
        function c_unpin(array) bind(c, name='aa_unpin') result(status)
            import :: aa_array, c_int
            type(aa_array), intent(in) :: array
            integer(c_int) :: status
        end function
        function c_array_free(array) bind(c, name='aa_array_free') result(status)
            import :: aa_array, c_int
            type(aa_array), intent(inout) :: array
            integer(c_int) :: status
        end function
    end interface
end module
