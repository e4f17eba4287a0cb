#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "runtime/oci.h"

enum { RESOURCES_LIMIT = 1 << 20 };

/* A flag, and where in the resources object of the runtime specification its value goes. */
struct limit {
    const char *flag, *section, *member;
    enum { NUMBER, BYTES, TEXT } kind;
};

static const struct limit LIMITS[] = {
    {"blkio-weight", "blockIO", "weight", NUMBER},
    {"cpu-period", "cpu", "period", NUMBER},
    {"cpu-quota", "cpu", "quota", NUMBER},
    {"cpu-burst", "cpu", "burst", NUMBER},
    {"cpu-share", "cpu", "shares", NUMBER},
    {"cpu-rt-period", "cpu", "realtimePeriod", NUMBER},
    {"cpu-rt-runtime", "cpu", "realtimeRuntime", NUMBER},
    {"cpuset-cpus", "cpu", "cpus", TEXT},
    {"cpuset-mems", "cpu", "mems", TEXT},
    {"cpu-idle", "cpu", "idle", NUMBER},
    {"memory", "memory", "limit", BYTES},
    {"memory-reservation", "memory", "reservation", BYTES},
    {"memory-swap", "memory", "swap", BYTES},
    {"kernel-memory", "memory", "kernel", BYTES},
    {"kernel-memory-tcp", "memory", "kernelTCP", BYTES},
    {"pids-limit", "pids", "limit", NUMBER},
};

/* "512m", "1.5g" is not taken: whole numbers with b, k, m, g, t, p and an optional "b" or "ib" behind. */
static bool parse_bytes(const char *text, int64_t *out)
{
    static const char UNITS[] = "bkmgtp";
    char digits[24];
    size_t length = strspn(text, "-0123456789");
    if (length == 0 || length >= sizeof digits) return false;
    memcpy(digits, text, length);
    digits[length] = 0;
    if (!parse_i64(digits, -1, INT64_MAX, out)) return false;
    const char *unit = text + length;
    if (!*unit) return true;
    const char *known = strchr(UNITS, *unit | 0x20);
    if (!known || (unit[1] && strcasecmp(unit + 1, "b") != 0 && strcasecmp(unit + 1, "ib") != 0)) return false;
    return !__builtin_mul_overflow(*out, (int64_t)1 << 10 * (known - UNITS), out);
}

static int add(json_t *resources, const struct limit *limit, const char *text, struct rt_error *err)
{
    int64_t number;
    json_t *value = NULL;
    if (limit->kind == TEXT) value = json_string(text);
    else if (limit->kind == BYTES ? parse_bytes(text, &number) : parse_i64(text, INT64_MIN, INT64_MAX, &number)) value = json_integer(number);
    if (!value) return rt_fail(err, "USAGE", 0, NULL, "invalid value for %s: %s", limit->flag, text);
    json_t *section = json_object_get(resources, limit->section);
    if (!section && json_object_set_new(resources, limit->section, section = json_object())) return rt_nomem(err);
    return json_object_set_new(section, limit->member, value) ? rt_nomem(err) : 0;
}

static struct spec_resources *from_file(struct spec *spec, const char *path, struct rt_error *err)
{
    auto_buf struct buf text = {0};
    auto_close int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return rt_fail_at(err, path, "PATH_MISSING", errno, "open", "cannot open '%s'", path), NULL;
    if (read_fd(fd, RESOURCES_LIMIT, &text, "RUNTIME_CONFIG_INVALID", path, err) || buf_str(&text, "", err)) return NULL;
    return spec_resources_from_text(spec, text.data, text.size, err);
}

static struct spec_resources *from_flags(struct spec *spec, const char *const values[], struct rt_error *err)
{
    auto_json json_t *resources = json_object();
    for (size_t i = 0; i < ARRAY_LEN(LIMITS); i++)
        if (values[i] && *values[i] && add(resources, &LIMITS[i], values[i], err)) return NULL;
    auto_free char *text = json_dumps(resources, JSON_COMPACT);
    return text ? spec_resources_from_text(spec, text, strlen(text), err) : (rt_nomem(err), NULL);
}

int oci_update(struct oci *oci, int argc, char **argv, struct rt_error *err)
{
    const char *values[ARRAY_LEN(LIMITS)] = {0}, *file = NULL, *rdt = NULL;
    struct oci_flag flags[ARRAY_LEN(LIMITS) + 4] = {{"resources", 'r', FLAG_TEXT, &file}, {"l3-cache-schema", 0, FLAG_TEXT, &rdt}, {"mem-bw-schema", 0, FLAG_TEXT, &rdt}};
    struct container *container;
    auto_free char *path = NULL;
    auto_close int directory = -1;
    for (size_t i = 0; i < ARRAY_LEN(LIMITS); i++) flags[3 + i] = (struct oci_flag){LIMITS[i].flag, 0, FLAG_TEXT, &values[i]};
    if (oci_flags(flags, false, &argc, argv, err) || oci_count(oci, "update", argc, 1, 1, err)) return -1;
    if (rdt) return rt_fail(err, "FEATURE_MISSING", 0, NULL, "the container has no Intel RDT group to update");
    if (oci_open(oci, argv[0], &container, &path, &directory, err)) return -1;
    struct spec *spec = (struct spec *)runtime_spec(container);
    struct spec_resources *resources = file ? from_file(spec, file, err) : from_flags(spec, values, err);
    int result = resources ? oci_want_running(container, directory, err) : -1;
    if (!result) result = runtime_update(container, resources, err);
    runtime_close(container);
    return result;
}
