#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "data/decoder.h"
#include "data/hash.h"

/*
 * A decompressed stream read in spans: one thread inflates, one hashes what was inflated, the caller consumes. Every span but the last
 * one is a multiple of 512 bytes, so that a tar header never lies across two of them. Memory: a few blocks of 256 KiB.
 */
struct input;

struct input_options {
    struct byte_source source;
    enum compression kind;
    bool detect;
    bool threads;   /* false: everything in the caller's thread (small inputs, fuzzing) */
    bool hash;      /* compute the sha256 of the uncompressed bytes */
    uint64_t limit; /* more uncompressed bytes than this are LAYER_INVALID; 0: no limit */
};

struct input *input_open(const struct input_options *options, struct rt_error *err);
void input_close(struct input **input);
#define auto_input __attribute__((cleanup(input_close)))

/* The next span, valid until the next call. Returns its size, 0 at the end, -1 on error (CANCELLED when the plan was cancelled). */
ssize_t input_next(struct input *input, const unsigned char **data, struct rt_error *err);

/* After the end: waits for the hash. `digest` may be NULL without `hash`. */
int input_finish(struct input *input, char digest[SHA256_TEXT], uint64_t *size, struct rt_error *err);

/* Compressed bytes consumed so far, for progress. */
uint64_t input_consumed(const struct input *input);
