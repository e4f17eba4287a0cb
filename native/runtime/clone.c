#include "runtime/clone.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t clone_process(const struct clone_args *args, bool *born)
{
    pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof *args);
    *born = pid >= 0 && args->flags & CLONE_INTO_CGROUP;
    if (pid >= 0 || (errno != ENOSYS && errno != EPERM)) return pid;
    /* What of the flags is in the place of the signal has no room in clone. */
    uint64_t flags = args->flags & ~(uint64_t)CLONE_INTO_CGROUP;
    if (flags & CSIGNAL) return -1;
    return (pid_t)syscall(SYS_clone, (unsigned long)(flags | args->exit_signal), NULL, (int *)(uintptr_t)args->pidfd, NULL, NULL);
}
