#pragma once
#include <openssl/sha.h>
#include <stddef.h>

/* SHA-256 by the low-level functions: the EVP interface would triple the static binary. */
struct sha256 {
    SHA256_CTX ctx;
};

#define SHA256_TEXT 72 /* "sha256:" + 64 hex digits + NUL */

void sha256_start(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, size_t size);
/* Writes "sha256:<hex>". */
void sha256_end(struct sha256 *hash, char out[SHA256_TEXT]);
