#pragma once
#include "base/json.h"
#include "runtime/spec.h"

/* What every section of spec_*.c needs to read members into the spec's arena. Absent members leave *out as it was. */

int read_opt_i64(const json_t *object, const char *key, struct opt_i64 *out, struct rt_error *err);
/* Up to 2^64 - 1: numbers above 2^63 - 1 arrive as strings, see spec_parse. */
int read_opt_u64(const json_t *object, const char *key, struct opt_u64 *out, struct rt_error *err);
int read_u64(const json_t *object, const char *key, uint64_t *out, struct rt_error *err);
int read_u32(const json_t *object, const char *key, uint32_t *out, struct rt_error *err);
int read_req_u32(const json_t *object, const char *key, uint32_t *out, struct rt_error *err);

int read_strings(struct spec *spec, const json_t *object, const char *key, struct spec_strings *out, struct rt_error *err);
/* As read_strings; elements may be byte strings {"b64":…} (arguments, environment). */
int read_byte_strings(struct spec *spec, const json_t *object, const char *key, struct spec_strings *out, struct rt_error *err);
int read_pairs(struct spec *spec, const json_t *object, const char *key, struct spec_pairs *out, struct rt_error *err);
int read_idmaps(struct spec *spec, const json_t *object, const char *key, struct spec_idmaps *out, struct rt_error *err);

/* An array of objects: `items` gets zeroed memory of `size` each, `one` is called per element. */
typedef int read_item(struct spec *spec, const json_t *object, void *item, struct rt_error *err);
int read_items(struct spec *spec, const json_t *object, const char *key, size_t size, read_item *one, void **items, size_t *count, struct rt_error *err);

/* Remembers that a part of the config cannot be honoured and is left out. */
int spec_warn(struct spec *spec, struct rt_error *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The sections. */
int read_mounts(struct spec *spec, const json_t *config, struct rt_error *err);
int read_hooks(struct spec *spec, const json_t *config, struct rt_error *err);
int read_linux(struct spec *spec, const json_t *config, struct rt_error *err);
int read_seccomp(struct spec *spec, const json_t *section, struct spec_seccomp **out, struct rt_error *err);
