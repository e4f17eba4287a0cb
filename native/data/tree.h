#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Where files are: a directory of the host, a tmpfs that a process has, or overlay layers (docs/native-core.md, "Tree"). */
struct tree {
    char *path;       /* kinds "dir", "shared", and "process" for the root of process `pid`; else NULL */
    int64_t pid;      /* kind "shared": who sees the file system at `path`; else 0 */
    char *type, *source; /* kind "filesystem", which runtime/filesystem_tree.h opens; else NULL */
    char **options;
    size_t option_count;
    char **lower;     /* kind "layers": top-most first; may be empty with an upper */
    size_t lower_count;
    char *upper;      /* NULL: read-only */
    char *work;
    bool is_volatile;
    char *view, *copy; /* data/merged.h: no overlay, but directories that are made here */
};

enum tree_flags {
    TREE_MOUNT = 1, /* always return a mount of its own that move_mount can attach, a plain directory as a clone of its mount */
    TREE_PROCESS = 4, /* a process will change its files as it likes; TREE_MOUNT means so too */
    TREE_WRITE = 2, /* the caller writes: refuse a tree that is read-only (PLAN_INVALID) */
};

void tree_free(struct tree *tree);
#define auto_tree __attribute__((cleanup(tree_free)))

/* Parses a Tree value; paths must be absolute. `what` names the member in errors. */
int tree_parse(const json_t *value, const char *what, struct tree *out, struct rt_error *err);
int tree_req(const json_t *object, const char *key, struct tree *out, struct rt_error *err);

/*
 * Opens the tree's root (O_PATH descriptor in *rootfd). Where a merged view is needed it is an overlay mount that is attached nowhere: it ends
 * with the last descriptor and no namespace ever shows it. Kernels before 6.8 (no `lowerdir+`) get a private mount namespace instead, so the caller is
 * single-threaded. `work/work/incompat/volatile` of an earlier volatile mount is removed first, and an upper that was
 * never mounted gets the mode and owner of the top-most lower, as it becomes the root of the view.
 * Codes: PATH_MISSING, MOUNT_FAILED.
 */
int tree_open(const struct tree *tree, int flags, int *rootfd, struct rt_error *err);

/* The tree is read as one layer in place: 0/0 character devices in it are whiteouts, not files. */
bool tree_is_raw(const struct tree *tree);
