#include "data/tar-number.h"

#include <string.h>

#include "base/util.h"

static bool base256(const unsigned char *field, size_t size, int64_t *out)
{
    bool negative = field[0] & 0x40;
    uint64_t value = negative ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = i > 0 ? field[i] : (unsigned char)(negative ? field[0] | 0x80 : field[0] & 0x7f);
        uint64_t top = value >> 56;
        if (top != (negative ? 0xff : 0)) return false;
        value = value << 8 | byte;
    }
    if ((value >> 63) != negative) return false;
    *out = (int64_t)value;
    return true;
}

bool tar_number(const unsigned char *field, size_t size, int64_t *out)
{
    if (field[0] & 0x80) return base256(field, size, out);
    size_t i = 0;
    while (i < size && (field[i] == ' ' || field[i] == '\0')) i++;
    while (size > i && (field[size - 1] == ' ' || field[size - 1] == '\0')) size--;
    int64_t value = 0;
    for (; i < size; i++) {
        if (field[i] == '\0' || field[i] == ' ') break; /* what follows the terminator does not count */
        if (field[i] < '0' || field[i] > '7' || value > INT64_MAX >> 3) return false;
        value = value << 3 | (field[i] - '0');
    }
    *out = value;
    return true;
}

bool tar_fits_octal(int64_t value, size_t size)
{
    return value >= 0 && value < (int64_t)1 << 3 * (size - 1);
}

void tar_put_number(unsigned char *field, size_t size, int64_t value)
{
    if (tar_fits_octal(value, size)) {
        field[size - 1] = '\0';
        for (size_t i = size - 1; i-- > 0; value >>= 3) field[i] = (unsigned char)('0' + (value & 7));
        return;
    }
    for (size_t i = size; i-- > 0; value >>= 8) field[i] = (unsigned char)value;
    field[0] |= 0x80;
}

bool tar_pax_time(const char *text, int64_t *seconds, long *nanoseconds)
{
    char whole[32];
    const char *dot = strchr(text, '.');
    size_t length = dot ? (size_t)(dot - text) : strlen(text);
    if (length >= sizeof whole) return false;
    memcpy(whole, text, length);
    whole[length] = '\0';
    bool negative = whole[0] == '-';
    if (!parse_i64(whole, INT64_MIN / 2, INT64_MAX / 2, seconds)) return false;
    long nano = 0;
    if (dot) {
        int digits = 0;
        for (const char *c = dot + 1; *c; c++, digits++) {
            if (*c < '0' || *c > '9') return false;
            if (digits < 9) nano = nano * 10 + (*c - '0');
        }
        for (; digits < 9; digits++) nano *= 10;
    }
    if (negative && nano > 0) {
        (*seconds)--;
        nano = 1000000000L - nano;
    }
    *nanoseconds = nano;
    return true;
}
