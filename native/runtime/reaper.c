#include "base/util.h"
#include "runtime/reaper.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void reap_until(pid_t child, const sigset_t *all) __attribute__((noreturn));
static void reap_until(pid_t child, const sigset_t *all)
{
    for (;;) {
        siginfo_t info;
        int signo = sigwaitinfo(all, &info);
        if (signo < 0) continue;
        if (signo != SIGCHLD) {
            /* Signals of the terminal already went to the whole foreground group. */
            if (info.si_code != SI_KERNEL || signo == SIGTERM) kill(child, signo);
            continue;
        }
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == child) _exit(exit_code(status));
    }
}

int reaper_split(struct rt_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    /* Faults of the reaper itself must not wait in the mask. */
    sigdelset(&all, SIGSEGV), sigdelset(&all, SIGBUS), sigdelset(&all, SIGILL), sigdelset(&all, SIGFPE), sigdelset(&all, SIGABRT);
    if (sigprocmask(SIG_SETMASK, &all, &before)) return rt_fail(err, "NATIVE_FAILED", errno, "sigprocmask", "cannot set up the init process");
    pid_t child = fork();
    if (child < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot set up the init process");
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        return 0;
    }
    prctl(PR_SET_NAME, "init");
    close_descriptors(3, ~0u, 0);
    reap_until(child, &all);
}
