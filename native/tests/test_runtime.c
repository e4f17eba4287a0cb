#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "runtime/procfs.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "tests/check.h"

static void in_child(void (*check)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        check();
        exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

/* Whatever is at /proc, an image's directory or a part of the real one, passes for it only when it is a whole procfs. */
static void check_procfs(void)
{
    struct rt_error err = { 0 };
    int fd = procfs_open(&err);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mount("/proc/sys", "/proc", NULL, MS_BIND, NULL) == 0);
    CHECK(procfs_open(&err) == -1);
    CHECK_STR(err.message, "what is mounted at /proc is not a procfs");
    CHECK(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
    CHECK(procfs_open(&err) == -1);
    CHECK_STR(err.message, "what is mounted at /proc is not a procfs");
}

static void load(const char *profile)
{
    struct rt_error err = { 0 };
    struct sock_fprog program;
    int listener;
    auto_free char *text = NULL;
    CHECK(asprintf(&text, "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"/\"},\"process\":{\"cwd\":\"/\",\"args\":[\"x\"],\"user\":{\"uid\":0,\"gid\":0}},\"linux\":{\"seccomp\":%s}}", profile) > 0);
    auto_json json_t *json = json_parse(text, strlen(text), "PLAN_INVALID", "config", &err);
    struct spec *spec = json ? spec_from_json(json, &err) : NULL;
    if (!spec) fprintf(stderr, "%s\n", err.message);
    CHECK(spec && filter_compile(spec->linux.seccomp, -1, &program, &err) == 0);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && filter_load(&program, 0, &listener, &err) == 0);
    free(program.filter);
    spec_free(spec);
}

#define NEWER_THAN_ALL 5000
#define PROFILE(action) "{\"defaultAction\":\"" action "\",\"syscalls\":[{\"names\":[\"exit_group\",\"exit\",\"write\",\"munmap\",\"brk\",\"futex\",\"statx\"],\"action\":\"SCMP_ACT_ALLOW\"}]}"

static long answer(long number)
{
    errno = 0;
    return syscall(number, -1, 0, 0, 0, 0, 0) == -1 ? errno : 0;
}

/* Programs fall back to an older call where a newer one is not there, and fail where it is forbidden. */
static void check_newer_calls(void)
{
    load(PROFILE("SCMP_ACT_ERRNO"));
    CHECK(answer(NEWER_THAN_ALL) == ENOSYS);
    CHECK(answer(SYS_getppid) == EPERM); /* older than the newest that the profile knows, and not among them */
}

int main(void)
{
    if (geteuid() != 0) SKIP("mounting on /proc needs root");
    in_child(check_procfs);
    in_child(check_newer_calls);
    return 0;
}
