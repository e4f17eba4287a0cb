#include "monitor/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"

int daemon_report(int maker, const struct daemon_report *report, const struct rt_error *err)
{
    if (send(maker, report, sizeof *report, MSG_NOSIGNAL) != sizeof *report) return -1;
    return err ? rt_error_send(maker, err) : 0;
}

/* Keeps only `maker`, moved to descriptor 3; 0, 1 and 2 are /dev/null. */
static int let_go(int maker)
{
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || maker < 3) return -1;
    if (maker != 3 && dup3(maker, 3, O_CLOEXEC) < 0) return -1;
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) < 0) return -1;
    take_fd(&null);
    return close_descriptors(4, ~0u, 0);
}

static void second_fork(const struct monitor_config *config, int maker)
{
    setsid();
    pid_t pid = fork();
    if (pid != 0) _exit(pid < 0 ? 1 : 0);
    reset_signals();
    signal(SIGPIPE, SIG_IGN);
    if (let_go(maker) < 0) _exit(1);
    prctl(PR_SET_NAME, "tsbuild-monitor");
    monitor_run(config, 3);
}

/* What the monitor tells. While we wait a signal may cancel the plan: the closed socket tells the monitor. */
static int await_report(int monitor, struct daemon_report *out, struct rt_error *err)
{
    for (;;) {
        struct pollfd ready = {.fd = monitor, .events = POLLIN};
        int n = poll(&ready, 1, -1);
        if (n < 0 && errno == EINTR) {
            if (plan_check(err)) return -1;
            continue;
        }
        if (n < 0) return rt_fail(err, "NATIVE_FAILED", errno, "poll", "cannot wait for the monitor");
        break;
    }
    if (read_all(monitor, out, sizeof *out) != sizeof *out) return rt_fail(err, "NATIVE_FAILED", 0, NULL, "the monitor died before the container ran");
    if (!out->failed) return 0;
    return rt_error_recv(monitor, err) == 1 ? -1 : rt_fail(err, "NATIVE_FAILED", 0, NULL, "the monitor died while it told of an error");
}

int daemon_start(struct plan *plan, const struct monitor_config *config, struct daemon_report *out, struct rt_error *err)
{
    int ends[2];
    (void)plan;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return rt_fail(err, "NATIVE_FAILED", errno, "socketpair", "cannot make a socket for the monitor");
    auto_close int monitor = ends[0], maker = ends[1];
    pid_t child = fork();
    if (child < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot start the monitor");
    if (child == 0) second_fork(config, maker);
    util_close(&maker);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    return await_report(monitor, out, err);
}
