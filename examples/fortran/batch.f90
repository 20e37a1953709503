! A batch of small systems, solved in a parallel loop: each needs temporaries, and takes them from what is in scope.
! `batch [ROUNDS]`; without an argument 20. Prints the times beside `allocate`, and ends with 1 if an answer is wrong.
module systems
    use, intrinsic :: iso_fortran_env, only: int64, real64
    use allocarrays
    implicit none
    integer, parameter :: batch_size = 40, n = 20000
contains

    ! Right-hand side of (-1, 2 + i, -1) x = b whose solution is all ones.
    real(real64) function right(row, system)
        integer, intent(in) :: row, system
        right = system + merge(1, 0, row == 1) + merge(1, 0, row == n)
    end function

    ! Thomas's algorithm; the two temporaries are the caller's.
    subroutine solve(system, upper, x)
        integer, intent(in) :: system
        real(real64), intent(inout) :: upper(:), x(:)
        real(real64) :: pivot
        integer :: row
        pivot = 2 + system
        upper(1) = -1 / pivot
        x(1) = right(1, system) / pivot
        do row = 2, n
            pivot = 2 + system + upper(row - 1)
            upper(row) = -1 / pivot
            x(row) = (right(row, system) + x(row - 1)) / pivot
        end do
        do row = n - 1, 1, -1
            x(row) = x(row) - upper(row) * x(row + 1)
        end do
    end subroutine

    real(real64) function sum_with_allocate(system)
        integer, intent(in) :: system
        real(real64), allocatable :: upper(:), x(:)
        allocate (upper(n), x(n))
        call solve(system, upper, x)
        sum_with_allocate = sum(x)
    end function

    ! Knows no allocator.
    real(real64) function sum_in_scope(system)
        integer, intent(in) :: system
        real(real64), pointer, contiguous :: upper(:), x(:)
        type(aa_scratch) :: scratch
        scratch = aa_scratch_begin()
        call aa_allocate(upper, [n])
        call aa_allocate(x, [n])
        call solve(system, upper, x)
        sum_in_scope = sum(x)
        call aa_scratch_end(scratch)
    end function

    ! An arena per thread is in scope; what the region's threads take comes back with each scratch.
    real(real64) function batch_in_arenas(memory) result(total)
        type(aa_allocator), intent(in) :: memory
        type(aa_scope) :: scope
        integer :: system
        total = 0
        scope = aa_scope_enter(memory)
        !$omp parallel do reduction(+: total)
        do system = 1, batch_size
            total = total + sum_in_scope(system)
        end do
        !$omp end parallel do
        call aa_scope_leave(scope)
        call aa_reset(memory)
    end function

    real(real64) function batch_with_allocate() result(total)
        integer :: system
        total = 0
        !$omp parallel do reduction(+: total)
        do system = 1, batch_size
            total = total + sum_with_allocate(system)
        end do
        !$omp end parallel do
    end function
end module

program batch
    use systems
    implicit none
    type(aa_allocator) :: memory
    type(aa_stats) :: stats
    character(len=20) :: argument
    real(real64) :: totals(2), milliseconds(2)
    integer(int64) :: times(3), ticks, first
    integer :: rounds, round
    rounds = 20
    call get_command_argument(1, argument)
    if (len_trim(argument) > 0) read (argument, *) rounds
    memory = aa_private_create(name='batch')
    milliseconds = 0
    first = 0
    do round = 1, rounds
        call system_clock(times(1), ticks)
        totals(1) = batch_with_allocate()
        call system_clock(times(2))
        totals(2) = batch_in_arenas(memory)
        call system_clock(times(3))
        milliseconds = milliseconds + 1000 * real(times(2:3) - times(1:2), real64) / real(ticks, real64) / rounds
        if (any(abs(totals - real(batch_size, real64) * n) > 1e-6_real64)) error stop 'batch: a wrong answer'
        stats = aa_stats_get(memory)
        if (round == 1) first = stats%upstream_calls
    end do
    call aa_destroy(memory)
    print '(i0, a, i0, a, f0.2, a, f0.2, a, i0)', rounds, ' rounds of ', batch_size, ' systems: allocate ', &
        milliseconds(1), ' ms, arenas ', milliseconds(2), ' ms a round; upstream calls after the first round: ', &
        stats%upstream_calls - first
    if (stats%upstream_calls /= first) error stop 1
end program
