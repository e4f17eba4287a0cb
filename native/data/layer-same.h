#pragma once
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/xattr-policy.h"

/*
 * Whether an entry of an overlay's upper directory says the same as what lies below it: overlayfs copies a file up before a change that may
 * turn out to be none (chown -R to the same owner), and every directory in which something changes.
 */

/* The attribute on directories of a layer that equal the lower's: "y". */
const char *layer_mark_name(bool trusted);

/* 1 same, 0 not (or nothing there), -1. Times of directories do not count, as every change of a child moves them. */
int layer_same_directory(int lowerfd, const struct stat *st, const struct xattr_list *xattrs, struct rt_error *err);

/* `lowerfd`: the directory below; everything must be equal, the content byte for byte. The position of `fd` is not moved. */
int layer_same_file(int lowerfd, const char *name, int fd, const struct stat *st, const struct xattr_list *xattrs, struct rt_error *err);

/* Links (`target`), devices and FIFOs. */
bool layer_same_special(int lowerfd, const char *name, const struct stat *st, const char *target);
