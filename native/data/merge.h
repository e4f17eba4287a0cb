#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "data/stamps.h"

/*
 * The merged view of layers as a directory of its own, for where overlayfs cannot be mounted. Whiteouts and opaque directories hide what is below
 * them, as in an overlay; sockets that a step left behind are not taken along.
 */
struct merge_options {
    char *const *layers; /* directories, top-most first */
    size_t count;
    size_t fresh;        /* the first so many layers get no stamps: they are what was changed */
    bool copy;           /* files are copies that may be written to; else links to the layers' own files, copies only where no link can be made */
};

/*
 * Fills the empty directory `dest` (not O_PATH). Owners that a user namespace cannot give stay with the layers (XATTR_OWNER), as overlayfs does not copy
 * them up either. Names of one file in one layer are names of one file in the copy.
 */
int merge_layers(const struct merge_options *options, int dest, struct stamps *stamps, struct rt_error *err);
