#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runtime/spec.h"

/*
 * Mounts by descriptor: a mount is made detached, gets its attributes, and is then attached to a place that was opened inside the root.
 * No path is looked up twice, so there is nothing to race with. Code: MOUNT_FAILED.
 */

/* A detached copy of what is at `source` (below dirfd), recursive or not. */
int mount_clone(int dirfd, const char *source, int flags, bool recursive, struct rt_error *err);

/* A bind mount of the spec, detached, with its attributes. `idmap_userns`: user namespace whose mapping it takes, or -1. */
int mount_bind(int bundle_fd, const struct spec_mount *mount, int idmap_userns, struct rt_error *err);

/* A new mount of a file system; `data` is the comma-separated option string, `attributes` MOUNT_ATTR_*. `flags` are the MS_* of the superblock. */
int mount_new(const char *type, const char *source, const char *data, unsigned long flags, uint64_t attributes, struct rt_error *err);

/* MOUNT_ATTR_* of MS_* flags. */
uint64_t mount_attributes(unsigned long flags);

struct mount_change {
    uint64_t set, clear, propagation;
    int userns; /* for MOUNT_ATTR_IDMAP */
};
int mount_change(int fd, const struct mount_change *change, bool recursive);

/*
 * Makes a mount read-only that is attached already, with what is mounted below it still in sight. In a tree that belongs to no namespace (rootfs_detached) the kernel changes
 * only what is not attached yet: there a read-only copy goes on top.
 */
int mount_seal(int fd, int rootfd, const char *path, struct rt_error *err);

/*
 * Attaches the mount upon `target`, an O_PATH descriptor, and checks that `path` inside the root now leads to it: a place that was renamed away meanwhile
 * (CVE-2021-30465) is an error.
 */
int mount_attach(int tree, int target, int rootfd, const char *path, struct rt_error *err);
