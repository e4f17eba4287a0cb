#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "data/glob.h"

/*
 * An ignore list, evaluated from the root of a walk down as BuildKit's walk does it (README of @dockerfile/parser, "Ignore plans"): a
 * directory's level is made from its parent's level and its name; entries are judged against the level of their directory.
 */
struct ignore_pattern {
    struct glob glob;
    bool negate;
    size_t offset; /* of its state words in a level */
};

struct ignore {
    struct ignore_pattern *patterns;
    size_t count;
    size_t words; /* of all states */
};

/* What is known at one path: the state and the recorded match of every pattern. One allocation of ignore_level_size bytes. */
struct ignore_level {
    bool ignored;
    int rule;          /* index of the pattern that decided, -1: none */
    uint64_t words[];  /* states, then one byte per pattern */
};


/* A list that is absent or null is empty and ignores nothing. */
int ignore_parse(const json_t *object, const char *key, struct ignore *out, struct rt_error *err);
void ignore_free(struct ignore *ignore);

size_t ignore_level_size(const struct ignore *ignore);
/* The level of the root, which is never ignored. */
void ignore_root(const struct ignore *ignore, struct ignore_level *level);
/* The level of entry `name` of the directory at `up`. */
void ignore_enter(const struct ignore *ignore, const struct ignore_level *up, const char *name, struct ignore_level *level);
bool ignore_may_reinclude(const struct ignore *ignore, const struct ignore_level *level);

/* The level of `path` (canonical) from the root down, in fresh memory. */
struct ignore_level *ignore_level_at(const struct ignore *ignore, const char *path, struct rt_error *err);
