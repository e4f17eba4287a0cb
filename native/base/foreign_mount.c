#include "base/foreign_mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"

/* In the other's mount namespace, where the root is the other's: a link of its files leads nowhere else. The mount, or the negative errno. */
static int clone_there(int namespace, const char *path)
{
    if (setns(namespace, CLONE_NEWNS) < 0) return -errno;
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
    auto_close int place = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    struct statfs status;
    if (place < 0 || fstatfs(place, &status) < 0) return -errno;
    if (status.f_type != TMPFS_MAGIC) return -ENOTSUP;
    int mount = (int)syscall(SYS_open_tree, place, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount < 0) return -errno;
    struct mount_attr writable = { .attr_clr = MOUNT_ATTR_RDONLY };
    return syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &writable, sizeof writable) < 0 ? -errno : mount;
}

int foreign_mount_open(pid_t pid, const char *path, int *mount, struct rt_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/ns/mnt", (int)pid);
    auto_close int namespace = open(name, O_RDONLY | O_CLOEXEC);
    if (namespace < 0) return rt_fail_at(err, name, "PATH_MISSING", errno, "open", "the process %d that has '%s' is gone", (int)pid, path);
    int ends[2], answer = -EIO;
    if (pipe2(ends, O_CLOEXEC) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "pipe2", "cannot make a pipe");
    /* A child, because there is no way back into a root that is not its namespace's. It shares the descriptors: what it opens is ours. */
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        answer = clone_there(namespace, path);
        _exit(write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    int failed = errno;
    if (child > 0) {
        if (waitpid(child, NULL, 0) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 || read(ends[0], &answer, sizeof answer) != sizeof answer) answer = -EIO;
    } else answer = -failed;
    util_close(&ends[0]);
    util_close(&ends[1]);
    if (answer < 0) return rt_fail_at(err, path, "MOUNT_FAILED", -answer, "open_tree", "cannot share the file system at '%s' of process %d", path, (int)pid);
    *mount = answer;
    return 0;
}
