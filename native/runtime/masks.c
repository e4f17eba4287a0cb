#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "runtime/device.h"
#include "runtime/mount.h"
#include "runtime/rootfs.h"

/* One empty read-only tmpfs and one null device serve for all masks. */
struct covers {
    int directory, file;
};

static int new_cover(bool directory, struct rt_error *err)
{
    if (!directory) return device_null_mount(err);
    return mount_new("tmpfs", "tmpfs", "nr_blocks=1,nr_inodes=1,mode=0555", 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
}

/* A path that is not there needs no mask. The first place gets the cover itself: before Linux 6.15 only what is mounted somewhere can be cloned. */
static int mask(struct covers *covers, int rootfd, const char *path, struct rt_error *err)
{
    struct stat st;
    auto_close int target = try_open_in_root(rootfd, path, O_PATH, 0);
    if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : rt_fail_at(err, path, "MOUNT_FAILED", errno, "openat2", "cannot mask '%s'", path);
    if (fstat(target, &st)) return rt_fail_at(err, path, "MOUNT_FAILED", errno, "fstat", "cannot mask '%s'", path);
    int *cover = S_ISDIR(st.st_mode) ? &covers->directory : &covers->file;
    if (*cover < 0) {
        *cover = new_cover(S_ISDIR(st.st_mode), err);
        return *cover < 0 ? -1 : mount_attach(*cover, target, rootfd, path, err);
    }
    auto_close int tree = mount_clone(*cover, "", AT_EMPTY_PATH, false, err);
    return tree < 0 ? -1 : mount_attach(tree, target, rootfd, path, err);
}

static int make_readonly(int rootfd, const char *path, struct rt_error *err)
{
    struct mount_change change = {.set = MOUNT_ATTR_RDONLY};
    auto_close int target = try_open_in_root(rootfd, path, O_PATH, 0);
    if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : rt_fail_at(err, path, "MOUNT_FAILED", errno, "openat2", "cannot make '%s' read-only", path);
    auto_close int tree = mount_clone(target, "", AT_EMPTY_PATH, true, err);
    if (tree < 0) return -1;
    if (mount_change(tree, &change, false)) return rt_fail_at(err, path, "MOUNT_FAILED", errno, "mount_setattr", "cannot make '%s' read-only", path);
    return mount_attach(tree, target, rootfd, path, err);
}

static bool repeated(const struct spec_strings *paths, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(paths->items[k], paths->items[i]) == 0) return true;
    return false;
}

int rootfs_finish(struct init *init, int rootfd, struct rt_error *err)
{
    const struct spec_linux *config = &init->spec->linux;
    struct covers covers = {.directory = -1, .file = -1};
    struct mount_change readonly = {.set = MOUNT_ATTR_RDONLY};
    int result = 0;
    for (size_t i = 0; !result && i < config->readonly_paths.count; i++) result = make_readonly(rootfd, config->readonly_paths.items[i], err);
    for (size_t i = 0; !result && i < config->masked_paths.count; i++)
        if (!repeated(&config->masked_paths, i)) result = mask(&covers, rootfd, config->masked_paths.items[i], err);
    util_close(&covers.directory);
    util_close(&covers.file);
    if (result) return -1;
    if (init->spec->root_readonly && mount_change(rootfd, &readonly, false)) return rt_fail(err, "MOUNT_FAILED", errno, "mount_setattr", "cannot make the root read-only");
    return 0;
}
