#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "runtime/cgroup_mount.h"
#include "runtime/copy_up.h"
#include "runtime/device.h"
#include "runtime/mount.h"
#include "runtime/rootfs.h"
#include "runtime/sync.h"

static int report(void *context, const struct mount_point *point, const char *path, struct rt_error *err)
{
    const struct init *init = context;
    auto_buf struct buf data = {0};
    if (buf_add(&data, point, sizeof *point, err) || buf_add(&data, path, strlen(path) + 1, err)) return -1;
    return sync_send(init->sync, SYNC_MOUNT_POINT, data.data, data.size, -1) ? rt_fail(err, "NATIVE_FAILED", errno, "sendmsg", "cannot report a mount point") : 0;
}

static int target_open(struct init *init, int rootfd, const char *path, bool directory, struct rt_error *err)
{
    return mount_point_open(rootfd, path, directory, init->params->mount_points ? report : NULL, init, err);
}

static bool on_procfs(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* What lxcfs and the like put over single files of procfs; anything else there could turn the kernel's own checks around (CVE-2019-16884, CVE-2019-19921). */
static bool allowed_in_proc(const char *path)
{
    static const char *const FILES[] = {
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg", "/proc/slabinfo", "/proc/net/dev",
        "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
    };
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++)
        if (strcmp(FILES[i], path) == 0) return true;
    return false;
}

static int check_target(const struct spec_mount *mount, int tree, int target, struct rt_error *err)
{
    const char *path = mount->destination;
    if (strcmp(path, "/proc") == 0 && tree >= 0 && !on_procfs(tree)) return rt_fail_at(err, path, "MOUNT_FAILED", 0, NULL, "cannot mount on '/proc': what is mounted is not a procfs");
    if (strcmp(path, "/proc") != 0 && on_procfs(target) && !allowed_in_proc(path))
        return rt_fail_at(err, path, "MOUNT_FAILED", 0, NULL, "cannot mount on '%s': it is inside of procfs", path);
    return 0;
}

/* proc and sysfs go to a real directory only: behind a link the runtime's own writes to /proc could be turned elsewhere (CVE-2019-19921). */
static int check_ordinary(int rootfd, const struct spec_mount *mount, struct rt_error *err)
{
    const struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
    auto_close int fd = (int)syscall(SYS_openat2, rootfd, mount->destination, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) fd = open_in_root(rootfd, mount->destination, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, err);
    else if (fd < 0) rt_fail_at(err, mount->destination, "MOUNT_FAILED", errno, "openat2", "cannot mount '%s' on '%s': it must be mounted on ordinary directory", mount->type, mount->destination);
    return fd < 0 ? -1 : 0;
}

static bool is_type(const struct spec_mount *mount, const char *type)
{
    return !mount->bind && mount->type && strcmp(mount->type, type) == 0;
}

/* The kernel gives a fresh proc or sysfs only to who owns the pid or network namespace; the host's, which is there already, is then bound. */
static int mount_kernel_fs(const struct spec_mount *mount, uint64_t attributes, struct rt_error *err)
{
    int fd = mount_new(mount->type, mount->type, mount->data, mount->flags, attributes, err);
    if (fd >= 0 || err->saved_errno != EPERM) return fd;
    auto_close int tree = mount_clone(AT_FDCWD, strcmp(mount->type, "proc") == 0 ? "/proc" : "/sys", 0, true, err);
    struct mount_change change = {.set = attributes, .userns = 0};
    if (tree < 0 || (attributes && mount_change(tree, &change, true))) return -1;
    return take_fd(&tree);
}

/* As docker expects it: a tmpfs over an existing directory keeps that one's permissions unless told otherwise. */
static char *tmpfs_data(const struct spec_mount *mount, int target, bool existed, struct rt_error *err)
{
    struct stat st;
    const char *data = mount->data ? mount->data : "";
    bool has_mode = strncmp(data, "mode=", 5) == 0 || strstr(data, ",mode=");
    if (has_mode || !existed || fstat(target, &st)) return rt_strdup(data, err);
    return rt_printf(err, "%s%smode=%o", data, *data ? "," : "", st.st_mode & 07777);
}

