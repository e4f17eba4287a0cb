#include "runtime/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/util.h"

enum { PROC_ROOT_INODE = 1 };

static bool is_proc_root(int fd)
{
    struct statfs fs;
    struct stat st;
    return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC && fstat(fd, &st) == 0 && st.st_ino == PROC_ROOT_INODE;
}

int procfs_open(struct rt_error *err)
{
    auto_close int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return rt_fail(err, "NATIVE_FAILED", errno, "open", "cannot open /proc");
    if (!is_proc_root(fd)) return rt_fail_at(err, "/proc", "NATIVE_FAILED", 0, NULL, "what is mounted at /proc is not a procfs");
    return take_fd(&fd);
}

int procfs_open_at(int procfd, const char *path, int flags)
{
    const struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    int fd = (int)syscall(SYS_openat2, procfd, path, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    /* No openat2 (an old seccomp profile around us, which may answer EPERM): open, then see that it still is of procfs. */
    struct statfs fs;
    fd = openat(procfd, path, flags | O_CLOEXEC);
    if (fd >= 0 && (fstatfs(fd, &fs) || fs.f_type != PROC_SUPER_MAGIC)) {
        util_close(&fd);
        fd = -1;
        errno = EXDEV;
    }
    return fd;
}

int procfs_write(int procfd, const char *path, const char *value, struct rt_error *err)
{
    auto_close int fd = procfs_open_at(procfd, path, O_WRONLY);
    if (fd < 0) return rt_fail_at(err, path, "NATIVE_FAILED", errno, "openat2", "cannot open /proc/%s", path);
    if (write_all(fd, value, strlen(value))) return rt_fail_at(err, path, "NATIVE_FAILED", errno, "write", "cannot write '%s' to /proc/%s", value, path);
    return 0;
}
