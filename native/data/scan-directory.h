#pragma once
#include "data/listing.h"
#include "data/scan.h"

/*
 * A directory of a scan. It is read in parts of some of its names, so that a directory with many has work for several threads and none of its
 * status is kept for long. What a part finds is the same whoever reads it, and when.
 */
enum scan_state { SCAN_WAITING, SCAN_TAKEN, SCAN_READ };

struct scan_directory;

struct scan_child {
    const char *name;
    bool hidden; /* a directory that is not selected itself; something below it may be */
    struct scan_directory *directory; /* NULL: not a directory */
    struct stat st;                   /* of anything but a directory */
    struct scan_content content;
};

/* Memory of a part, used again for others: threads that free what another allocated spend much of their time there. */
struct scan_block {
    struct scan_block *next;
    size_t capacity;
    _Alignas(16) char data[];
};

struct scan_part {
    struct scan_directory *directory;
    struct scan_part *previous, *following; /* in the order of the scan, until it is read (scan-ahead.c) */
    enum scan_state state;
    size_t from;                 /* of the directory's names */
    struct scan_block *block;    /* of children, their names, and directories */
    struct scan_child *children; /* in their order, without those that are of no interest */
    size_t count;
    struct rt_error *error;      /* what comes behind the children; NULL: the rest of the directory */
    struct scan_part *more;      /* the rest of the directory; NULL: there is none */
};

struct scan_directory {
    struct scan_directory *up; /* NULL: the top, whose `fd` and `st` are given */
    const char *name;
    const char *path;  /* in the tree */
    int fd;            /* open while it is read, or its directories are to be opened; longer where visits may need it */
    atomic_uint users; /* of the descriptor: parts and directories that are not read */
    struct stat st;
    struct listing names; /* where there is more than one part */
    struct ignore_level *ignored, *excluded;
    struct scan_part *part; /* the first that was not dropped */
    struct scan_part first;
};

/* A directory to begin with; it is open then. Levels and path are copied. */
struct scan_directory *scan_directory_new(const struct scan *scan, const char *path, const struct ignore_level *ignored, const struct ignore_level *excluded,
                                          int *fd, const struct stat *st, struct rt_error *err);
/* Frees what is left of it and below it, but the memory of a directory that is a child. */
void scan_directory_free(struct scan_directory *directory);

/* What each thread that reads has for itself; zeroed at first. */
struct scan_scratch {
    struct listing names;
    struct ignore_level *ignored, *excluded; /* of the child at hand */
    struct buf path;
};
void scan_scratch_free(struct scan_scratch *scratch);

/* Makes the rest of a directory whose names are known a part of its own, so that it can be read at the same time. */
void scan_part_split(struct scan_part *part);
/* Reads the part, whose directory's first part is read or this one. Leaves what it finds, errors included, in the part. Its block may be one of an earlier part. */
void scan_part_read(const struct scan *scan, struct scan_part *part, struct scan_scratch *scratch, const atomic_bool *stop);
/* Drops the first part of the directory; `more` takes its place. Gives its block, for another part. */
struct scan_block *scan_part_drop(struct scan_directory *directory);
