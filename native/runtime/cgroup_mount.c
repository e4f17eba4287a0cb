#include "runtime/cgroup_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/cgroup_hierarchy.h"
#include "runtime/cgroup_internal.h"
#include "runtime/mount.h"

/* Without a cgroup namespace, or where a new mount is not allowed: the directory of the container's own cgroup. */
static int bind_own(const struct cgroup_hierarchy *hierarchy, uint64_t attributes, struct rt_error *err)
{
    auto_free char *path = rt_printf(err, "%s%s", hierarchy->mountpoint, hierarchy->own);
    if (!path) return -1;
    auto_close int tree = mount_clone(AT_FDCWD, path, 0, false, err);
    struct mount_change change = {.set = attributes};
    if (tree < 0) return -1;
    if (attributes && mount_change(tree, &change, false)) return rt_fail_at(err, path, "MOUNT_FAILED", errno, "mount_setattr", "cannot set the options of '%s'", path);
    return take_fd(&tree);
}

/* `options`: those of the v2 file system, or NULL. One that the kernel does not know is an error. */
static int mount_hierarchy(const struct cgroup_hierarchy *hierarchy, const char *options, uint64_t attributes, bool own_namespace, struct rt_error *err)
{
    int fd = -1;
    if (own_namespace) {
        if (hierarchy->unified) fd = mount_new("cgroup2", "cgroup", options, 0, attributes, err);
        else if (strncmp(hierarchy->controllers, "name=", 5) == 0) {
            auto_free char *data = rt_printf(err, "none,%s", hierarchy->controllers);
            fd = data ? mount_new("cgroup", "cgroup", data, 0, attributes, err) : -1;
        } else
            fd = mount_new("cgroup", "cgroup", hierarchy->controllers, 0, attributes, err);
    }
    return fd >= 0 || (options && err->saved_errno == EINVAL) ? fd : bind_own(hierarchy, attributes, err);
}

/* "/sys/fs/cgroup/cpu,cpuacct" → "cpu,cpuacct" */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_ours(const struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy)
{
    for (size_t i = 0; cgroup && i < cgroup->count; i++)
        if (strcmp(cgroup->places[i].mountpoint, hierarchy->mountpoint) == 0) return true;
    return false;
}

/* v1 and hybrid: a small tmpfs with one directory per hierarchy, and the short names of joined controllers as links. */
static int fill(int tmpfs, const struct cgroup *cgroup, const struct cgroup_hierarchies *list, uint64_t attributes, bool own_namespace, struct rt_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct cgroup_hierarchy *hierarchy = &list->items[i];
        const char *name = base_name(hierarchy->mountpoint);
        if (!is_ours(cgroup, hierarchy)) continue;
        if (mkdirat(tmpfs, name, 0755) && errno != EEXIST) return rt_fail_at(err, name, "MOUNT_FAILED", errno, "mkdirat", "cannot make the directory of the cgroup '%s'", name);
        auto_close int target = openat(tmpfs, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        auto_close int tree = target < 0 ? -1 : mount_hierarchy(hierarchy, NULL, attributes, own_namespace, err);
        if (target < 0) return rt_fail_at(err, name, "MOUNT_FAILED", errno, "openat", "cannot open the directory of the cgroup '%s'", name);
        if (tree < 0 || mount_attach(tree, target, tmpfs, name, err)) return -1;
        auto_free char *names = rt_strdup(hierarchy->controllers, err);
        if (!names) return -1;
        char *rest = names;
        for (char *one; !hierarchy->unified && strchr(hierarchy->controllers, ',') && (one = strsep(&rest, ","));)
            if (symlinkat(name, tmpfs, one) && errno != EEXIST) return rt_fail_at(err, one, "MOUNT_FAILED", errno, "symlinkat", "cannot link the cgroup '%s'", one);
    }
    return 0;
}

int cgroup_mount(const struct cgroup *cgroup, const struct spec_mount *mount, bool own_namespace, int target, int rootfd, struct rt_error *err)
{
    auto_hierarchies struct cgroup_hierarchies list;
    uint64_t attributes = mount_attributes(mount->flags);
    if (cgroup_hierarchies_read(0, &list, err)) return -1;
    const struct cgroup_hierarchy *v2 = cgroup_find_v2(&list);
    bool only_v2 = v2 && list.count == 1;
    if ((only_v2 && is_ours(cgroup, v2)) || (v2 && strcmp(mount->type, "cgroup2") == 0)) {
        auto_close int tree = mount_hierarchy(v2, mount->data, attributes, own_namespace, err);
        return tree < 0 ? -1 : mount_attach(tree, target, rootfd, mount->destination, err);
    }
    auto_close int tmpfs = mount_new("tmpfs", "cgroup", "mode=755", 0, attributes & ~(uint64_t)MOUNT_ATTR_RDONLY, err);
    if (tmpfs < 0 || mount_attach(tmpfs, target, rootfd, mount->destination, err) || fill(tmpfs, cgroup, &list, attributes, own_namespace, err)) return -1;
    return attributes & MOUNT_ATTR_RDONLY ? mount_seal(tmpfs, rootfd, mount->destination, err) : 0;
}
