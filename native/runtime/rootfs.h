#pragma once
#include "base/error.h"
#include "runtime/init.h"

/*
 * The container's file system, made by the init process in its own mount namespace while the host's root still is its root.
 *
 *     rootfs_attach   makes the namespace a slave of the host's and attaches the container's root
 *     rootfs_mounts   the mounts of the spec (mounts.c)
 *     rootfs_finish   masked and read-only paths, read-only root (masks.c)
 *     rootfs_pivot    the container's root becomes the root, the host's goes
 */
int rootfs_attach(struct init *init, int *rootfd, struct rt_error *err);
int rootfs_mounts(struct init *init, int rootfd, struct rt_error *err);
int rootfs_finish(struct init *init, int rootfd, struct rt_error *err);
/* Without a mount namespace: only the root changes, and the spec must not have mounts. */
int rootfs_chroot(struct init *init, struct rt_error *err);
int rootfs_pivot(struct init *init, int rootfd, struct rt_error *err);
