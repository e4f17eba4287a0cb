#pragma once
#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"

/* A file that a plan names: "/abs/path" or {"fd":5}. */
struct bulk {
    char *path; /* NULL: a descriptor of the caller */
    int fd;
};

void bulk_free(struct bulk *bulk);
#define auto_bulk __attribute__((cleanup(bulk_free)))

/* 1 parsed, 0 absent or null, -1. */
int bulk_parse(const json_t *object, const char *key, struct bulk *out, struct rt_error *err);

/* Opens for reading; a path must be a regular file (FIFOs and devices would hang or never end). */
int bulk_open_read(struct bulk *bulk, struct rt_error *err);

/* Makes the file (it must not exist, or be empty); bulk_discard removes it after a failure. */
int bulk_open_write(struct bulk *bulk, struct rt_error *err);
void bulk_discard(struct bulk *bulk);