static int mount_tmpfs(const struct spec_mount *mount, int target, bool existed, struct rt_error *err)
{
    uint64_t attributes = mount_attributes(mount->flags & ~(unsigned long)MS_RDONLY);
    auto_free char *data = tmpfs_data(mount, target, existed, err);
    if (!data) return -1;
    auto_close int tree = mount_new("tmpfs", mount->source ? mount->source : "tmpfs", data, mount->flags, mount->copy_up ? 0 : attributes, err);
    if (tree < 0) return -1;
    if (!mount->copy_up) return take_fd(&tree);
    struct mount_change change = {.set = attributes};
    if (copy_up(target, tree, err)) return -1;
    if (attributes && mount_change(tree, &change, false)) return rt_fail_at(err, mount->destination, "MOUNT_FAILED", errno, "mount_setattr", "cannot set the options of '%s'", mount->destination);
    return take_fd(&tree);
}

/* An entry that changes what is already mounted: "remount", or nothing but a propagation. */
static int change_existing(const struct spec_mount *mount, int rootfd, struct rt_error *err)
{
    auto_close int fd = open_in_root(rootfd, mount->destination, O_PATH, 0, err);
    if (fd < 0) return rt_wrap(err, "cannot remount '%s'", mount->destination);
    if (mount->flags & MS_REMOUNT) {
        char place[64];
        snprintf(place, sizeof place, "/proc/self/fd/%d", fd);
        unsigned long flags = mount->flags | (mount->bind ? MS_BIND : 0);
        if (syscall(SYS_mount, mount->source, place, mount->type, flags, mount->data)) return rt_fail_at(err, mount->destination, "MOUNT_FAILED", errno, "mount", "cannot remount '%s'", mount->destination);
    }
    return 0;
}

static int set_propagation(const struct spec_mount *mount, int fd, struct rt_error *err)
{
    struct mount_change change = {.propagation = mount->propagation & ~(unsigned long)MS_REC};
    if (!mount->propagation || mount_change(fd, &change, mount->propagation & MS_REC) == 0) return 0;
    return rt_fail_at(err, mount->destination, "MOUNT_FAILED", errno, "mount_setattr", "cannot set the propagation of '%s'", mount->destination);
}

/* A tmpfs that is read-only in the end: what comes on top of it, and devices, need a place in it first. */
static bool sealed_later(const struct spec_mount *mount)
{
    return is_type(mount, "tmpfs") && mount->flags & MS_RDONLY && !(mount->flags & MS_REMOUNT);
}

int rootfs_seal(const struct spec *spec, int rootfd, struct rt_error *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct spec_mount *mount = &spec->mounts[i];
        if (!sealed_later(mount)) continue;
        auto_close int fd = open_in_root(rootfd, mount->destination, O_PATH, 0, err);
        if (fd < 0 || mount_seal(fd, rootfd, mount->destination, err)) return -1;
    }
    return 0;
}

static int mount_one(struct init *init, int bundle, int rootfd, size_t i, struct rt_error *err)
{
    const struct spec_mount *mount = &init->spec->mounts[i];
    bool change = mount->flags & MS_REMOUNT || (!mount->bind && (!mount->type || strcmp(mount->type, "none") == 0));
    if (change) {
        if (change_existing(mount, rootfd, err)) return -1;
        auto_close int fd = open_in_root(rootfd, mount->destination, O_PATH, 0, err);
        return fd < 0 ? -1 : set_propagation(mount, fd, err);
    }
    auto_close int tree = mount->bind && init->binds ? take_fd(&init->binds[i]) : -1;
    if (mount->bind && tree < 0 && (tree = mount_bind(bundle, mount, init->mappings ? init->mappings[i] : -1, err)) < 0) return -1;
    struct stat st = {.st_mode = S_IFDIR};
    if (tree >= 0 && fstat(tree, &st)) return rt_fail_at(err, mount->source, "MOUNT_FAILED", errno, "fstat", "cannot look at '%s'", mount->source);
    auto_close int before = try_open_in_root(rootfd, mount->destination, O_PATH, 0);
    auto_close int target = target_open(init, rootfd, mount->destination, S_ISDIR(st.st_mode), err);
    if (target < 0 || check_target(mount, tree, target, err)) return -1;
    if (is_type(mount, "cgroup") || is_type(mount, "cgroup2"))
        return cgroup_mount(init->cgroup, mount, init->spec->linux.namespaces[NS_CGROUP].wanted, target, rootfd, err);
    bool kernel_fs = is_type(mount, "proc") || is_type(mount, "sysfs");
    if (kernel_fs && check_ordinary(rootfd, mount, err)) return -1;
    if (kernel_fs) tree = mount_kernel_fs(mount, mount_attributes(mount->flags), err);
    else if (is_type(mount, "tmpfs")) tree = mount_tmpfs(mount, target, before >= 0, err);
    else if (!mount->bind) tree = mount_new(mount->type, mount->source ? mount->source : mount->type, mount->data, mount->flags, mount_attributes(mount->flags), err);
    /* Attached to what is shared a mount becomes so as well, therefore its own kind comes last; only in a tree without a namespace nothing can be changed then. */
    bool own = init->spec->linux.namespaces[NS_MOUNT].wanted;
    if (tree < 0 || (!own && set_propagation(mount, tree, err)) || mount_attach(tree, target, rootfd, mount->destination, err)) return -1;
    return own ? set_propagation(mount, tree, err) : 0;
}

