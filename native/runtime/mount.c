#include "runtime/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

int mount_clone(int dirfd, const char *source, int flags, bool recursive, struct rt_error *err)
{
    unsigned how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (unsigned)flags | (recursive ? AT_RECURSIVE : 0);
    int fd = (int)syscall(SYS_open_tree, dirfd, source, how);
    if (fd < 0) return rt_fail_at(err, source, "MOUNT_FAILED", errno, "open_tree", "cannot bind '%s'", source);
    return fd;
}

uint64_t mount_attributes(unsigned long flags)
{
    static const struct {
        unsigned long flag;
        uint64_t attribute;
    } MAP[] = {
        {MS_RDONLY, MOUNT_ATTR_RDONLY},         {MS_NOSUID, MOUNT_ATTR_NOSUID},   {MS_NODEV, MOUNT_ATTR_NODEV},
        {MS_NOEXEC, MOUNT_ATTR_NOEXEC},         {MS_NOATIME, MOUNT_ATTR_NOATIME}, {MS_STRICTATIME, MOUNT_ATTR_STRICTATIME},
        {MS_NODIRATIME, MOUNT_ATTR_NODIRATIME}, {MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW},
    };
    uint64_t attributes = 0;
    for (size_t i = 0; i < ARRAY_LEN(MAP); i++)
        if (flags & MAP[i].flag) attributes |= MAP[i].attribute;
    return attributes;
}

int mount_change(int fd, const struct mount_change *change, bool recursive)
{
    struct mount_attr attr = {.attr_set = change->set, .attr_clr = change->clear, .propagation = change->propagation, .userns_fd = (unsigned)change->userns};
    return (int)syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr);
}

/* The flags of one bind, not of what is mounted below it; a mode of access times is one field and is cleared as such. */
static struct mount_change bind_change(const struct spec_mount *mount)
{
    const unsigned long atime = MS_NOATIME | MS_STRICTATIME | MS_RELATIME;
    struct mount_change change = {.set = mount_attributes(mount->flags), .clear = mount_attributes(mount->flags_clear & ~atime)};
    if ((mount->flags | mount->flags_clear) & atime) change.clear |= MOUNT_ATTR__ATIME;
    return change;
}

int mount_bind(int bundle_fd, const struct spec_mount *mount, int idmap_userns, struct rt_error *err)
{
    auto_close int fd = mount_clone(bundle_fd, mount->source, mount->source_nofollow ? AT_SYMLINK_NOFOLLOW : 0, mount->recursive_bind, err);
    if (fd < 0) return -1;
    struct mount_change one = bind_change(mount);
    struct mount_change all = {.set = mount->recursive_set, .clear = mount->recursive_clear};
    struct mount_change mapped = {.set = MOUNT_ATTR_IDMAP, .userns = idmap_userns};
    if ((one.set || one.clear) && mount_change(fd, &one, false))
        return rt_fail_at(err, mount->destination, "MOUNT_FAILED", errno, "mount_setattr", "cannot set the options of the mount on '%s'", mount->destination);
    if ((all.set || all.clear) && mount_change(fd, &all, true))
        return rt_fail_at(err, mount->destination, "MOUNT_FAILED", errno, "mount_setattr", "cannot set the recursive options of the mount on '%s'", mount->destination);
    if (idmap_userns >= 0 && mount_change(fd, &mapped, mount->idmap_recursive))
        return rt_fail_at(err, mount->source, "MOUNT_FAILED", errno, "mount_setattr", "cannot map the ids of '%s' for the mount on '%s'", mount->source, mount->destination);
    return take_fd(&fd);
}

static int set_option(int fs, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
}

/* "a,b=c": a file system that knows no keys of its own takes the whole as its mount data, which fsconfig collects for it. */
static int set_data(int fs, const char *type, const char *data, struct rt_error *err)
{
    auto_free char *copy = rt_strdup(data, err);
    if (!copy) return -1;
    char *rest = copy;
    for (char *option; (option = strsep(&rest, ","));) {
        if (!*option) continue;
        char *value = strchr(option, '=');
        if (value) *value++ = 0;
        if (set_option(fs, option, value))
            return rt_fail(err, "MOUNT_FAILED", errno, "fsconfig", "cannot mount a file system of type '%s' with option '%s%s%s'", type, option, value ? "=" : "", value ? value : "");
    }
    return 0;
}

