#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/ignore.h"

#define CONTENT_DIGEST 32

struct scan_entry;

/* What is in a regular file or a symbolic link. */
struct scan_content {
    uint8_t key[16]; /* what `expect` found out */
    uint8_t digest[CONTENT_DIGEST];
    bool remembered; /* known without reading the file */
    char *target;    /* of the link; fresh memory */
};

/* A regular file at this path will be read, unless something fails: time to have memory brought that it will take. */
typedef void scan_expect(void *arg, const char *path, struct scan_content *out);

/*
 * Finds what is in a regular file or a link. Called by any thread, in any order; `stop` tells that nobody wants it any more. `out` is zeroed, but
 * for what `expect` found out; a source that is no directory is not expected.
 */
typedef int scan_read(void *arg, const struct scan_entry *entry, const atomic_bool *stop, struct scan_content *out, struct rt_error *err);

/*
 * Reading what a COPY selects: one literal source of a tree, with what is below it, in the byte order of names, directories before their
 * content. `walk` hashes what it sees, `files` copies it; both therefore see the same. Directories are read ahead by other threads; what is visited, and
 * the error that ends a scan, are those of one that reads everything at its turn.
 */
struct scan {
    int root;                     /* O_PATH descriptor of the tree's root */
    bool raw;                     /* the tree is one layer in place: 0/0 devices are whiteouts, not files */
    const struct ignore *ignore;  /* of paths from the root */
    const struct ignore *exclude; /* of paths below a source that is a directory, of kept paths with `parents` */
    bool parents;                 /* every entry keeps its path below the destination, and its parent directories come along */
    scan_read *read;              /* NULL: contents are not wanted; visits may open what they visit */
    scan_expect *expect;          /* NULL: for nothing */
    void *read_arg;               /* of both */
};

struct scan_entry {
    int dirfd;        /* directory that holds it; for the root of the tree its own descriptor with name "."; for visits without `read` only */
    const char *name;
    const char *path; /* in the tree, links on the way resolved; "" is the root */
    const char *kept; /* below the destination: "" is what the destination itself becomes; NULL for `read` */
    bool parent;      /* a directory that is here only because of what lies below it (`parents`) */
    struct stat st;
    const struct scan_content *content; /* of a regular file or a link, where `read` is set */
};

/* Whether `read` is for this kind of file. */
static inline bool scan_is_readable(const struct stat *st)
{
    return S_ISREG(st->st_mode) || S_ISLNK(st->st_mode);
}

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
