#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/mount.h"

/* Type bits without MS_REC. */
static const unsigned long TYPES = MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE;

static int set_propagation(int fd, const char *path, unsigned long propagation, struct rt_error *err)
{
    struct mount_attr attr = {.propagation = propagation & TYPES};
    if (syscall(SYS_mount_setattr, fd, path, AT_EMPTY_PATH | (propagation & MS_REC ? AT_RECURSIVE : 0), &attr, sizeof attr))
        return rt_fail(err, "MOUNT_FAILED", errno, "mount_setattr", "cannot set the propagation of mounts");
    return 0;
}

/*
 * With a shared root the container's mounts are meant to reach the host, all but that of its root: the namespace stays a peer, only the mount
 * that carries the new root becomes private. pivot_root asks for that as well.
 */
static bool stays_shared(const struct init *init)
{
    return init->spec->linux.rootfs_propagation & MS_SHARED;
}

int rootfs_attach(struct init *init, int *rootfd, struct rt_error *err)
{
    bool shared = stays_shared(init);
    if (set_propagation(AT_FDCWD, "/", shared ? MS_PRIVATE : MS_SLAVE | MS_REC, err)) return -1;
    auto_close int tree = init->root_tree;
    if (tree < 0 && (tree = mount_clone(init->bundle, init->root_path, 0, true, err)) < 0) return -1;
    if (set_propagation(tree, "", MS_PRIVATE, err)) return -1;
    /*
     * Attached where it comes from, so that hooks find their mounts again in the container. A tree without a place goes on top of "/": that hides nothing,
     * since a lookup starts below what is mounted on the root itself.
     */
    auto_close int place = open(init->root_path && !shared ? init->root_path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place < 0) return rt_fail_at(err, init->root_path, "MOUNT_FAILED", errno, "open", "cannot open the root '%s'", init->root_path);
    if (syscall(SYS_move_mount, tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
        return rt_fail(err, "MOUNT_FAILED", errno, "move_mount", "cannot attach the container's root");
    *rootfd = take_fd(&tree);
    return 0;
}

int rootfs_pivot(struct init *init, int rootfd, struct rt_error *err)
{
    if (init->params->no_pivot) return rootfs_move(rootfd, err);
    if (fchdir(rootfd)) return rt_fail(err, "MOUNT_FAILED", errno, "fchdir", "cannot enter the container's root");
    auto_close int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* pivot_root(2): with "." twice the old root lies on top of the new one, and no directory has to be made for it. */
    if (old < 0 || syscall(SYS_pivot_root, ".", ".")) return rt_fail(err, "MOUNT_FAILED", errno, "pivot_root", "cannot make the container's root the root");
    if (fchdir(old)) return rt_fail(err, "MOUNT_FAILED", errno, "fchdir", "cannot leave the old root");
    /* The host must not see it go. */
    if (set_propagation(AT_FDCWD, ".", MS_SLAVE | MS_REC, err)) return -1;
    if (umount2(".", MNT_DETACH)) return rt_fail(err, "MOUNT_FAILED", errno, "umount2", "cannot detach the old root");
    if (chdir("/")) return rt_fail(err, "MOUNT_FAILED", errno, "chdir", "cannot enter the container's root");
    unsigned long propagation = init->spec->linux.rootfs_propagation;
    return propagation ? set_propagation(AT_FDCWD, "/", propagation, err) : 0;
}

bool rootfs_needs_mounts(const struct init *init)
{
    const struct spec *spec = init->spec;
    return spec->mount_count || init->params->tree_count || spec->linux.masked_paths.count || spec->linux.readonly_paths.count || spec->root_readonly || (spec->process && spec->process->terminal);
}

int rootfs_detached(struct init *init, int *rootfd, struct rt_error *err)
{
    if (init->params->tree_count) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "mounts of trees need a mount namespace");
    auto_close int tree = init->root_tree;
    if (tree < 0 && (tree = mount_clone(init->bundle, init->root_path, 0, true, err)) < 0) return -1;
    if (set_propagation(tree, "", MS_PRIVATE | MS_REC, err)) return -1;
    *rootfd = take_fd(&tree);
    return 0;
}

int rootfs_chroot(struct init *init, int rootfd, struct rt_error *err)
{
    int result = rootfd >= 0 ? fchdir(rootfd) : init->root_tree >= 0 ? fchdir(init->root_tree) : chdir(init->root_path);
    if (result || chroot(".") || chdir("/")) return rt_fail_at(err, init->root_path, "MOUNT_FAILED", errno, "chroot", "cannot enter the container's root");
    return 0;
}
