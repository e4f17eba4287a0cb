#pragma once
#include <stddef.h>

#include "base/error.h"

/* Memory that is freed at once: what a parsed document points to lives as long as the document. A zeroed struct is empty. */
struct arena {
    struct arena_chunk *chunks;
};

/* Zeroed memory, aligned for any type; NULL with `err` set when there is none left. */
void *arena_alloc(struct arena *arena, size_t size, struct rt_error *err);
void *arena_array(struct arena *arena, size_t count, size_t size, struct rt_error *err);
char *arena_strdup(struct arena *arena, const char *text, struct rt_error *err);
char *arena_printf(struct arena *arena, struct rt_error *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void arena_free(struct arena *arena);
