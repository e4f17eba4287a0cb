#pragma once
#include <stdbool.h>
#include <stddef.h>

/* RFC 4648, section 4, with padding. */
size_t base64_size(size_t size);
/* Writes base64_size(size) characters and a NUL. */
void base64_encode(const unsigned char *data, size_t size, char *out);
/* `out` holds at least size / 4 * 3 bytes. False for anything but canonical base64. */
bool base64_decode(const char *text, size_t size, unsigned char *out, size_t *out_size);
