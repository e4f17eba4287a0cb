#pragma once
#include <jansson.h>
#include <sys/stat.h>

#include "base/error.h"

/* The plan's Chmod: {"octal":420} | {"symbolic":"u=rwX,go=rX"} | null. */
struct mode_change {
    enum { MODE_KEEP, MODE_OCTAL, MODE_SYMBOLIC } kind;
    mode_t octal;
    const char *symbolic; /* belongs to the plan */
};

int mode_change_parse(const json_t *object, const char *key, struct mode_change *out, struct rt_error *err);

/*
 * The permission bits (with setuid, setgid, sticky) of a file whose mode, type included, is `mode`. Symbols as chmod(1) has them with a umask of 0:
 * [ugoa]*([-+=][rwxXst]*|[ugo])+ between commas; "=" clears setuid and setgid of those it names.
 */
mode_t mode_change_apply(const struct mode_change *change, mode_t mode);

/* Mode of directories that are made on the way to a destination: 0755, or what the octal mode leaves of it (BuildKit's umask is 022). */
mode_t mode_change_parents(const struct mode_change *change);
