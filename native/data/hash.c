#define OPENSSL_SUPPRESS_DEPRECATED
#include "data/hash.h"

#include <string.h>

#include "base/util.h"

void sha256_start(struct sha256 *hash)
{
    SHA256_Init(&hash->ctx);
}

void sha256_add(struct sha256 *hash, const void *data, size_t size)
{
    SHA256_Update(&hash->ctx, data, size);
}

void sha256_save(const struct sha256 *hash, uint32_t state[SHA256_STATE])
{
    memcpy(state, hash->ctx.h, sizeof hash->ctx.h);
}

void sha256_resume(struct sha256 *hash, const uint32_t state[SHA256_STATE], uint64_t bytes)
{
    SHA256_Init(&hash->ctx);
    memcpy(hash->ctx.h, state, sizeof hash->ctx.h);
    hash->ctx.Nl = (uint32_t)(bytes << 3);
    hash->ctx.Nh = (uint32_t)(bytes >> 29);
}

void sha256_end(struct sha256 *hash, char out[SHA256_TEXT])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, &hash->ctx);
    memcpy(out, "sha256:", 7);
    hex(digest, sizeof digest, out + 7);
}
