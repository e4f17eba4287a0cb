#include "data/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"

static int parse_pattern(const json_t *value, struct ignore_pattern *out, struct rt_error *err)
{
    if (json_allow(value, err, "negate", "segments", NULL) < 0 || json_req_bool(value, "negate", &out->negate, err) < 0) return -1;
    return glob_parse(value, &out->glob, err);
}

int ignore_parse(const json_t *object, const char *key, struct ignore *out, struct rt_error *err)
{
    json_t *list = NULL, *patterns;
    *out = (struct ignore){ 0 };
    if (json_opt_obj(object, key, &list, err) < 0) return -1;
    if (!list) return 0;
    if (json_allow(list, err, "patterns", NULL) < 0 || json_req_arr(list, "patterns", &patterns, err) < 0) return -1;
    size_t count = json_array_size(patterns);
    out->patterns = calloc(count + 1, sizeof *out->patterns);
    if (!out->patterns) return rt_nomem(err);
    for (; out->count < count; out->count++) {
        struct ignore_pattern *pattern = &out->patterns[out->count];
        if (parse_pattern(json_array_get(patterns, out->count), pattern, err) < 0) {
            ignore_free(out);
            return -1;
        }
        pattern->offset = out->words;
        out->words += glob_words(&pattern->glob);
    }
    return 0;
}

void ignore_free(struct ignore *ignore)
{
    for (size_t i = 0; i < ignore->count; i++) glob_free(&ignore->patterns[i].glob);
    free(ignore->patterns);
    *ignore = (struct ignore){ 0 };
}

size_t ignore_level_size(const struct ignore *ignore)
{
    return sizeof(struct ignore_level) + ignore->words * sizeof(uint64_t) + ignore->count;
}

static uint8_t *hits(const struct ignore *ignore, struct ignore_level *level)
{
    return (uint8_t *)(level->words + ignore->words);
}

void ignore_root(const struct ignore *ignore, struct ignore_level *level)
{
    level->ignored = false;
    level->rule = -1;
    for (size_t i = 0; i < ignore->count; i++) glob_start(&ignore->patterns[i].glob, level->words + ignore->patterns[i].offset);
    memset(hits(ignore, level), 0, ignore->count);
}

void ignore_enter(const struct ignore *ignore, const struct ignore_level *up, const char *name, struct ignore_level *level)
{
    const uint8_t *above = (const uint8_t *)(up->words + ignore->words);
    uint8_t *hit = hits(ignore, level);
    size_t size = strlen(name);
    level->ignored = false;
    level->rule = -1;
    for (size_t i = 0; i < ignore->count; i++) {
        const struct ignore_pattern *pattern = &ignore->patterns[i];
        uint64_t *state = level->words + pattern->offset;
        glob_advance(&pattern->glob, up->words + pattern->offset, name, size, state);
        hit[i] = above[i] || (pattern->negate == level->ignored && glob_matched(&pattern->glob, state));
        if (!hit[i]) continue;
        level->ignored = !pattern->negate;
        level->rule = (int)i;
    }
}

bool ignore_may_reinclude(const struct ignore *ignore, const struct ignore_level *level)
{
    const uint8_t *hit = (const uint8_t *)(level->words + ignore->words);
    for (size_t i = ignore->count; i-- > 0;) {
        const struct ignore_pattern *pattern = &ignore->patterns[i];
        if (hit[i] && !pattern->negate) return false;
        if (pattern->negate && glob_open(&pattern->glob, level->words + pattern->offset)) return true;
    }
    return false;
}

struct ignore_level *ignore_level_at(const struct ignore *ignore, const char *path, struct rt_error *err)
{
    auto_free struct ignore_level *level = malloc(ignore_level_size(ignore)), *next = malloc(ignore_level_size(ignore));
    auto_free char *names = strdup(path);
    if (!level || !next || !names) return rt_nomem(err), NULL;
    ignore_root(ignore, level);
    char *rest = NULL;
    for (char *name = strtok_r(names, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
        ignore_enter(ignore, level, name, next);
        struct ignore_level *swap = level;
        level = next;
        next = swap;
    }
    return take_ptr(&level);
}
