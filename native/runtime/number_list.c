#include "runtime/number_list.h"

#include <string.h>

#include "base/util.h"

enum { WORD = 8 * sizeof(unsigned long) };

/* "5" or "0-3" of `length` characters, blanks around them allowed. */
static bool add_range(const char *text, size_t length, unsigned long *bits, size_t size)
{
    char range[48];
    uint64_t first, last;
    while (length && *text == ' ') text++, length--;
    while (length && text[length - 1] == ' ') length--;
    if (length >= sizeof range) return false;
    memcpy(range, text, length);
    range[length] = 0;
    char *dash = strchr(range, '-');
    if (dash) *dash = 0;
    if (!parse_u64(range, size - 1, &first)) return false;
    last = first;
    if (dash && (!parse_u64(dash + 1, size - 1, &last) || last < first)) return false;
    for (uint64_t number = first; number <= last; number++) bits[number / WORD] |= 1ul << number % WORD;
    return true;
}

bool number_list_parse(const char *list, unsigned long *bits, size_t size)
{
    for (const char *at = list;; at++) {
        size_t length = strcspn(at, ",");
        if (!add_range(at, length, bits, size)) return false;
        at += length;
        if (!*at) return true;
    }
}
