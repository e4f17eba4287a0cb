#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Where the stored bytes of a sparse file belong. */
struct extent {
    uint64_t offset, size;
};

struct sparse_map {
    struct extent *extents;
    size_t count, capacity;
};

int sparse_add(struct sparse_map *map, uint64_t offset, uint64_t size, struct rt_error *err);
void sparse_free(struct sparse_map *map);

/* In order, not overlapping, inside of a file of `size` bytes, and together exactly `stored` bytes. */
bool sparse_valid(const struct sparse_map *map, uint64_t size, uint64_t stored);

/* GNU.sparse.map of format 0.1: "offset,size,offset,size…". */
int sparse_parse_list(struct sparse_map *map, const char *text, struct rt_error *err);
