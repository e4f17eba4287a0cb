#include "runtime/stdio.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* A terminal of the caller's, and devices such as /dev/null, are not the container's to own. */
static int give(int fd, const struct spec_user *user, struct rt_error *err)
{
    struct stat st;
    if (fstat(fd, &st)) return errno == EBADF ? 0 : rt_fail(err, "NATIVE_FAILED", errno, "fstat", "cannot look at stream %d", fd);
    if ((st.st_uid == user->uid && st.st_gid == user->gid) || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode)) return 0;
    /* What cannot be owned, on a read-only file system or by an id that is not mapped, stays usable through the descriptor itself. */
    if (fchown(fd, user->uid, user->gid) == 0 || errno == EPERM || errno == EROFS || errno == EINVAL || errno == EOPNOTSUPP) return 0;
    return rt_fail(err, "NATIVE_FAILED", errno, "fchown", "cannot hand over stream %d", fd);
}

int stdio_take(const int stdio[3], const struct spec_user *user, struct rt_error *err)
{
    for (int fd = 0; fd < 3; fd++) {
        if (stdio[fd] >= 0 && dup2(stdio[fd], fd) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "dup2", "cannot hand over stream %d", fd);
        if (give(fd, user, err)) return -1;
    }
    return 0;
}
