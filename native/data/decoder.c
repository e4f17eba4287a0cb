#include "data/decoder.h"

#include <bzlib.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/plan.h"
#include "base/util.h"

#define IN_SIZE (128u << 10)
#define XZ_MEMORY (256u << 20)

struct decoder {
    struct byte_source source;
    enum compression kind;
    unsigned char *in; /* IN_SIZE; in memory mode NULL and `next` walks the source's data */
    const unsigned char *next;
    size_t available;
    bool source_end;
    bool in_member; /* between the first byte of a gzip member, frame or stream and its end */
    bool begun;     /* the codec is initialised */
    uint64_t consumed;
    union {
        z_stream gzip;
        ZSTD_DStream *zstd;
        bz_stream bzip2;
        lzma_stream xz;
    };
};

enum compression compression_of(const unsigned char *head, size_t size)
{
    if (size >= 3 && memcmp(head, "\x1f\x8b\x08", 3) == 0) return COMPRESSION_GZIP;
    if (size >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0) return COMPRESSION_ZSTD;
    if (size >= 4 && (head[0] & 0xf0) == 0x50 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0) return COMPRESSION_ZSTD; /* skippable frame */
    if (size >= 4 && memcmp(head, "BZh", 3) == 0 && head[3] >= '1' && head[3] <= '9') return COMPRESSION_BZIP2;
    if (size >= 6 && memcmp(head, "\xfd" "7zXZ\0", 6) == 0) return COMPRESSION_XZ;
    return COMPRESSION_NONE;
}

static int corrupt(struct rt_error *err, const char *format, const char *detail)
{
    return rt_fail(err, "LAYER_INVALID", 0, NULL, "cannot decompress: the %s data is corrupt: %s", format, detail);
}

/* Makes sure that there is at least one byte; 0 at the end of the source. */
static int refill(struct decoder *decoder, struct rt_error *err)
{
    if (decoder->available > 0) return 1;
    if (decoder->source_end || decoder->source.fd < 0) return 0;
    ssize_t n;
    while ((n = read(decoder->source.fd, decoder->in, IN_SIZE)) < 0 && errno == EINTR)
        if (plan_check(err) < 0) return -1;
    if (n < 0) return rt_fail(err, "NATIVE_FAILED", errno, "read", "cannot read the archive");
    decoder->next = decoder->in;
    decoder->available = (size_t)n;
    decoder->consumed += (size_t)n;
    decoder->source_end = n == 0;
    return n > 0;
}

static int detect(struct decoder *decoder, struct rt_error *err)
{
    if (decoder->source.fd >= 0) { /* a pipe may give its first bytes one by one */
        while (decoder->available < 6) {
            ssize_t n = read(decoder->source.fd, decoder->in + decoder->available, IN_SIZE - decoder->available);
            if (n < 0 && errno == EINTR) {
                if (plan_check(err) < 0) return -1;
                continue;
            }
            if (n < 0) return rt_fail(err, "NATIVE_FAILED", errno, "read", "cannot read the archive");
            decoder->source_end = n == 0;
            decoder->available += (size_t)n;
            decoder->consumed += (size_t)n;
            if (n == 0) break;
        }
    }
    decoder->kind = compression_of(decoder->next, decoder->available);
    return 0;
}

static int begin(struct decoder *decoder, struct rt_error *err)
{
    bool good = true;
    switch (decoder->kind) {
    case COMPRESSION_NONE: break;
    case COMPRESSION_GZIP: good = inflateInit2(&decoder->gzip, 15 + 16) == Z_OK; break; /* 16: gzip wrapper only */
    case COMPRESSION_ZSTD: good = (decoder->zstd = ZSTD_createDStream()) != NULL; break;
    case COMPRESSION_BZIP2: good = BZ2_bzDecompressInit(&decoder->bzip2, 0, 0) == BZ_OK; break;
    case COMPRESSION_XZ: good = lzma_stream_decoder(&decoder->xz, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK; break;
    }
    decoder->begun = good;
    return good ? 0 : rt_nomem(err);
}

struct decoder *decoder_open(struct byte_source source, enum compression kind, bool look, struct rt_error *err)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder) {
        rt_nomem(err);
        return NULL;
    }
    decoder->source = source;
    decoder->kind = kind;
    if (source.fd < 0) {
        decoder->next = source.data;
        decoder->available = source.size;
        decoder->consumed = source.size;
    } else {
        decoder->next = decoder->in = malloc(IN_SIZE);
        if (!decoder->in) rt_nomem(err);
    }
    if ((source.fd < 0 || decoder->in) && (!look || detect(decoder, err) == 0) && begin(decoder, err) == 0) return decoder;
    decoder_close(&decoder);
    return NULL;
}

void decoder_close(struct decoder **pointer)
{
    struct decoder *decoder = *pointer;
    if (!decoder) return;
    if (decoder->begun) switch (decoder->kind) {
        case COMPRESSION_NONE: break;
        case COMPRESSION_GZIP: inflateEnd(&decoder->gzip); break;
        case COMPRESSION_ZSTD: ZSTD_freeDStream(decoder->zstd); break;
        case COMPRESSION_BZIP2: BZ2_bzDecompressEnd(&decoder->bzip2); break;
        case COMPRESSION_XZ: lzma_end(&decoder->xz); break;
        }
    free(decoder->in);
    free(decoder);
    *pointer = NULL;
}

uint64_t decoder_consumed(const struct decoder *decoder)
{
    return decoder->consumed - decoder->available;
}

