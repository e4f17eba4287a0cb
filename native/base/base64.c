#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

void base64_encode(const unsigned char *data, size_t size, char *out)
{
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned v = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0u);
        *out++ = alphabet[v >> 18];
        *out++ = alphabet[v >> 12 & 63];
        *out++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
        *out++ = left > 2 ? alphabet[v & 63] : '=';
    }
    *out = '\0';
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t size, unsigned char *out, size_t *out_size)
{
    if (size % 4 != 0) return false;
    size_t n = 0;
    for (size_t i = 0; i < size; i += 4) {
        bool last = i + 4 == size;
        int pad = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
        unsigned v = 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = (int)k >= 4 - pad ? 0 : value_of(text[i + k]);
            if (digit < 0) return false;
            v = v << 6 | (unsigned)digit;
        }
        if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff))) return false;
        out[n++] = (unsigned char)(v >> 16);
        if (pad < 2) out[n++] = (unsigned char)(v >> 8);
        if (pad < 1) out[n++] = (unsigned char)v;
    }
    *out_size = n;
    return true;
}
