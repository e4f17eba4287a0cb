#include "data/remove-tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"

/* Directories deeper than this are moved up to the top first, so that no tree, however deep, costs more than this many descriptors. */
#define MAX_DEPTH 64

struct removal {
    int top;        /* the directory being removed */
    uint64_t moved; /* names given to directories that were moved to the top */
    uint64_t removed;
};

static int open_below(int dirfd, const char *name)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd; /* old container engines answer EPERM */
    fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat parent, child;
    if (fd >= 0 && fstat(dirfd, &parent) == 0 && fstat(fd, &child) == 0 && parent.st_dev != child.st_dev) {
        close(fd);
        errno = EXDEV;
        return -1;
    }
    return fd;
}

static int open_to_empty(int dirfd, const char *name)
{
    int fd = open_below(dirfd, name);
    if (fd >= 0 || errno != EACCES || fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW) < 0) return fd;
    return open_below(dirfd, name);
}

static int remove_fail(struct rt_error *err, const char *syscall, const char *name)
{
    return rt_fail_at(err, name, "NATIVE_FAILED", errno, syscall, "cannot remove '%s'", name);
}

static int empty_directory(struct removal *removal, int fd, int depth, struct rt_error *err);

static int move_to_top(struct removal *removal, int dirfd, const char *name, struct rt_error *err)
{
    for (;;) {
        char moved[32];
        snprintf(moved, sizeof moved, ".deep-%llu", (unsigned long long)removal->moved++);
        if (renameat2(dirfd, name, removal->top, moved, RENAME_NOREPLACE) == 0 || errno == ENOENT) return 0;
        if (errno == EXDEV) return 1; /* overlayfs cannot move what a lower layer has */
        if (errno != EEXIST) return remove_fail(err, "renameat2", name);
    }
}

/* The directory's own descriptor is given to empty_directory. */
static int remove_directory(struct removal *removal, int dirfd, const char *name, int depth, struct rt_error *err)
{
    int moved = depth < MAX_DEPTH ? 1 : move_to_top(removal, dirfd, name, err);
    if (moved != 1) return moved;
    int fd = open_to_empty(dirfd, name);
    if (fd < 0) return errno == ENOENT ? 0 : remove_fail(err, "openat2", name);
    if (empty_directory(removal, fd, depth + 1, err) < 0) return -1;
    if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT) return remove_fail(err, "rmdir", name);
    removal->removed++;
    return 0;
}

static int remove_entry(struct removal *removal, int dirfd, const char *name, int type, int depth, struct rt_error *err)
{
    if (type != DT_DIR) {
        if (unlinkat(dirfd, name, 0) == 0) {
            removal->removed++;
            return 0;
        }
        if (errno == ENOENT) return 0;
        if (errno != EISDIR) return remove_fail(err, "unlinkat", name);
    }
    return remove_directory(removal, dirfd, name, depth, err);
}

static int empty_directory(struct removal *removal, int fd, int depth, struct rt_error *err)
{
    auto_dir DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return remove_fail(err, "fdopendir", ".");
    }
    /* Directories moved to the top may come after the end of a listing, so it is read until it shows nothing new. */
    for (bool found = true; found;) {
        found = false;
        for (;;) {
            errno = 0;
            const struct dirent *entry = readdir(dir);
            if (!entry && errno != 0) return remove_fail(err, "readdir", ".");
            if (!entry) break;
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            if (plan_check(err) < 0) return -1;
            if (remove_entry(removal, dirfd(dir), entry->d_name, entry->d_type, depth, err) < 0) return -1;
            found = true;
        }
        rewinddir(dir);
    }
    return 0;
}

int remove_tree(int dirfd, const char *name, uint64_t *removed, struct rt_error *err)
{
    struct removal removal = { 0 };
    int result = 0;
    if (unlinkat(dirfd, name, 0) == 0) removal.removed = 1;
    else if (errno == EISDIR) {
        auto_close int top = open_to_empty(dirfd, name);
        removal.top = top;
        if (top < 0) return errno == ENOENT ? 0 : remove_fail(err, "openat2", name); /* another process removes it, too */
        int fd = fcntl(top, F_DUPFD_CLOEXEC, 0);
        if (fd < 0) return remove_fail(err, "fcntl", name);
        result = empty_directory(&removal, fd, 1, err);
        if (result == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT) result = remove_fail(err, "rmdir", name);
        if (result == 0) removal.removed++;
    } else if (errno != ENOENT) return remove_fail(err, "unlinkat", name);
    if (removed) *removed += removal.removed;
    return result;
}
