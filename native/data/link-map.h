#pragma once
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"

/* The first path of every file that has several names: hard links within one tree. */
struct link_map {
    struct linked *slots;
    size_t count, capacity;
};

void link_map_free(struct link_map *map);
#define auto_link_map __attribute__((cleanup(link_map_free)))

/*
 * The path under which this inode was seen first; NULL the first time (then `path` is remembered), and for a file with one name.
 * Returns -1 when out of memory.
 */
int link_map_see(struct link_map *map, const struct stat *st, const char *path, const char **first, struct rt_error *err);
