#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "data/decoder.h"
#include "data/hash.h"

/*
 * A stream of bytes that is hashed while it is made, and compressed and written where a descriptor is given: one thread hashes, `threads`
 * compress blocks, one hashes the compressed blocks in order and writes them. Memory: about (threads + 3) blocks, twice where compressed.
 */
struct output;

struct output_options {
    int fd;      /* -1: only the digest is wanted */
    const char *path; /* for errors; NULL for a descriptor of the caller */
    enum compression kind;
    int level;
    unsigned threads;
    bool hash;      /* the digest of the uncompressed bytes is wanted */
    bool hash_blob; /* the digest of what is written is wanted */
    const struct output_start *start; /* without a descriptor: the stream goes on where another one with the same bytes stood; NULL: at its begin */
};

struct output_start {
    uint64_t offset; /* a multiple of 64 */
    uint32_t state[SHA256_STATE];
};

struct output_facts {
    char digest[SHA256_TEXT]; /* of the uncompressed bytes */
    uint64_t size;
    char blob_digest[SHA256_TEXT]; /* of what was written */
    uint64_t blob_size;
};

struct output *output_open(const struct output_options *options, struct rt_error *err);
/* Without output_finish before it, what was written is incomplete. */
void output_close(struct output **output);
#define auto_output __attribute__((cleanup(output_close)))

int output_write(struct output *output, const void *data, size_t size, struct rt_error *err);
int output_zeros(struct output *output, uint64_t size, struct rt_error *err);

/* Room to be filled in place, at least one byte; output_filled tells how much was. */
unsigned char *output_room(struct output *output, size_t *room, struct rt_error *err);
void output_filled(struct output *output, size_t size);

/* Bytes so far. */
uint64_t output_size(const struct output *output);

/*
 * Asks for the state of the digest at the bytes so far, a multiple of 64 that another byte will follow. Gives the number by which output_marked
 * tells it after output_finish.
 */
int output_mark(struct output *output, size_t *number, struct rt_error *err);
void output_marked(const struct output *output, size_t number, uint32_t state[SHA256_STATE]);

int output_finish(struct output *output, struct output_facts *facts, struct rt_error *err);
