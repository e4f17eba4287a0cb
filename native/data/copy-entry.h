#pragma once
#include <time.h>

#include "data/copy-content.h"
#include "data/copy.h"
#include "data/link-map.h"
#include "data/manifest.h"
#include "data/scan.h"
#include "data/xattr-policy.h"

/* A directory of the destination whose content is being copied. */
struct copy_frame {
    struct target_dir dir;
    int earlier;      /* the same directory of the layer that is reused, O_PATH; -1: none */
    size_t kept_size; /* of its path below the destination */
    bool timed;       /* its time is set once nothing is written into it any more */
    struct timespec mtime;
};

/* The state of one copy action: what `scan` visits arrives here. */
struct copier {
    struct copy_action *action;
    struct target *target;
    struct target_made made;
    struct owner owner; /* resolved */
    struct manifest_reader manifest;
    time_t racy_from; /* a file whose stamps are this young may have changed since the walk without a trace: its content is compared */
    struct content_copier content;
    struct xattr_list xattrs;
    uint64_t reused;
    bool untouched;  /* the entry at hand is as it was for the earlier copy */
    char *whole;     /* path in the target of a directory that the copy made for all of its source; NULL: no such copy */
    bool linked;     /* the source has hard links */
    char *changed;   /* name in a tar, below `whole`, of the first entry that is not untouched; NULL: all are */

    /* of the source at hand */
    struct copy_frame *frames;
    size_t depth, capacity;
    char *name;            /* of a source that is a file: its name at the destination */
    char *top;             /* path of the destination directory in the target, once a hard link asks for it */
    bool done;             /* the source was an archive */
    struct link_map links; /* paths below the destination */
};

int copier_open(struct copier *copier, struct copy_action *action, struct target *target, struct rt_error *err);
void copier_close(struct copier *copier);

void copier_begin(struct copier *copier);
scan_visit copier_visit;
/* Sets the times of what is still open. */
int copier_end(struct copier *copier, struct rt_error *err);

/* After all sources: everything that was walked has been seen. */
int copier_finish(struct copier *copier, struct rt_error *err);

/* A regular file that is no part of a tree, such as a heredoc or a download: bytes from `fd`, or `data`. */
struct loose_file {
    const char *name;
    int fd; /* -1: data */
    const void *data;
    size_t size;
    mode_t mode;
    struct timespec mtime;
};
int copier_put(struct copier *copier, const struct loose_file *file, struct rt_error *err);
