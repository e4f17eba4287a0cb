#pragma once
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/util.h"
#include "data/remember.h"

/*
 * What a walk saw, written down: a header of 8 bytes, then one record per selected entry in the order of the walk, each followed by its
 * path in the tree. Numbers are little-endian as the machine's. `files` compares it with what it copies; `explain` compares two of them. The
 * file's own modification time is when the walk began: what is younger may have changed after it was read without leaving a trace.
 */
struct manifest_record {
    uint64_t device, inode, size;
    int64_t mtime, ctime; /* nanoseconds */
    uint32_t mode;
    uint32_t path_size;
    uint8_t digest[CONTENT_DIGEST]; /* of a regular file's content and attributes, else zero */
};

struct manifest_writer {
    FILE *file; /* NULL: not wanted */
    struct timespec started;
};

int manifest_create(struct manifest_writer *writer, const char *path, struct rt_error *err);
int manifest_add(struct manifest_writer *writer, const char *path, const struct stat *st, const uint8_t digest[CONTENT_DIGEST],
                 struct rt_error *err);
int manifest_finish(struct manifest_writer *writer, struct rt_error *err);

struct manifest_reader {
    FILE *file;
    time_t started; /* of the walk */
    struct buf path;
    struct manifest_record record;
};

int manifest_open(struct manifest_reader *reader, const char *path, struct rt_error *err);
/* 1 and the next record, 0 at the end. */
int manifest_next(struct manifest_reader *reader, struct rt_error *err);
void manifest_close(struct manifest_reader *reader);

/* The status is the one that the record was made from. */
bool manifest_matches(const struct manifest_record *record, const struct stat *st);
