#include "runtime/copy_up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

static int fail(struct rt_error *err, const char *name, const char *syscall)
{
    return rt_fail_at(err, name, "MOUNT_FAILED", errno, syscall, "cannot copy '%s' to the tmpfs", name);
}

static int copy_file(int from, int to, const char *name, const struct stat *st, struct rt_error *err)
{
    auto_close int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    auto_close int out = openat(to, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, st->st_mode & 07777);
    if (in < 0 || out < 0) return fail(err, name, "openat");
    for (ssize_t n; (n = sendfile(out, in, NULL, 1 << 20)) != 0;)
        if (n < 0 && errno != EINTR) return fail(err, name, "sendfile");
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchown(out, st->st_uid, st->st_gid) || fchmod(out, st->st_mode & 07777) || futimens(out, times)) return fail(err, name, "fchown");
    return 0;
}

static int copy_link(int from, int to, const char *name, const struct stat *st, struct rt_error *err)
{
    char target[PATH_MAX];
    ssize_t size = readlinkat(from, name, target, sizeof target - 1);
    if (size < 0) return fail(err, name, "readlinkat");
    target[size] = 0;
    if (symlinkat(target, to, name) || fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW)) return fail(err, name, "symlinkat");
    return 0;
}

static int copy_directory(int from, int to, int depth, struct rt_error *err);

static int copy_entry(int from, int to, const char *name, int depth, struct rt_error *err)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW)) return fail(err, name, "fstatat");
    if (S_ISREG(st.st_mode)) return copy_file(from, to, name, &st, err);
    if (S_ISLNK(st.st_mode)) return copy_link(from, to, name, &st, err);
    if (!S_ISDIR(st.st_mode)) return 0;
    if (mkdirat(to, name, 0700)) return fail(err, name, "mkdirat");
    auto_close int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_close int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0 || out < 0) return fail(err, name, "openat");
    return copy_directory(in, out, depth + 1, err);
}

static int copy_directory(int from, int to, int depth, struct rt_error *err)
{
    enum { MAX_DEPTH = 256 };
    struct stat st;
    if (depth > MAX_DEPTH) return errno = ELOOP, fail(err, "…", "openat");
    auto_close int reader = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *list = reader < 0 ? NULL : fdopendir(reader);
    if (!list) return fail(err, ".", "fdopendir");
    take_fd(&reader);
    for (struct dirent *entry; errno = 0, (entry = readdir(list));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && copy_entry(from, to, entry->d_name, depth, err)) return -1;
    if (errno || fstat(from, &st)) return fail(err, ".", "readdir");
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    if (fchown(to, st.st_uid, st.st_gid) || fchmod(to, st.st_mode & 07777) || futimens(to, times)) return fail(err, ".", "fchown");
    return 0;
}

int copy_up(int source, int target, struct rt_error *err)
{
    auto_close int from = openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int to = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0 || to < 0) return fail(err, ".", "openat");
    return copy_directory(from, to, 0, err);
}
