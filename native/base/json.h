#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/util.h"

/*
 * A thin typed layer over jansson for plans and for OCI's config.json. Values that are wrong give an error that names the member; its code
 * is PLAN_INVALID unless the document was parsed with another. Strings and objects that are handed out belong to the document.
 *
 * req: the member must be there; opt: a member that is absent or null leaves *out as it was. Both return 0 or -1.
 */
#define JSON_MAX_DEPTH 64

void json_unref(json_t **value);
#define auto_json __attribute__((cleanup(json_unref)))

/* Parses one document: no duplicate members, no NUL in strings, depth at most JSON_MAX_DEPTH. NULL on failure. */
json_t *json_parse(const char *data, size_t size, const char *code, const char *what, struct rt_error *err);

/* Refuses members that are not in the NULL-terminated list. */
int json_allow(const json_t *object, struct rt_error *err, ...) __attribute__((sentinel));

int json_req_str(const json_t *object, const char *key, const char **out, struct rt_error *err);
int json_opt_str(const json_t *object, const char *key, const char **out, struct rt_error *err);
int json_req_bool(const json_t *object, const char *key, bool *out, struct rt_error *err);
int json_opt_bool(const json_t *object, const char *key, bool *out, struct rt_error *err);
int json_req_i64(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out, struct rt_error *err);
int json_opt_i64(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out, struct rt_error *err);
int json_req_obj(const json_t *object, const char *key, json_t **out, struct rt_error *err);
int json_opt_obj(const json_t *object, const char *key, json_t **out, struct rt_error *err);
int json_req_arr(const json_t *object, const char *key, json_t **out, struct rt_error *err);
int json_opt_arr(const json_t *object, const char *key, json_t **out, struct rt_error *err);

/* The index of the string member in the NULL-terminated list `names`. opt leaves *out when it is absent. */
int json_req_enum(const json_t *object, const char *key, const char *const *names, int *out, struct rt_error *err);
int json_opt_enum(const json_t *object, const char *key, const char *const *names, int *out, struct rt_error *err);

/* A time in nanoseconds: a decimal string or a number. */
int json_opt_time(const json_t *object, const char *key, int64_t *out, struct rt_error *err);

/* Elements of an array. `what` names the array in errors. */
int json_elem_str(const json_t *array, size_t i, const char *what, const char **out, struct rt_error *err);
int json_elem_i64(const json_t *array, size_t i, const char *what, int64_t min, int64_t max, int64_t *out, struct rt_error *err);
int json_elem_obj(const json_t *array, size_t i, const char *what, json_t **out, struct rt_error *err);

/* An array of strings as a NULL-terminated vector; the vector is malloc'ed, the strings belong to the document. */
int json_req_strv(const json_t *object, const char *key, const char ***out, struct rt_error *err);
int json_opt_strv(const json_t *object, const char *key, const char ***out, struct rt_error *err);

/*
 * Byte strings: "text" or {"b64":"…"}. Fresh memory, NUL-terminated behind `size`; `size` may be NULL, then bytes with a NUL inside are
 * refused (paths, names, arguments).
 */
int json_bytes(const json_t *value, const char *what, char **out, size_t *size, struct rt_error *err);
int json_req_bytes(const json_t *object, const char *key, char **out, size_t *size, struct rt_error *err);
int json_opt_bytes(const json_t *object, const char *key, char **out, size_t *size, struct rt_error *err);
/* The other way round: a new value, a string where the bytes are valid UTF-8 without NUL. NULL when out of memory. */
json_t *json_from_bytes(const char *data, size_t size);
json_t *json_from_path(const char *path);
/* Always {"b64":…}. */
json_t *json_b64(const void *data, size_t size);
