#pragma once
#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>

/* SHA-256 by the low-level functions: the EVP interface would triple the static binary. */
struct sha256 {
    SHA256_CTX ctx;
};

#define SHA256_TEXT 72 /* "sha256:" + 64 hex digits + NUL */

void sha256_start(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, size_t size);

/* The state after a multiple of 64 bytes, from which the same stream can go on. */
#define SHA256_STATE 8
void sha256_save(const struct sha256 *hash, uint32_t state[SHA256_STATE]);
void sha256_resume(struct sha256 *hash, const uint32_t state[SHA256_STATE], uint64_t bytes);

/* Writes "sha256:<hex>". */
void sha256_end(struct sha256 *hash, char out[SHA256_TEXT]);
