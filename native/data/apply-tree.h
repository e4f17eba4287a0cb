#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "data/tar.h"

/*
 * The entries of one layer, put into a tree in the order in which they come.
 *
 * Alone: `rootfd` is an empty directory that will be one overlay layer. Parents must have come before, as directories; a missing or other
 * parent, and a hard link to what is not there, is LAYER_NEEDS_LOWER. Whiteouts become 0/0 character devices and overlay.opaque attributes.
 * Merged: `rootfd` shows the layers below. Parents are made where they are missing (0755), links on the way are followed inside the root, whiteouts
 * remove what the layers below have, and never what this layer brought itself.
 *
 * Names starting with ".wh..wh." other than the opaque marker are aufs' own and skipped. A path with "..", an empty path, a whiteout of "." or
 * "..", a 0/0 device and a link to nothing are LAYER_INVALID.
 */
struct apply_tree;

struct apply_limits {
    uint64_t bytes, entries; /* 0: none */
};

struct apply_options {
    bool merged;
    bool archive; /* with `merged`: any archive, not a layer: names starting with ".wh." are files, the entry "." is passed over (ADD) */
    bool refuse;  /* with `archive`: a directory is never replaced by something else, nor the reverse (IS_A_DIRECTORY, NOT_A_DIRECTORY) */
    bool owned;   /* every entry belongs to uid:gid, whatever the archive says */
    uint32_t uid, gid;
    struct apply_limits limits;
};

struct apply_tree *apply_tree_open(int rootfd, const struct apply_options *options, struct rt_error *err);
void apply_tree_close(struct apply_tree **tree);
#define auto_apply_tree __attribute__((cleanup(apply_tree_close)))

int apply_entry(struct apply_tree *tree, const struct tar_entry *entry, struct tar_reader *reader, struct rt_error *err);

/* After the last entry: the times of directories. */
int apply_finish(struct apply_tree *tree, struct rt_error *err);

/* Entries and bytes of content so far. */
uint64_t apply_entries(const struct apply_tree *tree);
uint64_t apply_bytes(const struct apply_tree *tree);
