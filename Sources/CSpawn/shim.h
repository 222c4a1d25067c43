// What glibc declares for _GNU_SOURCE only, which Swift's Glibc module does not set, and system calls without a
// function that Swift can call: posix_spawn(3), pipe2(2), prlimit(2), pidfd_open(2), waitid(2).
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
extern int pipe2(int ends[2], int flags);

/// Lets a process and its children leave no core file.
static inline int medallion_forbid_core(pid_t process) {
    unsigned long long none[2] = {0, 0};
    return (int)syscall(SYS_prlimit64, process, RLIMIT_CORE, none, (void *)0);
}

/// A descriptor that polls as readable when the process has ended.
static inline int medallion_open_process(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

/// Whether a child has ended; it stays a zombie, so that its id names nobody else.
static inline int medallion_has_ended(pid_t child) {
    siginfo_t info;
    info.si_pid = 0;
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == child;
}
