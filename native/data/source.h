#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "data/glob.h"
#include "data/scan.h"

/* A source of a copy: {"path":…} or {"match":…}, with "pivot" (docs/native-core.md, "walk"). */
struct source {
    char *path; /* canonical; NULL: a pattern */
    struct glob glob;
    size_t pivot;
};

struct source_list {
    struct source *items;
    size_t count;
};

int source_parse_list(const json_t *object, const char *key, struct source_list *out, struct rt_error *err);
void source_list_free(struct source_list *list);
#define auto_sources __attribute__((cleanup(source_list_free)))

/* Paths in byte order of their elements. */
struct path_list {
    char **items;
    size_t count, capacity;
};
void path_list_free(struct path_list *list);
#define auto_paths __attribute__((cleanup(path_list_free)))

/*
 * What the source names: its path, or every path that matches the pattern and that the ignore list does not hide. A directory that matches is
 * not searched further. Links are followed in the leading elements of a pattern that are plain names (BuildKit resolves what stands before the first
 * wildcard), then no more; with `parents` they are not followed at all.
 */
int source_expand(const struct scan *scan, const struct source *source, struct path_list *out, struct rt_error *err);
