#pragma once
#include <stddef.h>

#include "base/error.h"

/* The mounts of the calling process's namespace, /proc/self/mountinfo (proc(5)), in its order. */
struct mountinfo_item {
    char *root, *path, *type;
};

struct mountinfo {
    struct mountinfo_item *items; /* point into `text` */
    size_t count;
    char *text;
};

int mountinfo_read(struct mountinfo *out, struct rt_error *err);
void mountinfo_free(struct mountinfo *list);
#define auto_mountinfo __attribute__((cleanup(mountinfo_free)))

/* Blank, tab, newline and backslash are written as octal. In place. */
void mountinfo_unescape(char *text);