/* Each step decodes what it can from the input at hand and returns the bytes written, or -1. `in_member` tells whether the end may come now. */
static ssize_t step_none(struct decoder *decoder, unsigned char *out, size_t size)
{
    size_t n = size < decoder->available ? size : decoder->available;
    memcpy(out, decoder->next, n);
    decoder->next += n;
    decoder->available -= n;
    return (ssize_t)n;
}

static ssize_t step_gzip(struct decoder *decoder, unsigned char *out, size_t size, struct rt_error *err)
{
    z_stream *z = &decoder->gzip;
    if (!decoder->in_member) inflateReset(z);
    decoder->in_member = true;
    size_t take = decoder->available < UINT32_MAX ? decoder->available : UINT32_MAX;
    z->next_in = (unsigned char *)decoder->next;
    z->avail_in = (unsigned)take;
    z->next_out = out;
    z->avail_out = (unsigned)(size < UINT32_MAX ? size : UINT32_MAX);
    unsigned before = z->avail_out;
    int status = inflate(z, Z_NO_FLUSH);
    decoder->next = z->next_in;
    decoder->available -= take - z->avail_in;
    if (status == Z_STREAM_END) decoder->in_member = false;
    else if (status != Z_OK && status != Z_BUF_ERROR) return corrupt(err, "gzip", z->msg ? z->msg : "bad header");
    return before - z->avail_out;
}

static ssize_t step_zstd(struct decoder *decoder, unsigned char *out, size_t size, struct rt_error *err)
{
    ZSTD_inBuffer in = { decoder->next, decoder->available, 0 };
    ZSTD_outBuffer target = { out, size, 0 };
    size_t status = ZSTD_decompressStream(decoder->zstd, &target, &in);
    if (ZSTD_isError(status)) return corrupt(err, "zstd", ZSTD_getErrorName(status));
    decoder->next += in.pos;
    decoder->available -= in.pos;
    decoder->in_member = status != 0;
    return (ssize_t)target.pos;
}

static ssize_t step_bzip2(struct decoder *decoder, unsigned char *out, size_t size, struct rt_error *err)
{
    bz_stream *b = &decoder->bzip2;
    if (!decoder->in_member && decoder->bzip2.total_in_lo32 + decoder->bzip2.total_in_hi32 > 0) {
        BZ2_bzDecompressEnd(b);
        *b = (bz_stream){ 0 };
        decoder->begun = BZ2_bzDecompressInit(b, 0, 0) == BZ_OK;
        if (!decoder->begun) return rt_nomem(err);
    }
    decoder->in_member = true;
    size_t take = decoder->available < UINT32_MAX ? decoder->available : UINT32_MAX;
    b->next_in = (char *)decoder->next;
    b->avail_in = (unsigned)take;
    b->next_out = (char *)out;
    b->avail_out = (unsigned)(size < UINT32_MAX ? size : UINT32_MAX);
    unsigned before = b->avail_out;
    int status = BZ2_bzDecompress(b);
    decoder->next += take - b->avail_in;
    decoder->available -= take - b->avail_in;
    if (status == BZ_STREAM_END) decoder->in_member = false;
    else if (status == BZ_MEM_ERROR) return rt_nomem(err);
    else if (status != BZ_OK) return corrupt(err, "bzip2", "a block is damaged");
    return before - b->avail_out;
}

static ssize_t step_xz(struct decoder *decoder, unsigned char *out, size_t size, bool finish, struct rt_error *err)
{
    lzma_stream *x = &decoder->xz;
    decoder->in_member = true;
    x->next_in = decoder->next;
    x->avail_in = decoder->available;
    x->next_out = out;
    x->avail_out = size;
    lzma_ret status = lzma_code(x, finish ? LZMA_FINISH : LZMA_RUN);
    decoder->next = x->next_in;
    decoder->available = x->avail_in;
    if (status == LZMA_STREAM_END) decoder->in_member = false;
    else if (status == LZMA_MEMLIMIT_ERROR) return corrupt(err, "xz", "its dictionary needs too much memory");
    else if (status == LZMA_MEM_ERROR) return rt_nomem(err);
    else if (status != LZMA_OK && status != LZMA_BUF_ERROR) return corrupt(err, "xz", "a block is damaged");
    return (ssize_t)(size - x->avail_out);
}

static ssize_t step(struct decoder *decoder, unsigned char *out, size_t size, bool finish, struct rt_error *err)
{
    switch (decoder->kind) {
    case COMPRESSION_NONE: return step_none(decoder, out, size);
    case COMPRESSION_GZIP: return step_gzip(decoder, out, size, err);
    case COMPRESSION_ZSTD: return step_zstd(decoder, out, size, err);
    case COMPRESSION_BZIP2: return step_bzip2(decoder, out, size, err);
    case COMPRESSION_XZ: return step_xz(decoder, out, size, finish, err);
    }
    return 0;
}

ssize_t decoder_read(struct decoder *decoder, void *data, size_t size, struct rt_error *err)
{
    size_t done = 0;
    while (done < size) {
        int more = refill(decoder, err);
        if (more < 0) return -1;
        /* Codecs may hold output back that needs no further input. */
        if (!more && (decoder->kind == COMPRESSION_NONE || !decoder->in_member)) break;
        ssize_t n = step(decoder, (unsigned char *)data + done, size - done, !more, err);
        if (n < 0) return -1;
        done += (size_t)n;
        if (!more && n == 0 && decoder->in_member)
            return rt_fail(err, "LAYER_INVALID", 0, NULL, "cannot decompress: the data ends too early");
    }
    return (ssize_t)done;
}
