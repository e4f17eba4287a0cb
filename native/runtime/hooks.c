#include "runtime/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"

static int state_file(const char *state, struct rt_error *err)
{
    auto_close int fd = memfd_create("state", MFD_CLOEXEC);
    if (fd < 0 || write_all(fd, state, strlen(state)) || lseek(fd, 0, SEEK_SET)) return rt_fail(err, "NATIVE_FAILED", errno, "memfd_create", "cannot hand the state to the hooks");
    return take_fd(&fd);
}

static bool redirect(const char *path, int stream)
{
    auto_close int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0700) : -1;
    return !path || (fd >= 0 && dup2(fd, stream) >= 0);
}

static void child(const struct spec_hooks *hooks, const struct spec_hook *hook, int state) __attribute__((noreturn));
static void child(const struct spec_hooks *hooks, const struct spec_hook *hook, int state)
{
    char *no_arguments[] = {(char *)hook->path, NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(state, 0) >= 0 && redirect(hooks->output, 1) && redirect(hooks->errors, 2) && close_range(3, ~0u, 0) == 0)
        execve(hook->path, hook->args.count ? (char *const *)hook->args.items : no_arguments, hook->env.count ? (char *const *)hook->env.items : environ);
    _exit(127);
}

static int wait_for(const struct spec_hook *hook, const char *kind, pid_t pid, struct rt_error *err)
{
    int status;
    bool late = false;
    auto_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (hook->timeout_s && pidfd >= 0) {
        struct pollfd waited = {.fd = pidfd, .events = POLLIN};
        int ready;
        do ready = poll(&waited, 1, hook->timeout_s > INT32_MAX / 1000 ? -1 : (int)hook->timeout_s * 1000);
        while (ready < 0 && errno == EINTR);
        late = ready == 0;
        if (late) kill(-pid, SIGKILL), kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "waitpid", "cannot wait for the %s hook '%s'", kind, hook->path);
    if (late) return rt_fail_at(err, hook->path, "HOOK_FAILED", 0, NULL, "%s hook did not end within %lld seconds: '%s'", kind, (long long)hook->timeout_s, hook->path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (WIFEXITED(status)) return rt_fail_at(err, hook->path, "HOOK_FAILED", 0, NULL, "%s hook failed with exit code %d: '%s'", kind, WEXITSTATUS(status), hook->path);
    return rt_fail_at(err, hook->path, "HOOK_FAILED", 0, NULL, "%s hook was ended by signal %d: '%s'", kind, WTERMSIG(status), hook->path);
}

int hooks_run(const struct spec_hooks *hooks, const char *kind, const char *state, struct rt_error *err)
{
    for (size_t i = 0; i < hooks->count; i++) {
        auto_close int input = state_file(state, err);
        if (input < 0) return -1;
        pid_t pid = fork();
        if (pid < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot run the %s hook '%s'", kind, hooks->items[i].path);
        if (pid == 0) child(hooks, &hooks->items[i], input);
        if (wait_for(&hooks->items[i], kind, pid, err)) return rt_wrap(err, "error running %s hook #%zu", kind, i);
    }
    return 0;
}
