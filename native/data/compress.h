#pragma once
#include <stddef.h>

#include "base/error.h"
#include "data/decoder.h"

/*
 * One block compressed on its own: a gzip member or a zstd frame. Blocks one behind the other are a valid stream, and the result does not
 * depend on how many threads made them.
 */
struct compressor;

/* Bytes of input that make one block. */
size_t compress_block_size(enum compression kind);
/* The most bytes that a block can become. */
size_t compress_bound(enum compression kind, size_t size);

/* gzip levels are 1 to 9, zstd's 1 to 22. */
struct compressor *compressor_open(enum compression kind, int level, struct rt_error *err);
void compressor_close(struct compressor **compressor);

/* Returns the size of the result, 0 when it did not fit (then `room` is below compress_bound) or there is no memory. */
size_t compress_block(struct compressor *compressor, const void *data, size_t size, void *out, size_t room);
