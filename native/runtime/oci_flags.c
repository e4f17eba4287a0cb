#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "runtime/oci.h"

static int usage(struct rt_error *err, const char *what, const char *flag)
{
    return rt_fail(err, "USAGE", 0, NULL, "%s: %s", what, flag);
}

static const struct oci_flag *find(const struct oci_flag *flags, const char *name, size_t length)
{
    for (; flags->name; flags++) {
        if (strlen(flags->name) == length && strncmp(flags->name, name, length) == 0) return flags;
        if (length == 1 && flags->letter == *name) return flags;
    }
    return NULL;
}

static int add(struct spec_strings *list, const char *value, struct rt_error *err)
{
    const char **items = reallocarray(list->items, list->count + 2, sizeof *items);
    if (!items) return rt_nomem(err);
    list->items = items;
    items[list->count++] = value;
    items[list->count] = NULL;
    return 0;
}

static int assign(const struct oci_flag *flag, const char *value, struct rt_error *err)
{
    switch (flag->kind) {
    case FLAG_BOOL:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) return usage(err, "flag takes true or false", flag->name);
        *(bool *)flag->out = *value == 't';
        return 0;
    case FLAG_TEXT: *(const char **)flag->out = value; return 0;
    case FLAG_NUMBER: return parse_i64(value, INT64_MIN, INT64_MAX, flag->out) ? 0 : usage(err, "flag takes a number", flag->name);
    case FLAG_LIST: return add(flag->out, value, err);
    }
    return -1;
}

int oci_flags(const struct oci_flag *flags, bool stop, int *argc, char **argv, struct rt_error *err)
{
    int kept = 0, i = 0;
    for (; i < *argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "--") == 0) {
            i++;
            break;
        }
        if (word[0] != '-' || !word[1]) {
            if (stop) break;
            argv[kept++] = word;
            continue;
        }
        const char *name = word + (word[1] == '-' ? 2 : 1), *value = strchr(name, '=');
        const struct oci_flag *flag = find(flags, name, value ? (size_t)(value - name) : strlen(name));
        if (!flag && word[1] != '-' && (flag = find(flags, name, 1)) && flag->kind != FLAG_BOOL) value = name; /* -n5 */
        else if (!flag) return usage(err, "flag provided but not defined", word);
        if (value) value++;
        else if (flag->kind == FLAG_BOOL) value = "true";
        else if (++i < *argc) value = argv[i];
        else return usage(err, "flag needs an argument", word);
        if (assign(flag, value, err)) return -1;
    }
    while (i < *argc) argv[kept++] = argv[i++];
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

int oci_count(const struct oci *oci, const char *verb, int argc, int min, int max, struct rt_error *err)
{
    if (argc >= min && argc <= max) return 0;
    if (min == max) return rt_fail(err, "USAGE", 0, NULL, "%s: \"%s\" requires exactly %d argument(s)", oci->program, verb, min);
    if (argc < min) return rt_fail(err, "USAGE", 0, NULL, "%s: \"%s\" requires a minimum of %d argument(s)", oci->program, verb, min);
    return rt_fail(err, "USAGE", 0, NULL, "%s: \"%s\" requires a maximum of %d argument(s)", oci->program, verb, max);
}
