#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Compiled path patterns (docs/native-core.md, "Match"; the token form is defined in the README of @dockerfile/parser). A pattern is read
 * element by element of a path, so a walk keeps one state per directory and advances it by one name for each entry.
 */
struct glob_range {
    uint32_t from, to;
};

struct glob_token {
    enum { GLOB_LIT, GLOB_STAR, GLOB_ANY, GLOB_CLASS } kind;
    char *text; /* GLOB_LIT */
    size_t size;
    struct glob_range *ranges; /* GLOB_CLASS */
    size_t range_count;
    bool negated;
};

struct glob_segment {
    bool deep; /* any number of elements, also none */
    struct glob_token *tokens;
    size_t count;
};

struct glob {
    struct glob_segment *segments;
    size_t count;
};

void glob_free(struct glob *glob);

/* {"segments":[…]}; members other than those in the NULL-terminated list after `err` are refused by the caller. */
int glob_parse(const json_t *value, struct glob *out, struct rt_error *err);

/* The positions in a pattern that can be reached: one bit each, glob_words(glob) words. */
size_t glob_words(const struct glob *glob);
void glob_start(const struct glob *glob, uint64_t *state);
/* `to` may not be `from`. */
void glob_advance(const struct glob *glob, const uint64_t *from, const char *name, size_t size, uint64_t *to);
/* What was read so far is a whole match. */
bool glob_matched(const struct glob *glob, const uint64_t *state);
/* Something strictly below can match. */
bool glob_open(const struct glob *glob, const uint64_t *state);
