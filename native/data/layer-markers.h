#pragma once
#include <stdint.h>

#include "base/error.h"
#include "data/listing.h"

/*
 * Files that a step named like the marks of the layer format: ".wh.NAME" deletes NAME, ".wh..wh..opq" empties its directory, other names in
 * ".wh..wh." say nothing. Wherever the image is unpacked they will be taken as such marks (BuildKit writes them as they are), so the snapshot is
 * made to show the same: they are removed, and overlayfs' own marks are set. A mark that names no file (".wh.", ".wh..", ".wh...") is LAYER_INVALID.
 */
struct layer_markers {
    int dirfd;          /* the layer's directory */
    int lowerfd;        /* what lies below it; -1: nothing */
    const char *opaque; /* name of overlayfs' attribute */
    const char *path;   /* of the directory, for errors */
};

/* 1: something was settled, and the directory must be listed again; 0: nothing; -1. *count is increased by the files that were taken as marks. */
int layer_markers_settle(const struct layer_markers *where, const struct listing *listing, uint64_t *count, struct rt_error *err);
