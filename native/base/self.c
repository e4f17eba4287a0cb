#include "base/self.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"

extern char **environ;

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

bool self_is_protected(void)
{
    struct statvfs fs;
    auto_close int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    int seals = fcntl(fd, F_GET_SEALS);
    return (seals >= 0 && (seals & SEALS) == SEALS) || (fstatvfs(fd, &fs) == 0 && fs.f_flag & ST_RDONLY);
}

static int readonly_mount(int exe)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
    auto_close int fd = (int)syscall(SYS_open_tree, exe, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return -1;
    return take_fd(&fd);
}

static int sealed_copy(int exe, struct rt_error *err)
{
    struct stat st;
    auto_close int fd = memfd_create("tsbuild-core", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || fstat(exe, &st) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "memfd_create", "cannot make a copy of the core that containers cannot reach");
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(fd, exe, NULL, (size_t)left);
        if (n <= 0 && errno != EINTR) return rt_fail(err, "NATIVE_FAILED", errno, "sendfile", "cannot make a copy of the core that containers cannot reach");
        left -= n > 0 ? n : 0;
    }
    if (fchmod(fd, 0500) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fcntl", "cannot seal the copy of the core");
    return take_fd(&fd);
}

int self_protect(char *const argv[], struct rt_error *err)
{
    auto_close int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (exe < 0) return rt_fail(err, "NATIVE_FAILED", errno, "open", "cannot open the core's own binary");
    auto_close int mount = readonly_mount(exe);
    if (mount >= 0) syscall(SYS_execveat, mount, "", argv, environ, AT_EMPTY_PATH);
    auto_close int copy = sealed_copy(exe, err);
    if (copy < 0) return -1;
    syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
    return rt_fail(err, "NATIVE_FAILED", errno, "execveat", "cannot start the protected copy of the core");
}
