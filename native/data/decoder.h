#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_BZIP2, COMPRESSION_XZ };

/* Where compressed bytes come from: a descriptor, read from where it stands, or memory. */
struct byte_source {
    int fd;                    /* -1: memory */
    const unsigned char *data; /* memory */
    size_t size;
};

/* What the first bytes of a file say (at least 6 where the file has them); COMPRESSION_NONE where they say nothing. */
enum compression compression_of(const unsigned char *head, size_t size);

/*
 * A stream of uncompressed bytes. Gzip may have several members and zstd several and skippable frames; whatever follows the last one, and
 * an end within one, is LAYER_INVALID. Memory is bounded: zstd windows over 128 MiB and xz dictionaries over 256 MiB are refused.
 */
struct decoder;

/* `kind` COMPRESSION_NONE with `detect` looks at the first bytes. The source stays the caller's. */
struct decoder *decoder_open(struct byte_source source, enum compression kind, bool detect, struct rt_error *err);
void decoder_close(struct decoder **decoder);
#define auto_decoder __attribute__((cleanup(decoder_close)))

/* Fills `data` with `size` bytes, fewer only at the end of the stream; 0 there. */
ssize_t decoder_read(struct decoder *decoder, void *data, size_t size, struct rt_error *err);

/* Compressed bytes taken so far, for progress. */
uint64_t decoder_consumed(const struct decoder *decoder);
