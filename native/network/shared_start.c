#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "network/shared.h"
#include "network/shared_holder.h"
#include "network/shared_wire.h"

/* What stays open is the holder's, the lock too; its parent is init before it begins. */
static void become_holder(const struct plan *plan, int directory, const char *program, int maker)
{
    setsid();
    pid_t parent = getpid(), child = fork();
    if (child != 0)
        _exit(child < 0);
    while (getppid() == parent) usleep(1000);
    reset_signals();
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "tsbuild-network");
    prctl(PR_SET_PDEATHSIG, 0);
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        if (null < 0 || dup2(null, fd) < 0)
            _exit(1);
    close(plan->answer);
    if (chdir("/") < 0)
        _exit(1);
    shared_holder_run(plan, directory, program, maker);
}

static int start_holder(const struct plan *plan, int directory, const char *program, struct rt_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot start the holder of the user's network");
    auto_close int report = ends[0], maker = ends[1];
    pid_t child = fork();
    if (child < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot start the holder of the user's network");
    if (child == 0)
        become_holder(plan, directory, program, maker);
    util_close(&maker);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    return rt_error_recv(report, err) == 0 ? 0 : -1;
}

static bool is_claimed(int directory)
{
    const struct shared_request request = { .op = SHARED_CLAIM };
    int32_t result;
    int fds[SHARED_FDS];
    auto_close int holder = shared_connect(directory);
    return holder >= 0 && shared_send(holder, &request, sizeof request, NULL, 0) == 0 && shared_receive(holder, &result, sizeof result, fds) == sizeof result && result == 0;
}

int shared_hold(const struct plan *plan, const char *path, const char *program, struct rt_error *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return rt_fail_at(err, path, "NETWORK_FAILED", errno, "mkdir", "cannot make '%s'", path);
    auto_close int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int lock = directory < 0 || (mkdirat(directory, "members", 0700) < 0 && errno != EEXIST) ? -1 : openat(directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return rt_fail_at(err, path, "NETWORK_FAILED", errno, "open", "cannot open '%s'", path);
    /* Somebody else's holder may be about to begin or to end: its lock tells which. */
    for (;;) {
        if (plan_check(err) < 0)
            return -1;
        if (is_claimed(directory))
            return 0;
        if (flock(lock, LOCK_EX | LOCK_NB) == 0)
            return start_holder(plan, directory, program, err);
        usleep(10000);
    }
}
