#include "data/tar-marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char magic[8] = "tsbmark1";

/* What a file has of a mark, before the bytes of its name. */
struct mark_record {
    uint64_t offset, entries, bytes;
    uint32_t state[SHA256_STATE];
    uint32_t name_size;
    uint32_t reserved;
};

#define NAME_LIMIT 65536 /* far over what a path can have */

void tar_marks_free(struct tar_marks *marks)
{
    for (size_t i = 0; i < marks->count; i++) free(marks->items[i].name);
    free(marks->items);
    *marks = (struct tar_marks){ 0 };
}

int tar_marks_add(struct tar_marks *marks, const struct tar_mark *mark, struct rt_error *err)
{
    if (marks->count == marks->capacity) {
        size_t capacity = marks->capacity ? marks->capacity * 2 : 64;
        struct tar_mark *items = realloc(marks->items, capacity * sizeof *items);
        if (!items) return rt_nomem(err);
        marks->items = items;
        marks->capacity = capacity;
    }
    struct tar_mark *place = &marks->items[marks->count];
    *place = *mark;
    place->name = rt_strdup(mark->name, err);
    if (!place->name) return -1;
    marks->count++;
    return 0;
}

static bool read_mark(FILE *file, struct tar_marks *marks)
{
    struct mark_record record;
    struct rt_error ignored;
    if (fread(&record, sizeof record, 1, file) != 1 || record.name_size > NAME_LIMIT || record.offset % 64 != 0) return false;
    auto_free char *name = calloc(1, (size_t)record.name_size + 1);
    if (!name || (record.name_size > 0 && fread(name, record.name_size, 1, file) != 1)) return false;
    struct tar_mark mark = { .name = name, .offset = record.offset, .entries = record.entries, .bytes = record.bytes };
    memcpy(mark.state, record.state, sizeof mark.state);
    return tar_marks_add(marks, &mark, &ignored) == 0;
}

void tar_marks_load(struct tar_marks *marks, const char *path)
{
    char found[sizeof magic];
    *marks = (struct tar_marks){ 0 };
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file) return;
    if (fread(found, sizeof found, 1, file) == 1 && memcmp(found, magic, sizeof magic) == 0)
        while (read_mark(file, marks)) {}
    fclose(file);
}

void tar_marks_save(const struct tar_marks *marks, const char *path)
{
    FILE *file = path && marks->count > 0 ? fopen(path, "we") : NULL;
    if (!file) return;
    bool written = fwrite(magic, sizeof magic, 1, file) == 1;
    for (size_t i = 0; i < marks->count && written; i++) {
        const struct tar_mark *mark = &marks->items[i];
        struct mark_record record = { .offset = mark->offset, .entries = mark->entries, .bytes = mark->bytes, .name_size = (uint32_t)strlen(mark->name) };
        memcpy(record.state, mark->state, sizeof record.state);
        written = fwrite(&record, sizeof record, 1, file) == 1 && (record.name_size == 0 || fwrite(mark->name, record.name_size, 1, file) == 1);
    }
    if (fclose(file) != 0 || !written) unlink(path);
}

void tar_marks_cut(struct tar_marks *marks, const char *name)
{
    while (marks->count > 0 && (!name || strcmp(marks->items[marks->count - 1].name, name) > 0)) free(marks->items[--marks->count].name);
}
