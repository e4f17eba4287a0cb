#include "runtime/mount_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* One component below a directory: makes it and tells of it. Somebody else may make it first. */
static int make(int parent, const char *name, const char *path, bool directory, mount_point_made *made, void *context, struct rt_error *err)
{
    struct stat before, after, self;
    struct mount_point point = {.directory = directory};
    if (fstat(parent, &before)) return path_fail(err, errno, "fstat", path, "look at the directory of");
    if (directory) {
        if (mkdirat(parent, name, 0755)) return errno == EEXIST ? 0 : path_fail(err, errno, "mkdirat", path, "make the mount point");
    } else {
        auto_close int fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0755);
        if (fd < 0) return errno == EEXIST ? 0 : path_fail(err, errno, "openat", path, "make the mount point");
    }
    if (!made) return 0;
    if (fstat(parent, &after) || fstatat(parent, name, &self, AT_SYMLINK_NOFOLLOW)) return path_fail(err, errno, "fstat", path, "look at the mount point");
    point.inode = self.st_ino;
    point.changed = self.st_ctim;
    point.parent_before = before.st_mtim;
    point.parent_after = after.st_mtim;
    return made(context, &point, path, err);
}

/* Where a symbolic link at the end of `path` leads, as a path from the root; the path itself where there is none. Fresh memory. */
static char *follow_link(int parent, const char *name, const char *path, struct rt_error *err)
{
    char target[PATH_MAX];
    ssize_t size = readlinkat(parent, name, target, sizeof target - 1);
    if (size < 0) return rt_strdup(path, err);
    target[size] = 0;
    if (target[0] == '/') return rt_strdup(target, err);
    const char *slash = strrchr(path, '/');
    return rt_printf(err, "%.*s/%s", slash ? (int)(slash - path) : 0, path, target);
}

/* Makes what is missing of one path, component by component; a dangling link is made at the place to which it points. */
static int make_path(int rootfd, const char *path, bool directory, int links, mount_point_made *made, void *context, struct rt_error *err)
{
    if (links > 40) return path_fail(err, ELOOP, "open", path, "make the mount point");
    auto_free char *work = rt_strdup(path, err);
    if (!work) return -1;
    for (char *end = work; end;) {
        end = strchr(end + strspn(end, "/"), '/');
        if (end && !end[strspn(end, "/")]) end = NULL;
        if (end) *end = 0;
        auto_close int there = try_open_in_root(rootfd, work, O_PATH, 0);
        if (there < 0 && errno != ENOENT) return path_fail(err, errno, "openat2", work, "open");
        if (there < 0) {
            const char *name;
            auto_close int parent = open_parent_in_root(rootfd, work, &name, err);
            if (parent < 0) return -1;
            auto_free char *target = follow_link(parent, name, work, err);
            if (!target) return -1;
            bool is_directory = directory || end != NULL;
            int result = strcmp(target, work) != 0 ? make_path(rootfd, target, is_directory, links + 1, made, context, err)
                                                   : make(parent, name, work, is_directory, made, context, err);
            if (result) return -1;
        }
        if (end) *end++ = '/';
    }
    return 0;
}

int mount_point_open(int rootfd, const char *path, bool directory, mount_point_made *made, void *context, struct rt_error *err)
{
    int fd = try_open_in_root(rootfd, path, O_PATH, 0);
    if (fd >= 0) return fd;
    auto_free char *clean = path_clean(path, err);
    if (!clean || make_path(rootfd, clean, directory, 0, made, context, err)) return -1;
    return open_in_root(rootfd, path, O_PATH, 0, err);
}

int mount_points_add(struct mount_points *list, const struct mount_point *point, const char *path, struct rt_error *err)
{
    struct mount_point_entry *items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (!items) return rt_nomem(err);
    list->items = items;
    items[list->count] = (struct mount_point_entry){.point = *point, .path = rt_strdup(path, err)};
    if (!items[list->count].path) return -1;
    list->count++;
    return 0;
}

static int remove_one(const struct mount_point_entry *entry, int rootfd, struct rt_error *err)
{
    const char *name;
    struct stat self, parent_now;
    auto_close int parent = open_parent_in_root(rootfd, entry->path, &name, err);
    if (parent < 0) return strcmp(err->code, "PATH_MISSING") == 0 ? 0 : -1;
    if (fstatat(parent, name, &self, AT_SYMLINK_NOFOLLOW) || fstat(parent, &parent_now)) return 0;
    if (self.st_ino != entry->point.inode || S_ISDIR(self.st_mode) != entry->point.directory) return 0;
    /* A directory's ctime moves with the mount points made and removed inside it; whether it is empty is what counts. */
    if (!entry->point.directory && (self.st_size || !same_time(self.st_ctim, entry->point.changed))) return 0;
    if (unlinkat(parent, name, entry->point.directory ? AT_REMOVEDIR : 0)) return errno == ENOTEMPTY || errno == ENOENT ? 0 : path_fail(err, errno, "unlinkat", entry->path, "remove the mount point");
    /* Either the next later one was removed before, or this was the last that was made. */
    if (!same_time(parent_now.st_mtim, entry->point.parent_after) && !same_time(parent_now.st_mtim, entry->point.parent_before)) return 0;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, entry->point.parent_before};
    auto_close int directory = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || futimens(directory, times)) return path_fail(err, errno, "futimens", entry->path, "set back the time of the directory of");
    return 0;
}

int mount_points_remove(const struct mount_points *list, int rootfd, struct rt_error *err)
{
    for (size_t i = list->count; i-- > 0;)
        if (remove_one(&list->items[i], rootfd, err)) return -1;
    return 0;
}

void mount_points_free(struct mount_points *list)
{
    for (size_t i = 0; i < list->count; i++) free(list->items[i].path);
    free(list->items);
    *list = (struct mount_points){0};
}
