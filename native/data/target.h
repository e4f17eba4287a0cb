#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "data/tree.h"
#include "data/file-mode.h"
#include "data/owner.h"

/*
 * A tree that files are put into. Paths are resolved in the merged view. A directory that is made there has nothing below it, so its content is
 * written into the upper layer directly, without the cost of overlayfs; the view is mounted anew before anything is looked up again.
 */
struct target {
    const struct tree *tree;
    int root;    /* the merged view */
    int upper;   /* the upper directory of an overlay, else -1 */
    bool bypassed; /* something was written past the view */
};

/* A directory of the target, open for use as dirfd. */
struct target_dir {
    int fd;
    bool direct; /* of the upper layer */
};

int target_open(struct target *target, const struct tree *tree, struct rt_error *err);
void target_close(struct target *target);

/* To be called before paths are resolved again. */
int target_refresh(struct target *target, struct rt_error *err);

struct target_made {
    const struct owner *owner; /* of directories that are made; not given: root */
    mode_t mode;
};

/* Opens the directory at `path`, links followed, with what is missing made. The caller closes dir->fd. */
int target_directory(struct target *target, const char *path, const struct target_made *made, struct target_dir *dir, struct rt_error *err);

/*
 * Where a file named `base` goes that is copied to `dest`: below it when `dest` is a directory or ends like one ("/", "/."), else to what `dest` leads
 * to once all links are followed. *name is fresh memory.
 */
int target_file(struct target *target, const char *dest, const char *base, const struct target_made *made, struct target_dir *dir, char **name,
                struct rt_error *err);

/* The counterpart in the upper layer of a directory that was just made in the view; `dir` becomes direct. */
int target_go_direct(struct target *target, struct target_dir *dir, struct rt_error *err);

/* The path of an open directory below the root it belongs to; fresh memory. */
char *target_path(const struct target *target, const struct target_dir *dir, struct rt_error *err);
