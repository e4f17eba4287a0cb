#include "base/json.h"

#include <stdarg.h>
#include <string.h>

#include "base/base64.h"

void json_unref(json_t **value)
{
    json_decref(*value);
}

#define invalid(err, ...) rt_fail(err, "PLAN_INVALID", 0, NULL, __VA_ARGS__)

/* jansson's own limit on depth is 2048 frames of its recursive parser; ours is checked before it runs. */
static bool too_deep(const char *data, size_t size)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = data[i];
        if (in_string) {
            if (c == '\\') i++;
            else if (c == '"') in_string = false;
        } else if (c == '"') in_string = true;
        else if ((c == '{' || c == '[') && ++depth > JSON_MAX_DEPTH) return true;
        else if (c == '}' || c == ']') depth--;
    }
    return false;
}

json_t *json_parse(const char *data, size_t size, const char *code, const char *what, struct rt_error *err)
{
    if (too_deep(data, size)) {
        rt_fail(err, code, 0, NULL, "cannot parse %s: nested deeper than %d", what, JSON_MAX_DEPTH);
        return NULL;
    }
    json_error_t problem;
    json_t *value = json_loadb(data, size, JSON_REJECT_DUPLICATES, &problem);
    if (!value) rt_fail(err, code, 0, NULL, "cannot parse %s: %s (line %d, column %d)", what, problem.text, problem.line, problem.column);
    return value;
}

int json_allow(const json_t *object, struct rt_error *err, ...)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        bool known = false;
        va_list ap;
        va_start(ap, err);
        for (const char *name; !known && (name = va_arg(ap, const char *));) known = strcmp(name, key) == 0;
        va_end(ap);
        if (!known) return invalid(err, "unknown member '%s'", key);
    }
    return 0;
}

/* 1 present, 0 absent or null, -1 of another type or absent though required. */
static int member(const json_t *object, const char *key, json_type type, bool required, const char *kind, json_t **out, struct rt_error *err)
{
    json_t *value = json_object_get(object, key);
    if (!value || (json_is_null(value) && !required)) return required ? invalid(err, "member '%s' is missing", key) : 0;
    bool fits = json_typeof(value) == type || (type == JSON_TRUE && json_is_false(value));
    if (!fits) return invalid(err, "member '%s' must be %s", key, kind);
    *out = value;
    return 1;
}

static int get_str(const json_t *object, const char *key, bool required, const char **out, struct rt_error *err)
{
    json_t *value = NULL;
    int found = member(object, key, JSON_STRING, required, "a string", &value, err);
    if (found == 1) *out = json_string_value(value);
    return found < 0 ? -1 : 0;
}

int json_req_str(const json_t *object, const char *key, const char **out, struct rt_error *err)
{
    return get_str(object, key, true, out, err);
}

int json_opt_str(const json_t *object, const char *key, const char **out, struct rt_error *err)
{
    return get_str(object, key, false, out, err);
}

static int get_bool(const json_t *object, const char *key, bool required, bool *out, struct rt_error *err)
{
    json_t *value = NULL;
    int found = member(object, key, JSON_TRUE, required, "true or false", &value, err);
    if (found == 1) *out = json_is_true(value);
    return found < 0 ? -1 : 0;
}

int json_req_bool(const json_t *object, const char *key, bool *out, struct rt_error *err)
{
    return get_bool(object, key, true, out, err);
}

int json_opt_bool(const json_t *object, const char *key, bool *out, struct rt_error *err)
{
    return get_bool(object, key, false, out, err);
}

static int in_range(int64_t value, int64_t min, int64_t max, const char *what, int64_t *out, struct rt_error *err)
{
    if (value < min || value > max)
        return invalid(err, "'%s' is %lld, outside of %lld to %lld", what, (long long)value, (long long)min, (long long)max);
    *out = value;
    return 0;
}

static int get_i64(const json_t *object, const char *key, bool required, int64_t min, int64_t max, int64_t *out, struct rt_error *err)
{
    json_t *value = NULL;
    int found = member(object, key, JSON_INTEGER, required, "an integer", &value, err);
    return found == 1 ? in_range(json_integer_value(value), min, max, key, out, err) : found;
}

int json_req_i64(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out, struct rt_error *err)
{
    return get_i64(object, key, true, min, max, out, err);
}

int json_opt_i64(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out, struct rt_error *err)
{
    return get_i64(object, key, false, min, max, out, err);
}

int json_req_obj(const json_t *object, const char *key, json_t **out, struct rt_error *err)
{
    return member(object, key, JSON_OBJECT, true, "an object", out, err) < 0 ? -1 : 0;
}

int json_opt_obj(const json_t *object, const char *key, json_t **out, struct rt_error *err)
{
    return member(object, key, JSON_OBJECT, false, "an object", out, err) < 0 ? -1 : 0;
}

int json_req_arr(const json_t *object, const char *key, json_t **out, struct rt_error *err)
{
    return member(object, key, JSON_ARRAY, true, "an array", out, err) < 0 ? -1 : 0;
}

int json_opt_arr(const json_t *object, const char *key, json_t **out, struct rt_error *err)
{
    return member(object, key, JSON_ARRAY, false, "an array", out, err) < 0 ? -1 : 0;
}

