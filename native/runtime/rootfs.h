#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "runtime/init.h"

/*
 * The container's file system, made by the init process in its own mount namespace while the host's root still is its root.
 *
 *     rootfs_attach   makes the namespace a slave of the host's and attaches the container's root
 *     rootfs_mounts   the mounts of the spec (mounts.c)
 *     rootfs_seal     what is a read-only tmpfs in the end (mounts.c)
 *     rootfs_finish   masked and read-only paths, read-only root (masks.c)
 *     rootfs_pivot    the container's root becomes the root, the host's goes
 */
int rootfs_attach(struct init *init, int *rootfd, struct rt_error *err);
int rootfs_mounts(struct init *init, int rootfd, struct rt_error *err);
int rootfs_seal(const struct spec *spec, int rootfd, struct rt_error *err);
int rootfs_finish(struct init *init, int rootfd, struct rt_error *err);
int rootfs_pivot(struct init *init, int rootfd, struct rt_error *err);
/* For a host whose root is the initramfs and cannot be moved (move_root.c). What is hidden below stays reachable to who may unmount: only on --no-pivot. */
int rootfs_move(int rootfd, struct rt_error *err);

/*
 * Without a mount namespace the container shares the host's, in which nothing may appear. Its root and mounts are then a tree that belongs to no namespace: rootfs_detached
 * instead of rootfs_attach, rootfs_chroot instead of rootfs_pivot. The kernel drops the tree with the last process that has it as its root. Mounts upon such a tree need Linux 6.15;
 * where the spec has none, rootfs_chroot alone is enough (rootfd -1).
 */
bool rootfs_needs_mounts(const struct init *init);
int rootfs_detached(struct init *init, int *rootfd, struct rt_error *err);
int rootfs_chroot(struct init *init, int rootfd, struct rt_error *err);
