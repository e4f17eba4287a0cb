#include "data/layer-same.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536

const char *layer_mark_name(bool trusted)
{
    return !trusted ? "user.overlay.tsbuild.same" : "trusted.overlay.tsbuild.same";
}

static bool same_owner_and_mode(const struct stat *a, const struct stat *b)
{
    return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

static bool same_time(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int same_xattrs(int fd, const struct xattr_list *xattrs, struct rt_error *err)
{
    auto_xattrs struct xattr_list lower = { 0 };
    if (xattr_list_read(fd, &lower, err) < 0) return -1;
    return xattr_list_equal(&lower, xattrs);
}

int layer_same_directory(int lowerfd, const struct stat *st, const struct xattr_list *xattrs, struct rt_error *err)
{
    struct stat lower;
    if (fstat(lowerfd, &lower) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fstat", "cannot read the status of a directory of a lower layer");
    return same_owner_and_mode(st, &lower) ? same_xattrs(lowerfd, xattrs, err) : 0;
}

static int same_content(int a, int b, struct rt_error *err)
{
    auto_free char *left = malloc(CHUNK), *right = malloc(CHUNK);
    if (!left || !right) return rt_nomem(err);
    for (off_t at = 0;;) {
        ssize_t n = pread_all(a, left, CHUNK, at), m = pread_all(b, right, CHUNK, at);
        if (n < 0 || m < 0) return rt_fail(err, "NATIVE_FAILED", errno, "pread", "cannot compare a file with that of the lower layer");
        if (n != m || memcmp(left, right, (size_t)n) != 0) return 0;
        if (n == 0) return 1;
        at += n;
    }
}

int layer_same_file(int lowerfd, const char *name, int fd, const struct stat *st, const struct xattr_list *xattrs, struct rt_error *err)
{
    struct stat lower;
    if (fstatat(lowerfd, name, &lower, AT_SYMLINK_NOFOLLOW) < 0 || !same_owner_and_mode(st, &lower) || !same_time(st, &lower) || st->st_size != lower.st_size)
        return 0;
    auto_close int other = openat(lowerfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (other < 0) return rt_fail_at(err, name, "NATIVE_FAILED", errno, "openat", "cannot open '%s' of the lower layer", name);
    int same = same_xattrs(other, xattrs, err);
    return same == 1 ? same_content(fd, other, err) : same;
}

bool layer_same_special(int lowerfd, const char *name, const struct stat *st, const char *target)
{
    struct stat lower;
    if (fstatat(lowerfd, name, &lower, AT_SYMLINK_NOFOLLOW) < 0 || !same_owner_and_mode(st, &lower) || !same_time(st, &lower)) return false;
    if (!S_ISLNK(st->st_mode)) return st->st_rdev == lower.st_rdev;
    char other[PATH_MAX];
    ssize_t n = readlinkat(lowerfd, name, other, sizeof other);
    return n >= 0 && (size_t)n == strlen(target) && memcmp(other, target, (size_t)n) == 0;
}
