#include "data/link-map.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/util.h"

struct linked {
    dev_t dev;
    ino_t ino;
    char *path; /* NULL: free */
};

void link_map_free(struct link_map *map)
{
    for (size_t i = 0; i < map->capacity; i++) free(map->slots[i].path);
    free(map->slots);
    *map = (struct link_map){ 0 };
}

static struct linked *find(struct linked *slots, size_t capacity, dev_t dev, ino_t ino)
{
    uint64_t hash = ((uint64_t)ino + (uint64_t)dev) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(hash >> 32) & (capacity - 1);
    while (slots[i].path && (slots[i].ino != ino || slots[i].dev != dev)) i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static int grow(struct link_map *map, struct rt_error *err)
{
    size_t capacity = map->capacity ? map->capacity * 2 : 64;
    struct linked *slots = calloc(capacity, sizeof *slots);
    if (!slots) return rt_nomem(err);
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].path) *find(slots, capacity, map->slots[i].dev, map->slots[i].ino) = map->slots[i];
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return 0;
}

int link_map_see(struct link_map *map, const struct stat *st, const char *path, const char **first, struct rt_error *err)
{
    *first = NULL;
    if (st->st_nlink < 2) return 0;
    if (map->count * 2 >= map->capacity && grow(map, err) < 0) return -1;
    struct linked *slot = find(map->slots, map->capacity, st->st_dev, st->st_ino);
    if (slot->path) {
        *first = slot->path;
        return 0;
    }
    *slot = (struct linked){ .dev = st->st_dev, .ino = st->st_ino, .path = rt_strdup(path, err) };
    if (!slot->path) return -1;
    map->count++;
    return 0;
}
