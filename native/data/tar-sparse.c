#include "data/tar-sparse.h"

#include <stdlib.h>

#include "base/util.h"

#define MAX_EXTENTS (1u << 20) /* 16 MiB of map; a tar has no other bound */

int sparse_add(struct sparse_map *map, uint64_t offset, uint64_t size, struct rt_error *err)
{
    if (map->count == MAX_EXTENTS) return rt_fail(err, "LAYER_INVALID", 0, NULL, "a sparse file has more than %u extents", MAX_EXTENTS);
    if (map->count == map->capacity) {
        size_t capacity = map->capacity ? map->capacity * 2 : 16;
        struct extent *extents = realloc(map->extents, capacity * sizeof *extents);
        if (!extents) return rt_nomem(err);
        map->extents = extents;
        map->capacity = capacity;
    }
    map->extents[map->count++] = (struct extent){ offset, size };
    return 0;
}

void sparse_free(struct sparse_map *map)
{
    free(map->extents);
    *map = (struct sparse_map){ 0 };
}

bool sparse_valid(const struct sparse_map *map, uint64_t size, uint64_t stored)
{
    uint64_t end = 0, sum = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct extent *extent = &map->extents[i];
        if (extent->offset < end || extent->offset > size || extent->size > size - extent->offset) return false;
        end = extent->offset + extent->size;
        sum += extent->size; /* cannot overflow: the extents lie side by side below `size` */
    }
    return sum == stored;
}

int sparse_parse_list(struct sparse_map *map, const char *text, struct rt_error *err)
{
    uint64_t pair[2];
    int have = 0;
    while (*text) {
        char number[24];
        size_t length = 0;
        while (text[length] && text[length] != ',' && length < sizeof number - 1) {
            number[length] = text[length];
            length++;
        }
        number[length] = '\0';
        if ((text[length] && text[length] != ',') || !parse_u64(number, INT64_MAX, &pair[have]))
            return rt_fail(err, "LAYER_INVALID", 0, NULL, "a sparse file has a malformed map");
        text += length + (text[length] == ',');
        have = !have;
        if (!have && sparse_add(map, pair[0], pair[1], err) < 0) return -1;
    }
    return have ? rt_fail(err, "LAYER_INVALID", 0, NULL, "a sparse file has a malformed map") : 0;
}
