#include "runtime/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 8192 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    _Alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *arena, size_t size, struct rt_error *err)
{
    size_t need = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    struct arena_chunk *chunk = arena->chunks;
    if (need < size) return rt_nomem(err), NULL;
    if (!chunk || chunk->size - chunk->used < need) {
        size_t capacity = need > CHUNK_SIZE ? need : CHUNK_SIZE;
        chunk = calloc(1, sizeof *chunk + capacity);
        if (!chunk) return rt_nomem(err), NULL;
        chunk->size = capacity;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    void *memory = chunk->data + chunk->used;
    chunk->used += need;
    return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size, struct rt_error *err)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) return rt_nomem(err), NULL;
    return arena_alloc(arena, total, err);
}

char *arena_strdup(struct arena *arena, const char *text, struct rt_error *err)
{
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(arena, size, err);
    return copy ? memcpy(copy, text, size) : NULL;
}

char *arena_printf(struct arena *arena, struct rt_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int length = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (length < 0) return rt_nomem(err), NULL;
    char *text = arena_alloc(arena, (size_t)length + 1, err);
    if (!text) return NULL;
    va_start(ap, fmt);
    vsnprintf(text, (size_t)length + 1, fmt, ap);
    va_end(ap);
    return text;
}

void arena_free(struct arena *arena)
{
    while (arena->chunks) {
        struct arena_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
}
