#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "data/output.h"
#include "data/progress.h"
#include "data/tar-marks.h"

/*
 * A directory as a tar in the canonical form of docs/layer-format.md. Memory does not grow with the tree but for files that have several names.
 */
enum tar_view {
    VIEW_PLAIN,   /* everything that is there (a merged view) */
    VIEW_MARKED,  /* an overlay layer: whiteouts, opaque directories; directories that `commit` marked as equal to the lower's are left out */
    VIEW_COMPARED /* as marked, but compared with the merged view of what lies below */
};

struct tar_options {
    enum tar_view view;
    int lowerfd;     /* VIEW_COMPARED: root of what lies below, -1 for nothing (scratch) */
    bool settle;     /* VIEW_COMPARED: write the outcome into the layer, so that VIEW_MARKED gives the same bytes: set and clear marks,
                        remove entries that equal the lower's, set clamped times, turn files named
                        like a layer's markers into what they mean */
    bool clamp;
    int64_t clamp_seconds; /* later times become this one */
    bool names_elsewhere;  /* each file has one name more that is not of this tree */
    bool raw;              /* VIEW_PLAIN: 0/0 devices are whiteouts of a single layer, and left out */
    struct tar_marks *marks; /* new ones are added, the digest's state excepted, in the order of output_mark; NULL: none are wanted */
    const struct tar_mark *resume; /* what comes before it is neither read nor written: `output` starts there; NULL: all is written */
    struct progress *progress; /* NULL: none; counts bytes of the archive */
};

/* Added to by every call. */
struct tar_counts {
    uint64_t entries, bytes, marker_names;
};

/* Writes the entries below `rootfd` (not O_PATH), and the root itself where it differs; not the end of the archive. FILE_CHANGED when `resume` is not met. */
int layer_tar(int rootfd, const struct tar_options *options, struct output *output, struct tar_counts *counts, struct rt_error *err);

/* Writes one entry of the directory `dirfd`, with what is below it, under the name `as`. */
int layer_tar_entry(int dirfd, const char *name, const char *as, const struct tar_options *options, struct output *output, struct tar_counts *counts, struct rt_error *err);
