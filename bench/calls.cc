/* Bench: counts this process's own system calls, without privileges or another program.
 *
 * A seccomp filter turns every call into SIGSYS; the handler counts it and makes the call from one instruction
 * that the filter lets pass. It cannot count what a starting or ending thread does (signals are blocked
 * there, and a trap would end the process): those calls pass uncounted, and all threads must exist before.
 * Linux on x86-64; elsewhere count_calls says no and the table shows "not counted".
 */
#include "bench.h"

#include <atomic>

#if defined(__linux__) && defined(__x86_64__)
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#endif

namespace bench
{

static std::atomic<long> waits{0}, others{0};

calls calls_now()
{
    return {waits.load(std::memory_order_relaxed), others.load(std::memory_order_relaxed)};
}

#if defined(__linux__) && defined(__x86_64__)

extern "C" {
long bench_call(long number, long a, long b, long c, long d, long e, long f);
extern const char bench_call_passes[];
}

/* The address that the kernel sees is the one after the instruction. */
__asm__(".text\n"
        ".globl bench_call\n"
        ".type bench_call, @function\n"
        "bench_call:\n"
        "  mov %rdi, %rax\n"
        "  mov %rsi, %rdi\n"
        "  mov %rdx, %rsi\n"
        "  mov %rcx, %rdx\n"
        "  mov %r8, %r10\n"
        "  mov %r9, %r8\n"
        "  mov 8(%rsp), %r9\n"
        "  syscall\n"
        ".globl bench_call_passes\n"
        "bench_call_passes:\n"
        "  ret\n"
        ".size bench_call, .-bench_call\n");

static void on_call(int, siginfo_t *info, void *context)
{
    const int kept = errno;
    greg_t *const r = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
    const bool wait = info->si_syscall == SYS_futex || info->si_syscall == SYS_sched_yield;
    (wait ? waits : others).fetch_add(1, std::memory_order_relaxed);
    r[REG_RAX] = bench_call(info->si_syscall, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10],
                            r[REG_R8], r[REG_R9]);
    errno = kept;
}

bool count_calls()
{
    const auto passes = reinterpret_cast<uintptr_t>(bench_call_passes);
    const auto low = static_cast<uint32_t>(passes), high = static_cast<uint32_t>(passes >> 32);
    const auto word = [](size_t offset) {
        return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
    };
    const auto same = [](long value, int yes, int no) {
        return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(value),
                                    static_cast<uint8_t>(yes), static_cast<uint8_t>(no));
    };
    sock_filter filter[] = {
        word(offsetof(seccomp_data, instruction_pointer)),
        same(low, 0, 2),
        word(offsetof(seccomp_data, instruction_pointer) + 4),
        same(high, 10, 0),
        word(offsetof(seccomp_data, nr)),
        same(SYS_rt_sigreturn, 8, 0),
        same(SYS_rt_sigprocmask, 7, 0),
        same(SYS_exit, 6, 0),
        same(SYS_exit_group, 5, 0),
        same(SYS_clone, 4, 0),
        same(SYS_clone3, 3, 0),
        same(SYS_set_robust_list, 2, 0),
        same(SYS_rseq, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    struct sigaction action = {};
    action.sa_sigaction = on_call;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    return sigaction(SIGSYS, &action, nullptr) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

#else

bool count_calls()
{
    return false;
}

#endif

} // namespace bench