static int get_enum(const json_t *object, const char *key, bool required, const char *const *names, int *out, struct rt_error *err)
{
    const char *text = NULL;
    if (get_str(object, key, required, &text, err) < 0) return -1;
    if (!text) return 0;
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) != 0) continue;
        *out = i;
        return 0;
    }
    return invalid(err, "member '%s' has the unknown value '%s'", key, text);
}

int json_req_enum(const json_t *object, const char *key, const char *const *names, int *out, struct rt_error *err)
{
    return get_enum(object, key, true, names, out, err);
}

int json_opt_enum(const json_t *object, const char *key, const char *const *names, int *out, struct rt_error *err)
{
    return get_enum(object, key, false, names, out, err);
}

int json_opt_time(const json_t *object, const char *key, int64_t *out, struct rt_error *err)
{
    json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value)) return 0;
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return 0;
    }
    if (json_is_string(value) && parse_i64(json_string_value(value), INT64_MIN, INT64_MAX, out)) return 0;
    return invalid(err, "member '%s' must be a time in nanoseconds", key);
}

int json_elem_str(const json_t *array, size_t i, const char *what, const char **out, struct rt_error *err)
{
    const json_t *value = json_array_get(array, i);
    if (!json_is_string(value)) return invalid(err, "element %zu of '%s' must be a string", i, what);
    *out = json_string_value(value);
    return 0;
}

int json_elem_i64(const json_t *array, size_t i, const char *what, int64_t min, int64_t max, int64_t *out, struct rt_error *err)
{
    const json_t *value = json_array_get(array, i);
    if (!json_is_integer(value)) return invalid(err, "element %zu of '%s' must be an integer", i, what);
    return in_range(json_integer_value(value), min, max, what, out, err);
}

int json_elem_obj(const json_t *array, size_t i, const char *what, json_t **out, struct rt_error *err)
{
    json_t *value = json_array_get(array, i);
    if (!json_is_object(value)) return invalid(err, "element %zu of '%s' must be an object", i, what);
    *out = value;
    return 0;
}

static int get_strv(const json_t *object, const char *key, bool required, const char ***out, struct rt_error *err)
{
    json_t *array = NULL;
    int found = member(object, key, JSON_ARRAY, required, "an array of strings", &array, err);
    if (found <= 0) return found;
    size_t count = json_array_size(array);
    auto_free const char **vector = calloc(count + 1, sizeof *vector);
    if (!vector) return rt_nomem(err);
    for (size_t i = 0; i < count; i++)
        if (json_elem_str(array, i, key, &vector[i], err) < 0) return -1;
    *out = take_ptr(&vector);
    return 0;
}

int json_req_strv(const json_t *object, const char *key, const char ***out, struct rt_error *err)
{
    return get_strv(object, key, true, out, err);
}

int json_opt_strv(const json_t *object, const char *key, const char ***out, struct rt_error *err)
{
    return get_strv(object, key, false, out, err);
}

int json_bytes(const json_t *value, const char *what, char **out, size_t *size, struct rt_error *err)
{
    size_t length;
    auto_free char *bytes = NULL;
    const json_t *b64 = json_is_object(value) && json_object_size(value) == 1 ? json_object_get(value, "b64") : NULL;
    if (json_is_string(value)) {
        length = json_string_length(value);
        bytes = rt_memdup(json_string_value(value), length, err);
        if (!bytes) return -1;
    } else if (json_is_string(b64)) {
        bytes = malloc(json_string_length(b64) / 4 * 3 + 4);
        if (!bytes) return rt_nomem(err);
        if (!base64_decode(json_string_value(b64), json_string_length(b64), (unsigned char *)bytes, &length))
            return invalid(err, "'%s' is not valid base64", what);
        bytes[length] = '\0';
    } else return invalid(err, "'%s' must be a string or {\"b64\":…}", what);
    if (size) *size = length;
    else if (memchr(bytes, '\0', length)) return invalid(err, "'%s' contains a NUL byte", what);
    free(*out);
    *out = take_ptr(&bytes);
    return 0;
}

int json_req_bytes(const json_t *object, const char *key, char **out, size_t *size, struct rt_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value) return invalid(err, "member '%s' is missing", key);
    return json_bytes(value, key, out, size, err);
}

int json_opt_bytes(const json_t *object, const char *key, char **out, size_t *size, struct rt_error *err)
{
    const json_t *value = json_object_get(object, key);
    return !value || json_is_null(value) ? 0 : json_bytes(value, key, out, size, err);
}

json_t *json_from_bytes(const char *data, size_t size)
{
    if (!memchr(data, '\0', size)) {
        json_t *text = json_stringn(data, size); /* NULL where the bytes are not UTF-8 */
        if (text) return text;
    }
    return json_b64(data, size);
}

json_t *json_from_path(const char *path)
{
    return json_from_bytes(path, strlen(path));
}

json_t *json_b64(const void *data, size_t size)
{
    auto_free char *text = malloc(base64_size(size) + 1);
    if (!text) return NULL;
    base64_encode(data, size, text);
    return json_pack("{s:s}", "b64", text);
}
