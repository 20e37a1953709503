! The Fortran module: each case counts what is not so, and the program ends with that count.
module cases
    use, intrinsic :: iso_c_binding
    use, intrinsic :: iso_fortran_env, only: int32, int64, real32, real64
    use allocarrays
    use allocarrays_c, only: aa_options_c
    implicit none
    integer :: failures = 0
    integer :: reports = 0, last_kind = -1

    interface
        function layout_of(which, of_last) bind(c) result(bytes)
            import :: c_int, c_size_t
            integer(c_int), value :: which, of_last
            integer(c_size_t) :: bytes
        end function
    end interface

contains

    subroutine expect(holds, what)
        logical, intent(in) :: holds
        character(len=*), intent(in) :: what
        if (holds) return
        failures = failures + 1
        print '(2a)', 'not so: ', what
    end subroutine

    subroutine note(violation, context) bind(c)
        type(aa_violation), intent(in) :: violation
        type(c_ptr), value :: context
        reports = reports + 1
        last_kind = merge(int(violation%kind), -1, .not. c_associated(context))
    end subroutine

    subroutine types_have_the_layout_of_their_structs()
        type(aa_options_c), target :: options
        type(aa_scope), target :: scope
        type(aa_token), target :: token
        type(aa_mark), target :: mark
        type(aa_scratch), target :: scratch
        type(aa_stats), target :: stats
        type(aa_violation), target :: violation
        type(aa_array), target :: array
        call agrees(1, 'aa_options', c_sizeof(options), c_loc(options), c_loc(options%fallback))
        call agrees(2, 'aa_scope', c_sizeof(scope), c_loc(scope), c_loc(scope%once))
        call agrees(3, 'aa_token', c_sizeof(token), c_loc(token), c_loc(token%handle))
        call agrees(4, 'aa_mark', c_sizeof(mark), c_loc(mark), c_loc(mark%state))
        call agrees(5, 'aa_scratch', c_sizeof(scratch), c_loc(scratch), c_loc(scratch%once))
        call agrees(6, 'aa_stats', c_sizeof(stats), c_loc(stats), c_loc(stats%live_frees))
        call agrees(7, 'aa_violation', c_sizeof(violation), c_loc(violation), c_loc(violation%epoch_now))
        call agrees(8, 'aa_array', c_sizeof(array), c_loc(array), c_loc(array%flags))
    end subroutine

    subroutine agrees(which, name, bytes, first, last)
        integer, intent(in) :: which
        character(len=*), intent(in) :: name
        integer(c_size_t), intent(in) :: bytes
        type(c_ptr), intent(in) :: first, last
        call expect(bytes == layout_of(int(which, c_int), 0_c_int), name//' has the size of its struct')
        call expect(address(last) - address(first) == int(layout_of(int(which, c_int), 1_c_int), c_intptr_t), &
                    name//' ends as its struct')
    end subroutine

    integer(c_intptr_t) function address(pointer_)
        type(c_ptr), intent(in) :: pointer_
        address = transfer(pointer_, address)
    end function

    subroutine scopes_are_seen_by_the_threads_of_a_region()
        type(aa_allocator) :: shared
        type(aa_scope) :: scope, inner
        type(aa_token) :: token
        integer :: strangers, tasks
        shared = aa_shared_create(name='of the test')
        strangers = 0
        tasks = 0
        scope = aa_scope_enter(shared)
        token = aa_scope_capture()
        !$omp parallel num_threads(4) reduction(+: strangers)
        if (.not. aa_current() == shared) strangers = strangers + 1
        !$omp end parallel
        !$omp parallel num_threads(2) private(inner)
        !$omp single
        !$omp task firstprivate(token) shared(tasks) private(inner)
        inner = aa_token_enter(token)
        if (aa_current() == shared) tasks = tasks + 1
        call aa_scope_leave(inner)
        !$omp end task
        !$omp end single
        !$omp end parallel
        call aa_scope_leave(scope)
        call expect(strangers == 0, 'every thread of a region sees the scope')
        call expect(tasks == 1, 'a task with a token sees the scope')
        call expect(aa_current() == aa_heap(), 'a scope that was left is gone')
        call aa_destroy(shared)
        call expect(.not. aa_associated(shared), 'a destroyed handle is null')
    end subroutine

    subroutine pointers_of_every_kind_and_rank_take_memory_of_the_allocator()
        type(aa_allocator) :: arena
        type(aa_scope) :: scope
        real(real32), pointer, contiguous :: a(:), e(:, :, :, :)
        real(real64), pointer, contiguous :: b(:, :), h(:)
        integer(int32), pointer, contiguous :: c(:, :, :), f(:)
        integer(int64), pointer, contiguous :: d(:, :, :, :), g(:, :)
        integer :: i
        arena = aa_arena_create()
        scope = aa_scope_enter(arena)
        call aa_allocate(a, [5])
        call aa_allocate(b, [3, 4])
        call aa_allocate(c, [2, 3, 4])
        call aa_allocate(d, [2, 1, 3, 2])
        call aa_allocate(e, [2_int64, 2_int64, 2_int64, 2_int64])
        call aa_allocate(f, [7_int64])
        call aa_allocate(g, [2, 2], from=arena)
        call aa_allocate(h, [0])
        call aa_scope_leave(scope)
        call expect(all(shape(b) == [3, 4]) .and. all(shape(d) == [2, 1, 3, 2]), 'extents are as asked')
        call expect(lbound(b, 1) == 1 .and. size(h) == 0 .and. associated(h), 'bounds begin at 1, empty is associated')
        a = 1
        b = reshape([(real(i, real64), i=1, 12)], [3, 4])
        c = 3
        d = 4
        e = 5
        f = 6
        g = 7
        call expect(sum(b) == 78 .and. b(2, 3) == 8, 'columns lie one behind the other')
        call expect(sum(a) == 5 .and. sum(c) == 72 .and. sum(d) == 48, 'no array overlaps another')
        call expect(sum(e) == 80 .and. sum(f) == 42 .and. sum(g) == 28, 'no array overlaps another, ranks 4, 1, 2')
        call expect(aa_owns(arena, c_loc(a)) .and. aa_owns(arena, c_loc(d)) .and. aa_owns(arena, c_loc(g)), &
                    'the memory is of the allocator in scope')
        call aa_destroy(arena)
    end subroutine

    subroutine strides_are_those_of_columns()
        real(real64), target :: x(3, 4, 2)
        type(aa_array) :: array, made, turned
        type(aa_allocator) :: arena
        real(real64), pointer, contiguous :: y(:, :, :), z(:, :)
        real(real32), pointer, contiguous :: wrong(:, :, :)
        integer(int32), pointer, contiguous :: numbers(:, :)
        integer :: status, i
        character(len=200) :: message
        x = reshape([(real(i, real64), i=1, 24)], [3, 4, 2])
        array = aa_array_of(x)
        call expect(all(array%shape(1:3) == [3, 4, 2]), 'an array of x has its extents')
        call expect(all(array%strides(1:3) == [1, 3, 12]), 'an array of x has the strides of columns')
        call aa_as_pointer(array, y)
        call expect(all(y == x) .and. c_associated(c_loc(y), c_loc(x)), 'and is x again, without a copy')

        arena = aa_arena_create()
        made = aa_empty(AA_I32, [3, 5], from=arena)
        call expect(all(made%shape(1:2) == [3, 5]) .and. all(made%strides(1:2) == [1, 3]), 'a new array is in columns')
        call aa_as_pointer(made, numbers)
        call expect(all(shape(numbers) == [3, 5]) .and. aa_owns(arena, c_loc(numbers)), 'and a pointer to it')
        turned = aa_reversed(made)
        call expect(all(turned%shape(1:2) == [5, 3]) .and. all(turned%strides(1:2) == [3, 1]), 'reversed it is in C order')

        message = ''
        call aa_as_pointer(array, wrong, status, message)
        call expect(status == AA_MISMATCH .and. .not. associated(wrong) .and. len_trim(message) > 0, 'a wrong kind is refused')
        call aa_as_pointer(array, z, status)
        call expect(status == AA_MISMATCH .and. .not. associated(z), 'a wrong rank is refused')
        call aa_as_pointer(turned, numbers, status)
        call expect(status == AA_UNSUPPORTED .and. .not. associated(numbers), 'C order in two axes is refused')
        call aa_destroy(arena)
    end subroutine

    subroutine failures_are_statuses_and_sentences()
        type(aa_allocator) :: small, none, wrong
        real(real64), pointer, contiguous :: x(:), y(:, :)
        type(aa_scope) :: scope
        type(aa_mark) :: mark
        character(len=200) :: message
        integer :: status
        small = aa_arena_create(name='small', capacity=4096_int64)
        message = ''
        call aa_allocate(x, [100000], from=small, stat=status, errmsg=message)
        call expect(status == AA_NOMEM .and. .not. associated(x), 'too much for the capacity is AA_NOMEM')
        call expect(index(message, 'small') > 0, 'and the sentence names the allocator')
        call expect(aa_last_status() == AA_NOMEM .and. aa_last_message() == trim(message), 'as aa_last_message does')
        call expect(aa_status_name(status) == 'AA_NOMEM', 'statuses have names')
        call aa_allocate(x, [-1], from=small, stat=status)
        call expect(status == AA_INVALID .and. .not. associated(x), 'a negative extent is AA_INVALID')
        call aa_allocate(y, [2_int64**62 + 1, 4_int64], from=small, stat=status)
        call expect(status == AA_OVERFLOW .and. .not. associated(y), 'extents whose product does not fit are AA_OVERFLOW')
        call aa_allocate(x, [2_int64**61 + 1], from=small, stat=status)
        call expect(status == AA_OVERFLOW, 'bytes that do not fit are AA_OVERFLOW')
        call aa_allocate(x, [10], from=small, stat=status)
        call expect(status == AA_OK .and. associated(x), 'what was refused consumed nothing')
        wrong = aa_arena_create(alignment=3_int64, stat=status)
        call expect(status == AA_INVALID .and. .not. aa_associated(wrong), 'an alignment of 3 is AA_INVALID')
        scope = aa_scope_enter(none, stat=status)
        call expect(status == AA_INVALID .and. aa_current() == aa_heap(), 'a null scope is AA_INVALID, nothing changed')
        mark = aa_mark_take(none, stat=status)
        call expect(status == AA_INVALID, 'a mark of nothing is AA_INVALID')
        call aa_destroy(aa_heap_copy(), stat=status)
        call expect(status == AA_UNSUPPORTED, 'the heap is not destroyed')
        call aa_destroy(small)
    end subroutine

    function aa_heap_copy() result(heap)
        type(aa_allocator), pointer :: heap
        type(aa_allocator), save, target :: kept
        kept = aa_heap()
        heap => kept
    end function

    subroutine a_reset_is_a_barrier()
        type(aa_allocator) :: shared
        type(aa_array) :: array
        type(aa_stats) :: stats
        type(c_funptr) :: handler
        integer :: status
        handler = c_funloc(note)
        call aa_set_violation_handler(handler)
        shared = aa_shared_create()
        array = aa_empty(AA_F64, [100], from=shared)
        status = AA_OK
        reports = 0
        !$omp parallel num_threads(2) shared(status)
        !$omp master
        call expect(aa_in_parallel(), 'inside a region')
        call aa_reset(shared, stat=status)
        !$omp end master
        !$omp end parallel
        call expect(status == AA_BUSY .and. reports == 1 .and. last_kind == 0, 'a reset inside a region is refused')
        call expect(aa_is_valid(array), 'and nothing has changed')
        call aa_pin(array)
        call aa_reset(shared, stat=status)
        call expect(status == AA_BUSY .and. reports == 2 .and. last_kind == 1, 'a reset under a pin is refused')
        call aa_unpin(array)
        call aa_reset(shared)
        call expect(.not. aa_is_valid(array), 'a reset takes everything back')
        stats = aa_stats_get(shared)
        call expect(stats%used == 0 .and. stats%resets == 1, 'and is counted')
        call aa_set_violation_handler(c_null_funptr)
        call aa_destroy(shared)
    end subroutine

    subroutine marks_scratches_and_frees_take_back_what_came_after()
        type(aa_allocator) :: arena
        type(aa_mark) :: mark
        type(aa_scratch) :: scratch
        real(real64), pointer, contiguous :: x(:), y(:, :)
        type(aa_stats) :: stats
        arena = aa_arena_create()
        mark = aa_mark_take(arena)
        call aa_allocate(x, [1000], from=arena)
        call aa_mark_rewind(mark)
        stats = aa_stats_get(arena)
        call expect(stats%used == 0, 'a rewind takes back')
        scratch = aa_scratch_begin(arena)
        call aa_allocate(x, [1000], from=arena)
        call aa_scratch_end(scratch)
        stats = aa_stats_get(arena)
        call expect(stats%used == 0, 'the end of a scratch takes back')
        mark = aa_mark_take(arena)
        call aa_allocate(x, [1000], from=arena)
        call aa_mark_drop(mark)
        stats = aa_stats_get(arena)
        call expect(stats%used >= 8000, 'a dropped mark does not')
        call aa_allocate(y, [10, 10], from=arena)
        call aa_deallocate(y, from=arena)
        call aa_deallocate(x, from=arena)
        stats = aa_stats_get(arena)
        call expect(stats%used == 0 .and. .not. associated(x), 'frees in reverse order give all back')
        call aa_allocate(x, [10])
        call aa_deallocate(x)
        call aa_deallocate(x)
        call aa_destroy(arena)
    end subroutine

    ! Temporaries of a parallel loop: the answer is right, and no round after the first asks the upstream.
    subroutine parallel_loops_ask_nothing_after_the_first_round()
        type(aa_allocator) :: memory
        type(aa_scope) :: scope
        type(aa_scratch) :: scratch
        type(aa_stats) :: stats
        real(real64), pointer, contiguous :: x(:)
        real(real64) :: total
        integer(int64) :: asked
        integer :: round, i, k
        memory = aa_private_create()
        asked = 0
        do round = 1, 5
            total = 0
            scope = aa_scope_enter(memory)
            !$omp parallel do num_threads(4) schedule(static) private(x, scratch, k) reduction(+: total)
            do i = 1, 100
                scratch = aa_scratch_begin()
                call aa_allocate(x, [1000])
                x = [(real(k, real64), k=1, 1000)]
                total = total + sum(x) + i
                call aa_scratch_end(scratch)
            end do
            !$omp end parallel do
            call aa_scope_leave(scope)
            call aa_reset(memory)
            call expect(total == 100 * 500500.0_real64 + 5050, 'the sum is right')
            stats = aa_stats_get(memory)
            call expect(merge(stats%upstream_calls > 0, stats%upstream_calls == asked, round == 1), 'the upstream is asked once')
            asked = stats%upstream_calls
        end do
        call aa_destroy(memory)
    end subroutine
end module

program test_fortran
    use cases
    implicit none
    call types_have_the_layout_of_their_structs()
    call scopes_are_seen_by_the_threads_of_a_region()
    call pointers_of_every_kind_and_rank_take_memory_of_the_allocator()
    call strides_are_those_of_columns()
    call failures_are_statuses_and_sentences()
    call a_reset_is_a_barrier()
    call marks_scratches_and_frees_take_back_what_came_after()
    call parallel_loops_ask_nothing_after_the_first_round()
    print '(a, i0, a)', 'test_fortran: 8 cases, ', failures, ' things not so'
    if (failures > 0) error stop 1
end program
