#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/scan.h"


/*
 * Remembered digests of files that may change: one file per context, a hash table that is mapped and read in place, found by the path and
 * believed only when device, inode, size, mtime and ctime are the same. A status that another change might share (younger than the file
 * system's time stamps can tell apart from now, or in the future) is not remembered, so such a file is read again.
 *
 * The file is trusted as little as any: a header that is wrong, or a size that does not fit it, is an empty memory.
 */
struct remember_slot {
    uint8_t key[16]; /* of the path; all zero: empty */
    uint64_t device, inode, size;
    int64_t mtime, ctime; /* nanoseconds */
    uint8_t digest[CONTENT_DIGEST];
};

struct remember {
    const struct remember_slot *old; /* mapped; NULL: none */
    uint64_t old_slots;
    void *map;
    size_t map_size;
    struct remember_slot *slots; /* what was learnt; NULL until something was */
    uint64_t slot_count, used;
    pthread_mutex_t mutex; /* of `slots` and the two counts */
    uint64_t seen;         /* what was found, as far as it is told */
    struct timespec started;
    const char *path; /* NULL: nothing is remembered */
};

/* `path` NULL: no memory. Belongs to the caller. */
int remember_open(struct remember *memory, const char *path, struct rt_error *err);
/* The key of a path, never all zero. What is known of it is on its way into the processor's cache then. */
void remember_key(const struct remember *memory, const char *path, uint8_t key[16]);
/* True with *digest filled in when the file is known and unchanged. Any thread may ask. */
bool remember_find(struct remember *memory, const uint8_t key[16], const struct stat *st, uint8_t digest[CONTENT_DIGEST]);
int remember_add(struct remember *memory, const uint8_t key[16], const struct stat *st, const uint8_t digest[CONTENT_DIGEST], struct rt_error *err);
/* Replaces the file when something new was learnt; a failure to write is no error, only a loss of memory. */
void remember_save(struct remember *memory);
void remember_close(struct remember *memory);
