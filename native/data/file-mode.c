#include "data/file-mode.h"

#include <string.h>

#include "base/json.h"

static bool is_symbolic(const char *text)
{
    while (*text) {
        text += strspn(text, "ugoa");
        if (!strchr("-+=", *text) || *text == '\0') return false;
        while (*text && strchr("-+=", *text)) text += 1 + strspn(text + 1, "rwxXstugo");
        if (*text == ',' && text[1]) text++;
        else if (*text) return false;
    }
    return true;
}

int mode_change_parse(const json_t *object, const char *key, struct mode_change *out, struct rt_error *err)
{
    json_t *change = NULL;
    int64_t octal = -1;
    *out = (struct mode_change){ .kind = MODE_KEEP };
    if (json_opt_obj(object, key, &change, err) < 0) return -1;
    if (!change) return 0;
    if (json_allow(change, err, "octal", "symbolic", NULL) < 0 || json_opt_i64(change, "octal", 0, 07777, &octal, err) < 0 ||
        json_opt_str(change, "symbolic", &out->symbolic, err) < 0)
        return -1;
    if ((octal >= 0) == (out->symbolic != NULL)) return rt_fail(err, "PLAN_INVALID", 0, NULL, "'%s' must be octal or symbolic", key);
    if (out->symbolic && !is_symbolic(out->symbolic)) return rt_fail(err, "PLAN_INVALID", 0, NULL, "'%s' is no mode: '%s'", key, out->symbolic);
    out->kind = out->symbolic ? MODE_SYMBOLIC : MODE_OCTAL;
    out->octal = octal >= 0 ? (mode_t)octal : 0;
    return 0;
}

/* Bits of user, group and others that belong to the classes named. */
static mode_t class_mask(const char *who, size_t size)
{
    mode_t mask = 0;
    for (size_t i = 0; i < size; i++) mask |= who[i] == 'u' ? 04700 : who[i] == 'g' ? 02070 : who[i] == 'o' ? 01007 : 07777;
    return size > 0 ? mask : 07777;
}

/* The bits that one permission letter stands for, in all classes. `mode` is the mode so far. */
static mode_t letter_bits(char letter, mode_t mode)
{
    switch (letter) {
    case 'r': return 0444;
    case 'w': return 0222;
    case 'x': return 0111;
    case 'X': return S_ISDIR(mode) || mode & 0111 ? 0111 : 0;
    case 's': return 06000;
    case 't': return 01000;
    case 'u': return (mode >> 6 & 7) * 0111;
    case 'g': return (mode >> 3 & 7) * 0111;
    default: return (mode & 7) * 0111;
    }
}

static mode_t apply_symbols(const char *text, mode_t mode)
{
    while (*text) {
        size_t size = strspn(text, "ugoa");
        mode_t mask = class_mask(text, size);
        /* The sticky bit goes with no class alone: "t" sets it whoever is named, and "o=" leaves it. */
        mode_t settable = mask | 01000, cleared = size > 0 && mask != 07777 ? mask & ~(mode_t)01000 : mask;
        for (text += size; *text && *text != ',';) {
            char operation = *text++;
            mode_t bits = 0;
            for (; *text && strchr("rwxXstugo", *text); text++) bits |= letter_bits(*text, mode);
            bits &= settable;
            if (operation == '=') mode = (mode & ~cleared) | bits;
            else if (operation == '+') mode |= bits;
            else mode &= ~bits;
        }
        text += *text == ',';
    }
    return mode & 07777;
}

mode_t mode_change_apply(const struct mode_change *change, mode_t mode)
{
    return change->kind == MODE_OCTAL ? change->octal : change->kind == MODE_SYMBOLIC ? apply_symbols(change->symbolic, mode) : mode & 07777;
}

mode_t mode_change_parents(const struct mode_change *change)
{
    return change->kind == MODE_OCTAL ? change->octal & 0755 : 0755;
}
