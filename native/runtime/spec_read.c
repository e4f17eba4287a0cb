#include "runtime/spec_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int read_opt_i64(const json_t *object, const char *key, struct opt_i64 *out, struct rt_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value)) return 0;
    if (json_opt_i64(object, key, INT64_MIN, INT64_MAX, &out->value, err)) return -1;
    out->set = true;
    return 0;
}

int read_opt_u64(const json_t *object, const char *key, struct opt_u64 *out, struct rt_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value)) return 0;
    out->set = true;
    if (json_is_string(value) && parse_u64(json_string_value(value), UINT64_MAX, &out->value)) return 0;
    int64_t number = 0;
    if (json_opt_i64(object, key, 0, INT64_MAX, &number, err)) return -1;
    out->value = (uint64_t)number;
    return 0;
}

int read_u64(const json_t *object, const char *key, uint64_t *out, struct rt_error *err)
{
    struct opt_u64 value = {.value = *out};
    if (read_opt_u64(object, key, &value, err)) return -1;
    *out = value.value;
    return 0;
}

int read_u32(const json_t *object, const char *key, uint32_t *out, struct rt_error *err)
{
    int64_t number = *out;
    if (json_opt_i64(object, key, 0, UINT32_MAX, &number, err)) return -1;
    *out = (uint32_t)number;
    return 0;
}

int read_req_u32(const json_t *object, const char *key, uint32_t *out, struct rt_error *err)
{
    int64_t number;
    if (json_req_i64(object, key, 0, UINT32_MAX, &number, err)) return -1;
    *out = (uint32_t)number;
    return 0;
}

static int strings(struct spec *spec, const json_t *object, const char *key, bool bytes, struct spec_strings *out, struct rt_error *err)
{
    json_t *array = NULL;
    if (json_opt_arr(object, key, &array, err)) return -1;
    size_t count = json_array_size(array);
    const char **items = arena_array(&spec->arena, count + 1, sizeof *items, err);
    if (!items) return -1;
    for (size_t i = 0; i < count; i++) {
        const json_t *element = json_array_get(array, i);
        if (bytes && json_is_object(element)) {
            auto_free char *text = NULL;
            if (json_bytes(element, key, &text, NULL, err)) return -1;
            if (!(items[i] = arena_strdup(&spec->arena, text, err))) return -1;
        } else if (json_elem_str(array, i, key, &items[i], err))
            return -1;
    }
    *out = (struct spec_strings){.items = items, .count = count};
    return 0;
}

int read_strings(struct spec *spec, const json_t *object, const char *key, struct spec_strings *out, struct rt_error *err)
{
    return strings(spec, object, key, false, out, err);
}

int read_byte_strings(struct spec *spec, const json_t *object, const char *key, struct spec_strings *out, struct rt_error *err)
{
    return strings(spec, object, key, true, out, err);
}

int read_pairs(struct spec *spec, const json_t *object, const char *key, struct spec_pairs *out, struct rt_error *err)
{
    json_t *map = NULL;
    if (json_opt_obj(object, key, &map, err)) return -1;
    struct spec_pair *items = arena_array(&spec->arena, json_object_size(map), sizeof *items, err);
    if (!items) return -1;
    size_t count = 0;
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        if (!json_is_string(value)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "member '%s' of '%s' must be a string", name, key);
        items[count++] = (struct spec_pair){.key = name, .value = json_string_value(value)};
    }
    *out = (struct spec_pairs){.items = items, .count = count};
    return 0;
}

int read_items(struct spec *spec, const json_t *object, const char *key, size_t size, read_item *one, void **items, size_t *count, struct rt_error *err)
{
    json_t *array = NULL;
    if (json_opt_arr(object, key, &array, err)) return -1;
    size_t n = json_array_size(array);
    char *memory = arena_array(&spec->arena, n, size, err);
    if (!memory) return -1;
    for (size_t i = 0; i < n; i++) {
        json_t *element;
        if (json_elem_obj(array, i, key, &element, err)) return -1;
        if (one(spec, element, memory + i * size, err)) return rt_wrap(err, "%s[%zu]", key, i);
    }
    *items = memory;
    *count = n;
    return 0;
}

static int read_idmap(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    (void)spec;
    struct idmap_range *map = item;
    if (read_req_u32(object, "containerID", &map->inside, err) || read_req_u32(object, "hostID", &map->outside, err) || read_req_u32(object, "size", &map->count, err)) return -1;
    if (map->count == 0 || map->inside > UINT32_MAX - map->count || map->outside > UINT32_MAX - map->count)
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "range %u:%u of %u ids is empty or too large", map->inside, map->outside, map->count);
    return 0;
}

int read_idmaps(struct spec *spec, const json_t *object, const char *key, struct spec_idmaps *out, struct rt_error *err)
{
    void *items = out->items;
    if (read_items(spec, object, key, sizeof *out->items, read_idmap, &items, &out->count, err)) return -1;
    out->items = items;
    return 0;
}

int spec_warn(struct spec *spec, struct rt_error *err, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct spec_strings *list = &spec->warnings;
    const char **items = arena_array(&spec->arena, list->count + 2, sizeof *items, err);
    if (!items) return -1;
    if (list->count) memcpy(items, list->items, list->count * sizeof *items);
    if (!(items[list->count] = arena_strdup(&spec->arena, text, err))) return -1;
    list->items = items;
    list->count++;
    return 0;
}
