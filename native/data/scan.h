#pragma once
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/ignore.h"

/*
 * Reading what a COPY selects: one literal source of a tree, with what is below it, in the byte order of names, directories before their
 * content. `walk` hashes what it sees, `files` copies it; both therefore see the same.
 */
struct scan {
    int root;                     /* O_PATH descriptor of the tree's root */
    bool raw;                     /* the tree is one layer in place: 0/0 devices are whiteouts, not files */
    const struct ignore *ignore;  /* of paths from the root */
    const struct ignore *exclude; /* of paths below a source that is a directory, of kept paths with `parents` */
    bool parents;                 /* every entry keeps its path below the destination, and its parent directories come along */
};

struct scan_entry {
    int dirfd;        /* directory that holds it; for the root of the tree its own descriptor with name "." */
    const char *name;
    const char *path; /* in the tree, links on the way resolved; "" is the root */
    const char *kept; /* below the destination: "" is what the destination itself becomes */
    bool parent;      /* a directory that is here only because of what lies below it (`parents`) */
    struct stat st;
};

typedef int scan_visit(void *arg, const struct scan_entry *entry, struct rt_error *err);

enum scan_outcome { SCAN_FOUND, SCAN_MISSING, SCAN_HIDDEN };

struct scan_result {
    enum scan_outcome outcome;
    int rule;    /* SCAN_HIDDEN: the ignore pattern that hides it */
    mode_t mode; /* SCAN_FOUND: of what the source is, links followed */
};

/*
 * Visits the source at `path` (canonical, "" is the root). A link is followed inside the root. With `parents` the first `pivot` elements of
 * the path are not kept. A source that is missing or hidden is an outcome, not an error; a directory that vanishes while it is read is an error.
 */
int scan_source(const struct scan *scan, const char *path, size_t pivot, scan_visit *visit, void *arg, struct scan_result *result,
                struct rt_error *err);
