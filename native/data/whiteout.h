#pragma once
#include <stdbool.h>
#include <sys/stat.h>

/*
 * The mark of a deleted name in a layer's directory: overlayfs' 0/0 character device. Where none can be made (overlayfs refuses them in itself, and
 * so do some network file systems) it is a socket that nobody may open, mode 0: such layers are never mounted, only merged by ourselves.
 */
bool is_whiteout(const struct stat *st);

/* 0, or -1 with errno (EEXIST: something is there). */
int whiteout_make(int dirfd, const char *name);

/* The attribute that makes a directory opaque: "y". */
const char *opaque_name(void);
bool is_opaque(int fd, const char *attribute);