/* Takes a mount from where it is attached. */
static int detach(int mount, struct rt_error *err)
{
    auto_close int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (back < 0 || fchdir(mount) || umount2(".", MNT_DETACH) || fchdir(back)) return rt_fail(err, "MOUNT_FAILED", errno, "umount2", "cannot detach a tree");
    return 0;
}

/*
 * A subtree of another tree. Its mount is attached on top of "/" for the moment, since older kernels clone only what is attached somewhere. The container's root
 * may lie there already: what stayed on it would be the root of everybody who joins the mount namespace.
 */
static int mount_tree(struct init *init, const struct runtime_tree_mount *mount, int rootfd, struct rt_error *err)
{
    auto_close int place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    struct mount_change change = {.set = MOUNT_ATTR_RDONLY};
    if (place < 0 || syscall(SYS_move_mount, mount->tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
        return rt_fail_at(err, mount->target, "MOUNT_FAILED", errno, "move_mount", "cannot mount on '%s'", mount->target);
    auto_close int source = open_in_root(mount->tree, mount->source, O_PATH, 0, err);
    if (source < 0) return rt_wrap(err, "cannot mount on '%s'", mount->target);
    auto_close int tree = mount_clone(source, "", AT_EMPTY_PATH, true, err);
    if (tree < 0 || detach(mount->tree, err)) return -1;
    if (fstat(tree, &st)) return rt_fail_at(err, mount->target, "MOUNT_FAILED", errno, "fstat", "cannot look at '%s'", mount->source);
    if (mount->readonly && mount_change(tree, &change, true)) return rt_fail_at(err, mount->target, "MOUNT_FAILED", errno, "mount_setattr", "cannot make '%s' read-only", mount->target);
    auto_close int target = target_open(init, rootfd, mount->target, S_ISDIR(st.st_mode), err);
    if (target < 0) return -1;
    if (on_procfs(target)) return rt_fail_at(err, mount->target, "MOUNT_FAILED", 0, NULL, "cannot mount on '%s': it is inside of procfs", mount->target);
    return mount_attach(tree, target, rootfd, mount->target, err);
}

static int mount_trees(struct init *init, size_t before, int rootfd, struct rt_error *err)
{
    for (size_t i = 0; i < init->params->tree_count; i++)
        if (init->params->trees[i].before == before && mount_tree(init, &init->params->trees[i], rootfd, err)) return -1;
    return 0;
}

static bool dev_is_bound(const struct spec *spec)
{
    for (size_t i = 0; i < spec->mount_count; i++)
        if (spec->mounts[i].bind && strcmp(spec->mounts[i].destination, "/dev") == 0) return true;
    return false;
}

int rootfs_mounts(struct init *init, int rootfd, struct rt_error *err)
{
    const struct spec *spec = init->spec;
    /* Opened again here: the kernel binds nothing that was reached in another mount namespace. */
    auto_close int bundle = init->params->bundle ? open(init->params->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    for (size_t i = 0; i < spec->mount_count; i++)
        if (mount_trees(init, i, rootfd, err) || mount_one(init, bundle < 0 ? init->bundle : bundle, rootfd, i, err)) return -1;
    if (mount_trees(init, spec->mount_count, rootfd, err)) return -1;
    return dev_is_bound(spec) ? 0 : devices_make(rootfd, &spec->linux, init->user_namespace, init->devices, err);
}
