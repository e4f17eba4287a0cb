#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "data/stamps.h"

/*
 * What a copied tree has of its own, in the form of an overlay's upper directory: what is not stamped any more counts as copied up, a directory that is not the
 * copied one as opaque, a name that is missing as deleted. `commit` and `pack` then treat it as any upper, and find the same layer.
 */
struct merged_changes {
    int tree;  /* the copy */
    int lower; /* the merged view that it was copied from, or its only layer; -1: nothing */
    const struct stamps *stamps;
    bool move; /* files are moved to `out`, which spoils the tree; else they get a second name there */
    bool deaf; /* the file system does not notice what is written through a memory map: content is compared */
};

/* `out`: an empty directory of the same file system. Descriptors are not O_PATH. */
int merged_changes(const struct merged_changes *changes, int out, struct rt_error *err);
