#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/util.h"
#include "data/hash.h"

/*
 * Marks along the tar of a layer: the state of its SHA-256 every few megabytes, each before an entry. A layer whose entries up to some name are
 * those of an earlier one needs neither read nor hash what comes before the last mark that precedes this name.
 */
struct tar_mark {
    char *name; /* of the entry that follows, as the tar has it: directories with a slash */
    uint64_t offset, entries, bytes; /* before it */
    uint32_t state[SHA256_STATE];
};

struct tar_marks {
    struct tar_mark *items;
    size_t count, capacity;
};

#define TAR_MARK_EVERY (4u << 20)

void tar_marks_free(struct tar_marks *marks);
#define auto_tar_marks __attribute__((cleanup(tar_marks_free)))

/* Takes a copy of the name. */
int tar_marks_add(struct tar_marks *marks, const struct tar_mark *mark, struct rt_error *err);

/* Marks that cannot be read or written only cost time: there are none then. */
void tar_marks_load(struct tar_marks *marks, const char *path);
void tar_marks_save(const struct tar_marks *marks, const char *path);

/* Drops the marks after the entry `name` in the order of a tar. NULL: none. */
void tar_marks_cut(struct tar_marks *marks, const char *name);
