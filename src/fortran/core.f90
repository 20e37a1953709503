! Fortran: allocators, scopes, marks, outcomes. Everything but arrays; users say `use allocarrays`.
!
! Failures as in ALLOCATE: with stat= the call returns its status there (AA_OK is 0), and errmsg= the sentence; without
! stat= a failure is an error stop with the sentence. A broken rule is reported first, and by default aborts.
! Every procedure is recursive: no local variable is static, threads can be inside at once.
! Cannot: reset by a team (a C macro that puts a barrier into the caller's code).
module allocarrays_core
    use, intrinsic :: iso_c_binding
    use, intrinsic :: iso_fortran_env, only: int32, int64, real32, real64, error_unit
    use allocarrays_c
    implicit none
    private

    public :: AA_OK, AA_INVALID, AA_NOMEM, AA_OVERFLOW, AA_UNSUPPORTED, AA_BUSY
    public :: AA_STALE, AA_BOUNDS, AA_ORDER, AA_THREAD, AA_MISMATCH, AA_IO
    public :: AA_ZEROED, AA_PREFAULT, AA_HUGEPAGES, AA_FIRST_TOUCH, AA_GUARD
    public :: AA_CHECKS_DEFAULT, AA_CHECKS_NONE, AA_CHECKS_API, AA_CHECKS_FULL
    public :: aa_scope, aa_token, aa_mark, aa_scratch, aa_stats, aa_violation
    public :: aa_allocator, aa_associated, operator(==)
    public :: aa_arena_create, aa_shared_create, aa_private_create, aa_private_arena, aa_destroy, aa_reset
    public :: aa_heap, aa_current, aa_owns, aa_stats_get, aa_in_parallel
    public :: aa_scope_enter, aa_scope_leave, aa_scope_capture, aa_token_enter
    public :: aa_mark_take, aa_mark_rewind, aa_mark_drop, aa_scratch_begin, aa_scratch_end
    public :: aa_last_status, aa_last_message, aa_status_name, aa_set_violation_handler
    public :: aai_conclude, aai_place, aai_give_back, aai_handle

    ! A handle, copied freely; destroyed by aa_destroy alone.
    type :: aa_allocator
        private
        type(c_ptr) :: handle = c_null_ptr
    end type

    interface operator(==)
        module procedure same_allocator
    end interface

    ! How a new allocator is made, in C.
    abstract interface
        function creator(options) bind(c) result(allocator)
            import :: aa_options_c, c_ptr
            type(aa_options_c), intent(in) :: options
            type(c_ptr) :: allocator
        end function
    end interface

contains

    ! ---- outcomes ------------------------------------------------------------------------------------------

    ! A C string as Fortran's.
    recursive function text(from) result(to)
        type(c_ptr), intent(in) :: from
        character(len=:), allocatable :: to
        character(kind=c_char), pointer :: characters(:)
        integer :: length, i
        length = int(c_strlen(from))
        allocate (character(len=length) :: to)
        if (length == 0) return
        call c_f_pointer(from, characters, [length])
        do i = 1, length
            to(i:i) = characters(i)
        end do
    end function

    ! The status of this thread's last failure; AA_OK if it never failed.
    recursive integer function aa_last_status()
        aa_last_status = int(c_last_status())
    end function

    ! This thread's last failure as a sentence.
    recursive function aa_last_message() result(message)
        character(len=:), allocatable :: message
        message = text(c_last_message())
    end function

    recursive function aa_status_name(status) result(name)
        integer, intent(in) :: status
        character(len=:), allocatable :: name
        name = text(c_status_name(int(status, c_int)))
    end function

    ! Hand a status to the caller, or stop.
    recursive subroutine aai_conclude(status, stat, errmsg)
        integer, intent(in) :: status
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        if (present(stat)) stat = status
        if (status == AA_OK) return
        if (present(errmsg)) errmsg = aa_last_message()
        if (present(stat)) return
        write (error_unit, '(4a)') 'allocarrays: ', aa_status_name(status), ': ', aa_last_message()
        error stop 1
    end subroutine

    ! Who is told of violations: a bind(c) subroutine (violation, context); c_null_funptr is the default, which aborts.
    recursive subroutine aa_set_violation_handler(handler, context)
        type(c_funptr), intent(in) :: handler
        type(c_ptr), intent(in), optional :: context
        type(c_funptr) :: previous
        if (present(context)) then
            previous = c_set_violation_handler(handler, context)
        else
            previous = c_set_violation_handler(handler, c_null_ptr)
        end if
    end subroutine

    ! ---- allocators ----------------------------------------------------------------------------------------

    recursive function aai_handle(allocator) result(handle)
        type(aa_allocator), intent(in), optional :: allocator
        type(c_ptr) :: handle
        if (present(allocator)) then
            handle = allocator%handle
        else
            handle = c_current()
        end if
    end function

    recursive logical function aa_associated(allocator)
        type(aa_allocator), intent(in) :: allocator
        aa_associated = c_associated(allocator%handle)
    end function

    recursive logical function same_allocator(a, b)
        type(aa_allocator), intent(in) :: a, b
        same_allocator = c_associated(a%handle, b%handle)
    end function

    recursive function created(create, name, capacity, initial, alignment, checks, flags, stat, errmsg) result(allocator)
        procedure(creator) :: create
        character(len=*), intent(in), optional :: name
        integer(int64), intent(in), optional :: capacity, initial, alignment
        integer, intent(in), optional :: checks, flags
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_allocator) :: allocator
        type(aa_options_c) :: options
        character(kind=c_char), allocatable, target :: c_name(:)
        integer :: i
        if (present(name)) then
            allocate (c_name(len(name) + 1))
            do i = 1, len(name)
                c_name(i) = name(i:i)
            end do
            c_name(len(name) + 1) = c_null_char
            options%name = c_loc(c_name)
        end if
        if (present(capacity)) options%capacity = int(capacity, c_size_t)
        if (present(initial)) options%initial = int(initial, c_size_t)
        if (present(alignment)) options%alignment = int(alignment, c_size_t)
        if (present(checks)) options%checks = int(checks, c_int)
        if (present(flags)) options%flags = int(flags, c_int)
        allocator%handle = create(options)
        call aai_conclude(merge(AA_OK, aa_last_status(), c_associated(allocator%handle)), stat, errmsg)
    end function

    ! A bump allocator of the calling thread. Sizes in bytes; capacity 0: grows without limit.
    recursive function aa_arena_create(name, capacity, initial, alignment, checks, flags, stat, errmsg) result(allocator)
        character(len=*), intent(in), optional :: name
        integer(int64), intent(in), optional :: capacity, initial, alignment
        integer, intent(in), optional :: checks, flags
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_allocator) :: allocator
        allocator = created(c_arena_create, name, capacity, initial, alignment, checks, flags, stat, errmsg)
    end function

    ! A bump allocator for any number of threads at once.
    recursive function aa_shared_create(name, capacity, initial, alignment, checks, flags, stat, errmsg) result(allocator)
        character(len=*), intent(in), optional :: name
        integer(int64), intent(in), optional :: capacity, initial, alignment
        integer, intent(in), optional :: checks, flags
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_allocator) :: allocator
        allocator = created(c_shared_create, name, capacity, initial, alignment, checks, flags, stat, errmsg)
    end function

    ! An arena per thread behind one handle.
    recursive function aa_private_create(name, capacity, initial, alignment, checks, flags, stat, errmsg) result(allocator)
        character(len=*), intent(in), optional :: name
        integer(int64), intent(in), optional :: capacity, initial, alignment
        integer, intent(in), optional :: checks, flags
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_allocator) :: allocator
        allocator = created(c_private_create, name, capacity, initial, alignment, checks, flags, stat, errmsg)
    end function

    ! The calling thread's arena of a private allocator; may be reset inside a region.
    recursive function aa_private_arena(private_, stat, errmsg) result(allocator)
        type(aa_allocator), intent(in) :: private_
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_allocator) :: allocator
        allocator%handle = c_private_arena(private_%handle)
        call aai_conclude(merge(AA_OK, aa_last_status(), c_associated(allocator%handle)), stat, errmsg)
    end function

    ! Destroy it, with all its memory; refused as a reset is, and unchanged then.
    recursive subroutine aa_destroy(allocator, stat, errmsg)
        type(aa_allocator), intent(inout) :: allocator
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        integer :: status
        status = int(c_destroy(allocator%handle))
        if (status == AA_OK) allocator%handle = c_null_ptr
        call aai_conclude(status, stat, errmsg)
    end subroutine

    ! Take everything back, after proving that nothing uses it: AA_BUSY inside a region, or with scopes of other threads.
    recursive subroutine aa_reset(allocator, stat, errmsg)
        type(aa_allocator), intent(in) :: allocator
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        call aai_conclude(int(c_reset(allocator%handle)), stat, errmsg)
    end subroutine

    ! The C heap behind our handle.
    recursive function aa_heap() result(allocator)
        type(aa_allocator) :: allocator
        allocator%handle = c_heap()
    end function

    ! What is in scope; the heap when nothing is.
    recursive function aa_current() result(allocator)
        type(aa_allocator) :: allocator
        allocator%handle = c_current()
    end function

    recursive logical function aa_owns(allocator, pointer_)
        type(aa_allocator), intent(in) :: allocator
        type(c_ptr), intent(in) :: pointer_
        aa_owns = c_owns(allocator%handle, pointer_)
    end function

    recursive function aa_stats_get(allocator, stat, errmsg) result(stats)
        type(aa_allocator), intent(in) :: allocator
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_stats) :: stats
        call aai_conclude(int(c_stats_get(allocator%handle, stats)), stat, errmsg)
    end function

    recursive logical function aa_in_parallel()
        aa_in_parallel = c_in_parallel()
    end function

    ! ---- scopes: entered and left by hand, in reverse order, by one thread -----------------------------------

    recursive function aa_scope_enter(allocator, stat, errmsg) result(scope)
        type(aa_allocator), intent(in) :: allocator
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_scope) :: scope
        scope = c_scope_enter(allocator%handle)
        call aai_conclude(merge(AA_OK, aa_last_status(), scope%serial /= 0), stat, errmsg)
    end function

    recursive subroutine aa_scope_leave(scope, stat, errmsg)
        type(aa_scope), intent(in) :: scope
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        call aai_conclude(int(c_scope_leave(scope)), stat, errmsg)
    end subroutine

    ! What is in scope, for a task: firstprivate, and aa_token_enter in it.
    recursive function aa_scope_capture() result(token)
        type(aa_token) :: token
        token = c_scope_capture()
    end function

    recursive function aa_token_enter(token, stat, errmsg) result(scope)
        type(aa_token), intent(in) :: token
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_scope) :: scope
        scope = c_token_enter(token)
        call aai_conclude(merge(AA_OK, aa_last_status(), scope%serial /= 0), stat, errmsg)
    end function

    ! ---- marks and scratches: the calling thread's ---------------------------------------------------------------

    recursive function aa_mark_take(allocator, stat, errmsg) result(mark)
        type(aa_allocator), intent(in), optional :: allocator
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_mark) :: mark
        mark = c_mark_take(aai_handle(allocator))
        call aai_conclude(merge(AA_OK, aa_last_status(), mark%state /= 0), stat, errmsg)
    end function

    recursive subroutine aa_mark_rewind(mark, stat, errmsg)
        type(aa_mark), intent(in) :: mark
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        call aai_conclude(int(c_mark_rewind(mark)), stat, errmsg)
    end subroutine

    recursive subroutine aa_mark_drop(mark, stat, errmsg)
        type(aa_mark), intent(in) :: mark
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        call aai_conclude(int(c_mark_drop(mark)), stat, errmsg)
    end subroutine

    ! AA_SCRATCH by hand: what this thread takes from the allocator (absent: what is current) until the end goes back.
    recursive function aa_scratch_begin(allocator, stat, errmsg) result(scratch)
        type(aa_allocator), intent(in), optional :: allocator
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(aa_scratch) :: scratch
        scratch = c_scratch_begin(aai_handle(allocator), c_null_ptr, 0_c_int)
        call aai_conclude(merge(AA_OK, aa_last_status(), scratch%mark%state /= 0), stat, errmsg)
    end function

    recursive subroutine aa_scratch_end(scratch)
        type(aa_scratch), intent(inout) :: scratch
        call c_scratch_end(scratch)
        scratch%mark%state = 0
    end subroutine

    ! ---- for the modules of arrays ------------------------------------------------------------------------------

    ! Memory for elements of `bytes` bytes in `extents`; null on failure.
    recursive function aai_place(extents, bytes, allocator, stat, errmsg) result(place)
        integer(int64), intent(in) :: extents(:)
        integer(c_int64_t), intent(in) :: bytes
        type(aa_allocator), intent(in), optional :: allocator
        integer, intent(out), optional :: stat
        character(len=*), intent(inout), optional :: errmsg
        type(c_ptr) :: place
        integer(int64) :: count
        integer :: axis
        place = c_null_ptr
        count = 1
        do axis = 1, size(extents)
            if (extents(axis) < 0) then
                call aai_conclude(failed(AA_INVALID, 'aa_allocate: a negative extent'), stat, errmsg)
                return
            end if
            if (extents(axis) /= 0 .and. count > huge(count) / max(extents(axis), 1_int64)) then
                call aai_conclude(failed(AA_OVERFLOW, 'aa_allocate: the extents do not fit'), stat, errmsg)
                return
            end if
            count = count * extents(axis)
        end do
        if (count > huge(count) / bytes) then
            call aai_conclude(failed(AA_OVERFLOW, 'aa_allocate: the extents do not fit'), stat, errmsg)
            return
        end if
        place = c_alloc_aligned(aai_handle(allocator), int(count * bytes, c_size_t), 0_c_size_t)
        call aai_conclude(merge(AA_OK, aa_last_status(), c_associated(place)), stat, errmsg)
    end function

    ! Record a failure of this library's own, as the C side does.
    recursive integer function failed(status, sentence)
        integer, intent(in) :: status
        character(len=*), intent(in) :: sentence
        failed = int(c_fail(int(status, c_int), sentence//c_null_char))
    end function

    recursive subroutine aai_give_back(place, bytes, allocator)
        type(c_ptr), intent(in) :: place
        integer(int64), intent(in) :: bytes
        type(aa_allocator), intent(in), optional :: allocator
        call c_free(aai_handle(allocator), place, int(bytes, c_size_t))
    end subroutine
end module
