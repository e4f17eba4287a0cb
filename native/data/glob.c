#include "data/glob.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"

static void segment_free(struct glob_segment *segment)
{
    for (size_t i = 0; i < segment->count; i++) {
        free(segment->tokens[i].text);
        free(segment->tokens[i].ranges);
    }
    free(segment->tokens);
}

void glob_free(struct glob *glob)
{
    for (size_t i = 0; i < glob->count; i++) segment_free(&glob->segments[i]);
    free(glob->segments);
    *glob = (struct glob){ 0 };
}

static int parse_class(const json_t *value, struct glob_token *out, struct rt_error *err)
{
    const json_t *negated = json_array_get(value, 1), *ranges = json_array_get(value, 2);
    if (json_array_size(value) != 3 || !json_is_boolean(negated) || !json_is_array(ranges))
        return rt_fail(err, "PLAN_INVALID", 0, NULL, "a class token is not [\"class\", boolean, ranges]");
    size_t count = json_array_size(ranges);
    struct glob_range *list = calloc(count + 1, sizeof *list);
    if (!list) return rt_nomem(err);
    out->negated = json_is_true(negated);
    out->ranges = list;
    out->range_count = count;
    for (size_t i = 0; i < count; i++) {
        int64_t from, to;
        const json_t *range = json_array_get(ranges, i);
        if (json_elem_i64(range, 0, "range", 0, 0x10ffff, &from, err) < 0 || json_elem_i64(range, 1, "range", 0, 0x10ffff, &to, err) < 0)
            return -1;
        list[i] = (struct glob_range){ (uint32_t)from, (uint32_t)to };
    }
    return 0;
}

static int parse_token(const json_t *value, struct glob_token *out, struct rt_error *err)
{
    const char *kind;
    if (json_elem_str(value, 0, "token", &kind, err) < 0) return -1;
    if (strcmp(kind, "star") == 0 || strcmp(kind, "any") == 0) {
        out->kind = kind[0] == 's' ? GLOB_STAR : GLOB_ANY;
        return 0;
    }
    if (strcmp(kind, "lit") == 0) {
        out->kind = GLOB_LIT;
        return json_bytes(json_array_get(value, 1), "literal", &out->text, &out->size, err);
    }
    if (strcmp(kind, "class") == 0) {
        out->kind = GLOB_CLASS;
        return parse_class(value, out, err);
    }
    return rt_fail(err, "PLAN_INVALID", 0, NULL, "unknown token '%s' in a pattern", kind);
}

static int parse_segment(const json_t *value, struct glob_segment *out, struct rt_error *err)
{
    const char *text = json_string_value(value);
    if (text && strcmp(text, "**") == 0) {
        out->deep = true;
        return 0;
    }
    if (!json_is_array(value)) return rt_fail(err, "PLAN_INVALID", 0, NULL, "a pattern segment is neither \"**\" nor a list of tokens");
    size_t count = json_array_size(value);
    out->tokens = calloc(count + 1, sizeof *out->tokens);
    if (!out->tokens) return rt_nomem(err);
    for (; out->count < count; out->count++)
        if (parse_token(json_array_get(value, out->count), &out->tokens[out->count], err) < 0) {
            out->count++; /* what the token holds so far is freed with the others */
            return -1;
        }
    return 0;
}

int glob_parse(const json_t *value, struct glob *out, struct rt_error *err)
{
    json_t *segments;
    *out = (struct glob){ 0 };
    if (json_req_arr(value, "segments", &segments, err) < 0) return -1;
    size_t count = json_array_size(segments);
    out->segments = calloc(count + 1, sizeof *out->segments);
    if (!out->segments) return rt_nomem(err);
    for (size_t i = 0; i < count; i++) {
        out->count = i + 1;
        if (parse_segment(json_array_get(segments, i), &out->segments[i], err) < 0) {
            glob_free(out);
            return -1;
        }
    }
    return 0;
}

/* Reads one character; a byte that is no part of a UTF-8 sequence counts as U+FFFD. Returns its length. */
static size_t decode(const char *text, size_t size, uint32_t *out)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = (unsigned char)text[0];
    size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    *out = first;
    if (length == 1) return 1;
    *out = 0xfffd;
    if (length == 0 || length > size || first > 0xf4) return 1;
    uint32_t code = first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xc0) != 0x80) return 1;
        code = (code << 6) | (next & 0x3fu);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 1;
    *out = code;
    return length;
}

static bool in_class(const struct glob_token *token, uint32_t code)
{
    bool in = false;
    for (size_t i = 0; i < token->range_count && !in; i++) in = code >= token->ranges[i].from && code <= token->ranges[i].to;
    return in != token->negated;
}

/* How many bytes of `text` the token takes (no star); SIZE_MAX when it does not fit. */
static size_t take(const struct glob_token *token, const char *text, size_t size)
{
    uint32_t code;
    if (token->kind == GLOB_LIT) return token->size <= size && memcmp(token->text, text, token->size) == 0 ? token->size : SIZE_MAX;
    if (size == 0) return SIZE_MAX;
    size_t length = decode(text, size, &code);
    return token->kind == GLOB_ANY || in_class(token, code) ? length : SIZE_MAX;
}

/* One place to come back to is enough: a later star makes an earlier one's choice final. */
static bool match_name(const struct glob_segment *segment, const char *name, size_t size)
{
    size_t token = 0, at = 0, star = SIZE_MAX, retry = 0;
    for (;;) {
        if (token < segment->count && segment->tokens[token].kind == GLOB_STAR) {
            star = ++token;
            retry = at;
            continue;
        }
        size_t taken = token < segment->count ? take(&segment->tokens[token], name + at, size - at) : SIZE_MAX;
        if (taken != SIZE_MAX) {
            at += taken;
            token++;
        } else if (token == segment->count && at == size) {
            return true;
        } else if (star != SIZE_MAX && retry < size) {
            uint32_t code;
            retry += decode(name + retry, size - retry, &code);
            at = retry;
            token = star;
        } else {
            return false;
        }
    }
}

size_t glob_words(const struct glob *glob)
{
    return glob->count / 64 + 1;
}

static bool has(const uint64_t *state, size_t position)
{
    return (state[position / 64] >> (position % 64)) & 1;
}

/* Adds a position and those that `**` lets be reached without reading anything. */
static void reach(const struct glob *glob, uint64_t *state, size_t position)
{
    for (;; position++) {
        state[position / 64] |= UINT64_C(1) << (position % 64);
        if (position == glob->count || !glob->segments[position].deep) return;
    }
}

void glob_start(const struct glob *glob, uint64_t *state)
{
    memset(state, 0, glob_words(glob) * sizeof *state);
    reach(glob, state, 0);
}

void glob_advance(const struct glob *glob, const uint64_t *from, const char *name, size_t size, uint64_t *to)
{
    memset(to, 0, glob_words(glob) * sizeof *to);
    for (size_t i = 0; i < glob->count; i++) {
        if (!has(from, i)) continue;
        if (glob->segments[i].deep) reach(glob, to, i);
        else if (match_name(&glob->segments[i], name, size)) reach(glob, to, i + 1);
    }
}

bool glob_matched(const struct glob *glob, const uint64_t *state)
{
    return has(state, glob->count);
}

bool glob_open(const struct glob *glob, const uint64_t *state)
{
    for (size_t i = 0; i < glob->count; i++)
        if (has(state, i)) return true;
    return false;
}