static int set_superblock_flags(int fs, unsigned long flags)
{
    static const struct {
        unsigned long flag;
        const char *name;
    } MAP[] = {{MS_SYNCHRONOUS, "sync"}, {MS_DIRSYNC, "dirsync"}, {MS_MANDLOCK, "mand"}, {MS_LAZYTIME, "lazytime"}, {MS_I_VERSION, "iversion"}, {MS_POSIXACL, "acl"}};
    for (size_t i = 0; i < ARRAY_LEN(MAP); i++)
        /* A flag to mount(2), these two are keys of those file systems that know them; by mount(2) the others took them and did nothing. */
        if (flags & MAP[i].flag && set_option(fs, MAP[i].name, NULL) && !(errno == EINVAL && MAP[i].flag & (MS_I_VERSION | MS_POSIXACL))) return -1;
    return 0;
}

int mount_new(const char *type, const char *source, const char *data, unsigned long flags, uint64_t attributes, struct rt_error *err)
{
    auto_close int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (fs < 0) return rt_fail(err, "MOUNT_FAILED", errno, "fsopen", "cannot mount a file system of type '%s'", type);
    if (source && set_option(fs, "source", source)) return rt_fail(err, "MOUNT_FAILED", errno, "fsconfig", "cannot mount '%s' of type '%s'", source, type);
    if (set_superblock_flags(fs, flags)) return rt_fail(err, "MOUNT_FAILED", errno, "fsconfig", "cannot set the options of a file system of type '%s'", type);
    if (data && set_data(fs, type, data, err)) return -1;
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) return rt_fail(err, "MOUNT_FAILED", errno, "fsconfig", "cannot make a file system of type '%s'", type);
    int fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
    if (fd < 0) return rt_fail(err, "MOUNT_FAILED", errno, "fsmount", "cannot mount a file system of type '%s'", type);
    return fd;
}

static int mount_id(int fd, uint64_t *id)
{
    struct statx stx;
    /* The call itself: the C library answers for a kernel, or a filter, that has none, without this. */
    if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) == 0 && stx.stx_mask & STATX_MNT_ID) {
        *id = stx.stx_mnt_id;
        return 0;
    }
    char path[40], text[1024];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    auto_close int info = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = info < 0 ? -1 : read_all(info, text, sizeof text - 1);
    if (size < 0) return -1;
    text[size] = 0;
    const char *found = strstr(text, "mnt_id:");
    if (!found) return -1;
    *id = strtoull(found + strlen("mnt_id:"), NULL, 10);
    return 0;
}

static bool is_directory(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int mount_attach(int tree, int target, int rootfd, const char *path, struct rt_error *err)
{
    if (syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)) {
        /* The kernel's EINVAL stands for a directory upon a file as well; clients know the case by this word. */
        int fault = errno == EINVAL && is_directory(tree) != is_directory(target) ? ENOTDIR : errno;
        return rt_fail_at(err, path, "MOUNT_FAILED", fault, "move_mount", "cannot mount on '%s'", path);
    }
    uint64_t wanted, found;
    auto_close int now = open_in_root(rootfd, path, O_PATH, 0, err);
    if (now < 0 || mount_id(tree, &wanted) || mount_id(now, &found) || wanted != found)
        return rt_fail_at(err, path, "MOUNT_FAILED", 0, NULL, "the place '%s' changed while it was mounted upon", path);
    return 0;
}

int mount_seal(int fd, int rootfd, const char *path, struct rt_error *err)
{
    const struct mount_change change = {.set = MOUNT_ATTR_RDONLY};
    if (mount_change(fd, &change, false) == 0) return 0;
    if (errno != EINVAL) return rt_fail_at(err, path, "MOUNT_FAILED", errno, "mount_setattr", "cannot make '%s' read-only", path);
    auto_close int place = open_in_root(rootfd, path, O_PATH, 0, err);
    auto_close int tree = place < 0 ? -1 : mount_clone(place, "", AT_EMPTY_PATH, true, err);
    if (tree < 0) return -1;
    if (mount_change(tree, &change, false)) return rt_fail_at(err, path, "MOUNT_FAILED", errno, "mount_setattr", "cannot make '%s' read-only", path);
    return mount_attach(tree, place, rootfd, path, err);
}
