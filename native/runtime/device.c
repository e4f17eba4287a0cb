#include "runtime/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "runtime/mount.h"

/* runtime-spec, config-linux.md, "Default Devices". */
const struct default_device default_devices[] = {
    {"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}, {NULL, 0, 0},
};

static const struct {
    const char *path, *target;
} LINKS[] = {
    {"/dev/fd", "/proc/self/fd"}, {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
    {"/dev/core", "/proc/kcore"}, {"/dev/ptmx", "pts/ptmx"},
};

static mode_t type_bits(char type)
{
    return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_device(const struct stat *st, const struct spec_device *device)
{
    if ((st->st_mode & S_IFMT) != type_bits(device->type)) return false;
    return device->type == 'p' || st->st_rdev == makedev(device->major, device->minor);
}

static int fail(struct rt_error *err, const char *syscall, const char *path)
{
    return rt_fail_at(err, path, "NATIVE_FAILED", errno, syscall, "cannot make the device '%s'", path);
}

/* The name of a device in the mount of devices_early: its place in the list. */
static void early_name(char out[24], size_t index)
{
    snprintf(out, 24, "%zu", index);
}

/* An id of the container as the host has it. */
static uint32_t outside(const struct spec_idmaps *maps, uint32_t id)
{
    for (size_t i = 0; i < maps->count; i++)
        if (id >= maps->items[i].inside && id - maps->items[i].inside < maps->items[i].count) return maps->items[i].outside + (id - maps->items[i].inside);
    return id;
}

int devices_early(const struct spec_linux *config)
{
    struct rt_error ignored;
    if (!config->device_count) return -1;
    auto_close int mount = mount_new("tmpfs", "devices", "mode=0700", 0, 0, &ignored);
    for (size_t i = 0; mount >= 0 && i < config->device_count; i++) {
        char name[24];
        const struct spec_device *device = &config->devices[i];
        early_name(name, i);
        if (mknodat(mount, name, type_bits(device->type) | device->mode, device->type == 'p' ? 0 : makedev(device->major, device->minor)) || fchmodat(mount, name, device->mode, 0) ||
            fchownat(mount, name, outside(&config->uid_maps, device->uid), outside(&config->gid_maps, device->gid), AT_SYMLINK_NOFOLLOW))
            return -1;
    }
    return take_fd(&mount);
}

/* Linux 6.15 clones from a mount that is attached nowhere; before, and without one, the host's node of the same path. */
static int clone_node(int nodes, size_t index, const char *path, struct rt_error *err)
{
    char name[24];
    early_name(name, index);
    int tree = nodes >= 0 ? mount_clone(nodes, name, AT_SYMLINK_NOFOLLOW, false, err) : -1;
    return tree >= 0 ? tree : mount_clone(AT_FDCWD, path, 0, false, err);
}

static int bind_device(int rootfd, const char *path, int nodes, size_t index, struct rt_error *err)
{
    auto_close int target = mount_point_open(rootfd, path, false, NULL, NULL, err);
    if (target < 0) return -1;
    auto_close int tree = clone_node(nodes, index, path, err);
    struct mount_change harmless = {.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
    if (tree < 0) return -1;
    if (mount_change(tree, &harmless, false)) return fail(err, "mount_setattr", path);
    return mount_attach(tree, target, rootfd, path, err);
}

/* Everything by the directory's descriptor: a link at the node's own place is replaced by nothing and refused by mknod. */
static int make_node(int rootfd, const struct spec_device *device, bool *denied, struct rt_error *err)
{
    const char *name;
    struct stat st;
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", device->path);
    *strrchr(parent, '/') = 0;
    auto_close int made = mkdirs_in_root(rootfd, *parent ? parent : "/", 0755, NULL, NULL, err);
    if (made < 0) return -1;
    auto_close int directory = open_parent_in_root(rootfd, device->path, &name, err);
    if (directory < 0) return -1;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (is_device(&st, device)) return 0;
        errno = EEXIST;
        return fail(err, "mknodat", device->path);
    }
    if (mknodat(directory, name, type_bits(device->type) | device->mode, device->type == 'p' ? 0 : makedev(device->major, device->minor))) {
        if (errno != EPERM) return fail(err, "mknodat", device->path);
        *denied = true;
        return 0;
    }
    if (fchmodat(directory, name, device->mode, 0)) return fail(err, "fchmodat", device->path);
    if ((device->uid || device->gid) && fchownat(directory, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW)) return fail(err, "fchownat", device->path);
    return 0;
}

static int make(int rootfd, const struct spec_device *device, bool bind, int nodes, size_t index, struct rt_error *err)
{
    bool denied = false;
    if (!bind && make_node(rootfd, device, &denied, err)) return -1;
    return bind || denied ? bind_device(rootfd, device->path, nodes, index, err) : 0;
}

static int link_all(int rootfd, struct rt_error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(LINKS); i++) {
        const char *name;
        auto_close int directory = open_parent_in_root(rootfd, LINKS[i].path, &name, err);
        if (directory < 0) return -1;
        if (strcmp(name, "core") == 0 && access("/proc/kcore", F_OK)) continue;
        if (symlinkat(LINKS[i].target, directory, name) && errno != EEXIST) return fail(err, "symlinkat", LINKS[i].path);
    }
    return 0;
}

static bool overridden(const struct spec_linux *config, const char *path)
{
    for (size_t i = 0; i < config->device_count; i++)
        if (strcmp(config->devices[i].path, path) == 0) return true;
    return false;
}

/* An image's /dev that is a link would have the nodes made somewhere else. */
static int check_dev(int rootfd, struct rt_error *err)
{
    struct stat st;
    auto_close int dev = try_open_in_root(rootfd, "dev", O_PATH | O_NOFOLLOW, 0);
    if (dev >= 0 && (fstat(dev, &st) || !S_ISDIR(st.st_mode))) return rt_fail_at(err, "/dev", "MOUNT_FAILED", ENOTDIR, NULL, "cannot make devices: '/dev' is no directory");
    return 0;
}

int devices_make(int rootfd, const struct spec_linux *config, bool bind, int nodes, struct rt_error *err)
{
    if (check_dev(rootfd, err)) return -1;
    for (const struct default_device *device = default_devices; device->path; device++) {
        if (overridden(config, device->path)) continue;
        const struct spec_device wanted = {.type = 'c', .path = device->path, .major = device->major, .minor = device->minor, .mode = 0666};
        if (make(rootfd, &wanted, bind, -1, 0, err)) return -1;
    }
    for (size_t i = 0; i < config->device_count; i++)
        if (make(rootfd, &config->devices[i], bind, nodes, i, err)) return -1;
    return link_all(rootfd, err);
}

int device_null_mount(struct rt_error *err)
{
    struct stat st;
    auto_close int tree = mount_clone(AT_FDCWD, "/dev/null", AT_SYMLINK_NOFOLLOW, false, err);
    if (tree < 0) return -1;
    if (fstat(tree, &st) || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) return rt_fail_at(err, "/dev/null", "MOUNT_FAILED", 0, NULL, "'/dev/null' is not the null device");
    return take_fd(&tree);
}
