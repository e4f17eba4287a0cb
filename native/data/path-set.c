#include "data/path-set.h"

#include <stdlib.h>

static uint64_t hash_of(const char *path, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)path[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

static void insert(uint64_t *slots, size_t capacity, uint64_t hash, size_t *count)
{
    size_t i = hash & (capacity - 1);
    while (slots[i] && slots[i] != hash) i = (i + 1) & (capacity - 1);
    *count += slots[i] == 0;
    slots[i] = hash;
}

void path_set_free(struct path_set *set)
{
    free(set->slots);
    *set = (struct path_set){ 0 };
}

int path_set_add(struct path_set *set, const char *path, size_t size, struct rt_error *err)
{
    if (set->count * 4 >= set->capacity * 3) {
        struct path_set grown = { .capacity = set->capacity ? set->capacity * 2 : 1024 };
        grown.slots = calloc(grown.capacity, sizeof *grown.slots);
        if (!grown.slots) return rt_nomem(err);
        for (size_t i = 0; i < set->capacity; i++)
            if (set->slots[i]) insert(grown.slots, grown.capacity, set->slots[i], &grown.count);
        free(set->slots);
        *set = grown;
    }
    insert(set->slots, set->capacity, hash_of(path, size), &set->count);
    return 0;
}

bool path_set_has(const struct path_set *set, const char *path, size_t size)
{
    if (set->capacity == 0) return false;
    uint64_t hash = hash_of(path, size);
    size_t i = hash & (set->capacity - 1);
    while (set->slots[i] && set->slots[i] != hash) i = (i + 1) & (set->capacity - 1);
    return set->slots[i] == hash;
}
