#pragma once
#include <sys/stat.h>

#include "base/util.h"
#include "data/layer-tar.h"
#include "data/link-map.h"
#include "data/tar.h"
#include "data/xattr-policy.h"

/* What layer_tar is at, and the entries that it writes one by one. Functions return -1 with the error in `err`. */
struct packer {
    const struct tar_options *options;
    struct output *output;
    struct tar_counts *counts;
    const char *opaque; /* attribute of a directory that hides what lies below */
    bool trusted; /* marks are trusted attributes; else owners and devices may be written down in others */
    struct buf path; /* of the entry at hand */
    struct link_map links;
    struct xattr_list xattrs;
    const char *as; /* name of the first entry in the archive; NULL: its own */
    bool skipping; /* the entry to resume with has not come yet */
    uint64_t marked; /* offset of the last mark */
    struct rt_error *err;
};

int pack_fail(struct packer *packer, int errnum, const char *syscall);

/* Goes on to a name below the path at hand. */
int pack_push(struct packer *packer, const char *name, struct rt_error *err);

struct tar_entry pack_entry_of(const struct packer *packer, const struct stat *st, enum entry_type type);
int pack_xattrs(struct packer *packer, int fd, struct tar_entry *entry);
void pack_owner(const struct packer *packer, int fd, struct tar_entry *entry);

/* 1: nothing was written of the entry, and its content must not be. */
int pack_entry(struct packer *packer, struct tar_entry *entry);
int pack_marker(struct packer *packer, const char *name);

/* The clamped time is set in the layer, too, when it is settled. */
int pack_settle_time(struct packer *packer, int dirfd, const char *name, const struct stat *st);

/* A file, and what else is no directory, of the directory `dirfd`; `lowerfd` is that directory in what lies below, -1: nothing is compared. */
int pack_file(struct packer *packer, int dirfd, const char *name, int lowerfd);
int pack_special(struct packer *packer, int dirfd, const char *name, int lowerfd);
