#include "data/compress.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <zstd.h>

/* Larger blocks compress better; each costs its size twice for every thread. */
#define GZIP_BLOCK (1u << 20)
#define ZSTD_BLOCK (2u << 20)
#define PLAIN_BLOCK (256u << 10)

struct compressor {
    enum compression kind;
    struct libdeflate_compressor *gzip;
    ZSTD_CCtx *zstd;
};

size_t compress_block_size(enum compression kind)
{
    return kind == COMPRESSION_GZIP ? GZIP_BLOCK : kind == COMPRESSION_ZSTD ? ZSTD_BLOCK : PLAIN_BLOCK;
}

size_t compress_bound(enum compression kind, size_t size)
{
    return kind == COMPRESSION_GZIP ? libdeflate_gzip_compress_bound(NULL, size) : kind == COMPRESSION_ZSTD ? ZSTD_compressBound(size) : size;
}

struct compressor *compressor_open(enum compression kind, int level, struct rt_error *err)
{
    struct compressor *compressor = calloc(1, sizeof *compressor);
    if (compressor) {
        compressor->kind = kind;
        if (kind == COMPRESSION_GZIP) compressor->gzip = libdeflate_alloc_compressor(level);
        if (kind == COMPRESSION_ZSTD && (compressor->zstd = ZSTD_createCCtx())) {
            ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel, level);
            ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_checksumFlag, 1);
        }
        if (kind == COMPRESSION_NONE || compressor->gzip || compressor->zstd) return compressor;
        compressor_close(&compressor);
    }
    rt_nomem(err);
    return NULL;
}

void compressor_close(struct compressor **pointer)
{
    struct compressor *compressor = *pointer;
    if (!compressor) return;
    if (compressor->gzip) libdeflate_free_compressor(compressor->gzip);
    ZSTD_freeCCtx(compressor->zstd);
    free(compressor);
    *pointer = NULL;
}

size_t compress_block(struct compressor *compressor, const void *data, size_t size, void *out, size_t room)
{
    if (compressor->kind == COMPRESSION_GZIP) return libdeflate_gzip_compress(compressor->gzip, data, size, out, room);
    size_t written = ZSTD_compress2(compressor->zstd, out, room, data, size);
    return ZSTD_isError(written) ? 0 : written;
}
