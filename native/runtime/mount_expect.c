#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "runtime/mount_point.h"

static bool is_noted(const struct mount_points *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].path, path) == 0) return true;
    return false;
}

static int note(struct mount_points *list, int rootfd, const char *path, struct rt_error *err)
{
    struct rt_error ignored;
    struct stat st = {0};
    struct mount_point point = {0};
    const char *name;
    auto_close int there = try_open_in_root(rootfd, path, O_PATH | O_NOFOLLOW, 0);
    if (there >= 0 || errno != ENOENT || is_noted(list, path)) return 0;
    auto_close int parent = open_parent_in_root(rootfd, path, &name, &ignored);
    if (parent >= 0 && fstat(parent, &st) == 0) point.parent_before = st.st_mtim;
    return mount_points_add(list, &point, path, err);
}

int mount_points_expect(struct mount_points *list, int rootfd, const char *path, struct rt_error *err)
{
    auto_free char *work = path_clean(path, err);
    if (!work) return -1;
    for (char *slash = work; *work && slash;) {
        slash = strchr(slash, '/');
        if (slash) *slash = 0;
        if (note(list, rootfd, work, err)) return -1;
        if (slash) *slash++ = '/';
    }
    return 0;
}

void mount_points_settle(struct mount_points *list, int rootfd)
{
    for (size_t i = 0; i < list->count; i++) {
        struct mount_point *point = &list->items[i].point;
        struct rt_error ignored;
        struct stat st, parent_st;
        const char *name;
        auto_close int parent = open_parent_in_root(rootfd, list->items[i].path, &name, &ignored);
        if (parent < 0 || fstat(parent, &parent_st) || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW)) continue; /* inode 0 is nobody's */
        point->directory = S_ISDIR(st.st_mode);
        point->inode = st.st_ino;
        point->changed = st.st_ctim;
        point->parent_after = parent_st.st_mtim;
        /* Made with it: the directory around did not exist, its time does not matter. */
        if (point->parent_before.tv_sec == 0) point->parent_before = parent_st.st_mtim;
    }
}
