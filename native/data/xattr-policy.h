#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "data/tar.h"

/*
 * Which extended attributes belong to an image: user.* but for overlayfs', and security.capability. All others describe the
 * machine (SELinux labels, ACLs of its users, overlayfs' state) and are neither written into layers nor taken out of them.
 */
bool xattr_belongs_to_layer(const char *name);

/*
 * Attributes of our own have overlayfs' prefix, so that no merged view shows them and no copy-up carries them on.
 * NODE: set by `apply` where a device node cannot be made (user namespaces): "c 1 3" or "b 8 0" on an empty regular file; `pack` turns it back.
 */
#define XATTR_NODE "user.overlay.tsbuild.node"
/* OWNER: "0 42", the owner of a file or directory that `apply` could not give away where root is the only user; `pack` turns it back. */
#define XATTR_OWNER "user.overlay.tsbuild.owner"

/* A list read from a file, sorted by name; one allocation holds everything. */
struct xattr_list {
    struct xattr *items;
    size_t count, capacity;
    struct buf bytes;
};

void xattr_list_free(struct xattr_list *list);
#define auto_xattrs __attribute__((cleanup(xattr_list_free)))

/*
 * Reads the attributes that belong to a layer of an open file; `fd` may be O_PATH. Replaces
 * what the list held. A file system without attributes has none.
 */
int xattr_list_read(int fd, struct xattr_list *list, struct rt_error *err);
bool xattr_list_equal(const struct xattr_list *a, const struct xattr_list *b);
