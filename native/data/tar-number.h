#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A numeric field of a header: octal with blanks or NULs around it, or base-256 (GNU, star). False where it is neither or does not fit. */
bool tar_number(const unsigned char *field, size_t size, int64_t *out);

/* Writes `value` into the field as zero-padded octal with a NUL, or base-256 where that is too long. */
void tar_put_number(unsigned char *field, size_t size, int64_t value);

/* Whether `value` can be written as octal into a field of `size` bytes. */
bool tar_fits_octal(int64_t value, size_t size);

/* A PAX time, "seconds[.fraction]", possibly negative. */
bool tar_pax_time(const char *text, int64_t *seconds, long *nanoseconds);
