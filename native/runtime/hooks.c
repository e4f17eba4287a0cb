#include "runtime/hooks.h"

#include <ctype.h>
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
#include "runtime/seccomp.h"

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

/* Without a supervisor: what a rule would ask it is refused with ENOSYS. */
static bool confine(const struct sock_fprog *filter)
{
    int listener;
    struct rt_error ignored;
    return !filter || filter_load(filter, 0, &listener, &ignored) == 0;
}

struct run {
    const struct spec_hooks *hooks;
    const struct spec_hook *hook;
    const char *kind;
    pid_t pid;
    int errors;       /* the hook's stderr, or -1 where it goes to a file */
    char text[512];   /* its last bytes */
    size_t size;
};

static void child(const struct run *run, int state, int errors) __attribute__((noreturn));
static void child(const struct run *run, int state, int errors)
{
    const struct spec_hook *hook = run->hook;
    char *no_arguments[] = {(char *)hook->path, NULL};
    char *const *environment = hook->env.count ? (char *const *)hook->env.items : run->hooks->environment ? run->hooks->environment : environ;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(state, 0) >= 0 && redirect(run->hooks->output, 1) && redirect(run->hooks->errors, 2) && (errors < 0 || dup2(errors, 2) >= 0) && close_descriptors(3, ~0u, 0) == 0 && confine(run->hooks->filter))
        execve(hook->path, hook->args.count ? (char *const *)hook->args.items : no_arguments, environment);
    _exit(127);
}

/* What a hook says goes on to the runtime's own stderr, and its end into the error. False when there is no more, or nothing yet. */
static bool take_errors(struct run *run)
{
    char text[sizeof run->text];
    ssize_t size = read(run->errors, text, sizeof text);
    if (size <= 0) return false;
    write_all(STDERR_FILENO, text, (size_t)size);
    size_t kept = sizeof run->text - (size_t)size;
    if (kept > run->size) kept = run->size;
    memmove(run->text, run->text + run->size - kept, kept);
    memcpy(run->text + kept, text, (size_t)size);
    run->size = kept + (size_t)size;
    return true;
}

/* Until the hook itself ends, whoever else has its stderr open. False when its time is over. */
static bool serve(struct run *run, int pidfd)
{
    int64_t end = run->hook->timeout_s ? now_ms() + run->hook->timeout_s * 1000 : INT64_MAX;
    for (;;) {
        struct pollfd waited[] = {{.fd = pidfd, .events = POLLIN}, {.fd = run->errors, .events = POLLIN}};
        int64_t left = end == INT64_MAX ? -1 : end - now_ms();
        if (end != INT64_MAX && left <= 0) return false;
        if (poll(waited, ARRAY_LEN(waited), left > INT32_MAX ? INT32_MAX : (int)left) <= 0) continue;
        if (waited[1].revents && !take_errors(run)) util_close(&run->errors);
        if (!waited[0].revents) continue;
        while (run->errors >= 0 && take_errors(run)) continue;
        return true;
    }
}

static int fail(const struct run *run, int status, struct rt_error *err)
{
    const char *path = run->hook->path;
    int size = (int)run->size;
    while (size > 0 && strchr("\r\n", run->text[size - 1])) size--;
    const char *says = size ? ": " : "";
    if (WIFEXITED(status)) return rt_fail_at(err, path, "HOOK_FAILED", 0, NULL, "%s hook failed with exit code %d: '%s'%s%.*s", run->kind, WEXITSTATUS(status), path, says, size, run->text);
    /* In the words of Go, which clients know: "bad system call". */
    char name[64];
    snprintf(name, sizeof name, "%s", strsignal(WTERMSIG(status)));
    name[0] = (char)tolower(name[0]);
    return rt_fail_at(err, path, "HOOK_FAILED", 0, NULL, "%s hook was ended by signal %d (%s): '%s'%s%.*s", run->kind, WTERMSIG(status), name, path, says, size, run->text);
}

static int wait_for(struct run *run, struct rt_error *err)
{
    int status;
    pid_t pid = run->pid;
    const struct spec_hook *hook = run->hook;
    auto_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool late = pidfd >= 0 && !serve(run, pidfd);
    if (late) kill(-pid, SIGKILL), kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "waitpid", "cannot wait for the %s hook '%s'", run->kind, hook->path);
    if (late) return rt_fail_at(err, hook->path, "HOOK_FAILED", 0, NULL, "%s hook did not end within %lld seconds: '%s'", run->kind, (long long)hook->timeout_s, hook->path);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : fail(run, status, err);
}

static int run_one(const struct spec_hooks *hooks, const struct spec_hook *hook, const char *kind, const char *state, struct rt_error *err)
{
    int pair[2] = {-1, -1};
    struct run run = {.hooks = hooks, .hook = hook, .kind = kind, .errors = -1};
    auto_close int input = state_file(state, err);
    if (input < 0) return -1;
    if (!hooks->errors && pipe2(pair, O_CLOEXEC)) return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot run the %s hook '%s'", kind, hook->path);
    run.errors = pair[0];
    run.pid = fork();
    if (run.pid == 0) child(&run, input, pair[1]);
    util_close(&pair[1]);
    /* Not the hook's side: a description of its own flags. */
    if (run.errors >= 0) fcntl(run.errors, F_SETFL, O_NONBLOCK);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* our own stderr may be a pipe that nobody reads */
    int result = run.pid < 0 ? rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot run the %s hook '%s'", kind, hook->path) : wait_for(&run, err);
    signal(SIGPIPE, before);
    util_close(&run.errors);
    return result;
}

int hooks_run(const struct spec_hooks *hooks, const char *kind, const char *state, struct rt_error *err)
{
    for (size_t i = 0; i < hooks->count; i++)
        if (run_one(hooks, &hooks->items[i], kind, state, err)) return rt_wrap(err, "error running %s hook #%zu", kind, i);
    return 0;
}
