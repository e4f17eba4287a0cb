#include "data/fresh-file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/util.h"
#include "data/place.h"

int fresh_clear_way(int dirfd, const char *name, const char *path, struct rt_error *err)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return place_fail(err, errno, "fstatat", path, "read the status of the place of");
    if (S_ISDIR(st.st_mode)) return rt_fail_at(err, path, "IS_A_DIRECTORY", EISDIR, "openat", "cannot copy '%s': there is a directory '%s' already", path, name);
    return unlinkat(dirfd, name, 0) == 0 ? 0 : place_fail(err, errno, "unlinkat", path, "replace the old");
}

int fresh_file(int dirfd, const char *name, const struct tar_entry *meta, struct rt_error *err)
{
    for (int tries = 0;; tries++) {
        int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, meta->mode & 0777);
        if (fd >= 0) return fd;
        if (errno != EEXIST || tries > 0) return place_fail(err, errno, "openat", meta->path, "create the copy of");
        if (fresh_clear_way(dirfd, name, meta->path, err) < 0) return -1;
    }
}

int fresh_settle(int fd, const struct tar_entry *meta, struct rt_error *err)
{
    struct stat st;
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, meta->mtime };
    if (fstat(fd, &st) < 0) return place_fail(err, errno, "fstat", meta->path, "read the status of the copy of");
    if (place_metadata(fd, &st, meta, err) < 0) return -1;
    return futimens(fd, times) == 0 ? 0 : place_fail(err, errno, "futimens", meta->path, "set the time of the copy of");
}
