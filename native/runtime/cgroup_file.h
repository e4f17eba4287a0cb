#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/util.h"

/* Control files: one short write or read each, relative to a cgroup's directory. */
int cgroup_write(int dirfd, const char *file, const char *value, struct rt_error *err);
int cgroup_printf(int dirfd, const char *file, struct rt_error *err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool cgroup_has(int dirfd, const char *file);
/* False where it cannot be read; `out` is NUL-terminated. */
bool cgroup_read(int dirfd, const char *file, struct buf *out);
/* The number that a file holds, or that stands behind `key` in a file of "key number" lines. */
bool cgroup_read_number(int dirfd, const char *file, uint64_t *out);
bool cgroup_read_key(int dirfd, const char *file, const char *key, uint64_t *out);
