#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * A set of paths that keeps 64 bits of each (SipHash would do no better: whoever can make two paths collide harms only the archive that he
 * wrote himself). 16 bytes a path at most.
 */
struct path_set {
    uint64_t *slots; /* 0: empty */
    size_t count, capacity;
};

void path_set_free(struct path_set *set);
int path_set_add(struct path_set *set, const char *path, size_t size, struct rt_error *err);
bool path_set_has(const struct path_set *set, const char *path, size_t size);
