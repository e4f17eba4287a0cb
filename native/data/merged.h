#pragma once
#include "data/tree.h"

/*
 * Trees of the copy driver, which have a `view`: layers without an overlay. DIR/root is the merged view, of links to the layers' files, made once, beside the
 * top-most layer. A tree to write to is DIR/root of `copy`: for a plan that only puts files in place, links again, which never are written to, and which
 * `merged_settle` turns into the upper directory; for a process (TREE_MOUNT, TREE_PROCESS) a copy of its own that stays until the layer is committed.
 */
bool is_merged(const struct tree *tree);

/* As tree_open, for such trees. The descriptor is not O_PATH. */
int merged_open(const struct tree *tree, int flags, int *rootfd, struct rt_error *err);

/* Where the tree is a directory on the disk; "/x/snapshots/9/tree/root". Fresh memory. Only after it was opened. */
char *merged_path(const struct tree *tree, struct rt_error *err);

/* After the last change of a plan: puts what links are there into the upper directory, with `all` also what a process left. Other trees: nothing. */
int merged_settle(const struct tree *tree, bool all, struct rt_error *err);

/*
 * The upper directory of a tree as it is now, open for reading: its own, or one made of links for what a process has changed in its copy so far. To be given
 * back with upper_close, which removes that.
 */
struct upper {
    int fd;
    char *made; /* directory to be removed; NULL: none */
};

int upper_open(const struct tree *tree, struct upper *upper, struct rt_error *err);
int upper_close(struct upper *upper, struct rt_error *err);
