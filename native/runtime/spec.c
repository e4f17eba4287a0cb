#include "runtime/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "runtime/spec_read.h"

enum { CONFIG_LIMIT = 64 << 20 };

/*
 * Go writes "no limit" of a rlimit or an argument mask as 18446744073709551615, which JSON allows and a parser with 64 bit signed integers does
 * not. Integers beyond INT64_MAX become strings; read_opt_u64 takes both.
 */
static int quote_large_integers(const char *text, size_t size, struct buf *out, struct rt_error *err)
{
    bool in_string = false;
    size_t done = 0;
    for (size_t i = 0; i < size;) {
        char c = text[i];
        if (in_string) {
            if (c == '"') in_string = false;
            i += c == '\\' ? 2 : 1;
            continue;
        }
        if (c < '0' || c > '9') {
            in_string = c == '"';
            i++;
            continue;
        }
        size_t end = i;
        while (end < size && ((text[end] >= '0' && text[end] <= '9') || text[end] == '.' || text[end] == 'e' || text[end] == 'E' || text[end] == '+' || text[end] == '-')) end++;
        char digits[24];
        uint64_t value;
        size_t length = end - i;
        if (length >= 19 && length < sizeof digits && (i == 0 || text[i - 1] != '-')) {
            memcpy(digits, text + i, length);
            digits[length] = 0;
            if (parse_u64(digits, UINT64_MAX, &value) && value > INT64_MAX) {
                if (buf_add(out, text + done, i - done, err) || buf_printf(out, err, "\"%s\"", digits)) return -1;
                done = end;
            }
        }
        i = end;
    }
    return buf_add(out, text + done, size - done, err);
}

static int read_root(struct spec *spec, const json_t *config, struct rt_error *err)
{
    json_t *root = NULL;
    if (json_opt_obj(config, "root", &root, err)) return -1;
    if (!root) return 0;
    if (json_opt_str(root, "path", &spec->root_path, err) || json_opt_bool(root, "readonly", &spec->root_readonly, err)) return rt_wrap(err, "root");
    if (spec->root_path && !*spec->root_path) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "root: member 'path' is empty");
    return 0;
}

/* "MAJOR.MINOR.PATCH", then "-PRERELEASE" and "+BUILD". */
static bool is_semver(const char *text)
{
    for (int part = 0; part < 3; part++) {
        size_t digits = strspn(text, "0123456789");
        if (!digits || (digits > 1 && text[0] == '0') || (part < 2 && text[digits] != '.')) return false;
        text += digits + (part < 2);
    }
    if (!*text) return true;
    return (*text == '-' || *text == '+') && text[1] && text[strspn(text, "+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == 0;
}

/* runtime-spec, "Specification version": a runtime takes what its own major version can express; 1.x is what there is. */
static int read_version(struct spec *spec, const json_t *config, struct rt_error *err)
{
    if (json_req_str(config, "ociVersion", &spec->oci_version, err)) return -1;
    if (!is_semver(spec->oci_version)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "ociVersion '%s' is not a version of SemVer 2.0.0", spec->oci_version);
    if (strncmp(spec->oci_version, "1.", 2) != 0)
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "ociVersion '%s' is not supported: wanted 1.x", spec->oci_version);
    return 0;
}

static int read_config(struct spec *spec, struct rt_error *err)
{
    const json_t *config = spec->document;
    json_t *process = NULL;
    if (!json_is_object(config)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "it must be an object");
    if (read_version(spec, config, err) || read_root(spec, config, err)) return -1;
    if (json_opt_str(config, "hostname", &spec->hostname, err) || json_opt_str(config, "domainname", &spec->domainname, err)) return -1;
    if (json_opt_obj(config, "process", &process, err)) return -1;
    if (process && !(spec->process = spec_process_parse(spec, process, err))) return -1;
    if (read_pairs(spec, config, "annotations", &spec->annotations, err) || read_mounts(spec, config, err) || read_hooks(spec, config, err)) return -1;
    for (size_t i = 0; i < spec->annotations.count; i++)
        if (!*spec->annotations.items[i].key) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "an annotation has no name");
    return read_linux(spec, config, err);
}

struct spec *spec_from_json(json_t *document, struct rt_error *err)
{
    struct spec *spec = calloc(1, sizeof *spec);
    if (!spec) return rt_nomem(err), NULL;
    spec->document = json_incref(document);
    if (read_config(spec, err)) {
        if (strcmp(err->code, "PLAN_INVALID") == 0) strcpy(err->code, "RUNTIME_CONFIG_INVALID");
        rt_wrap(err, "invalid container config");
        spec_free(spec);
        return NULL;
    }
    return spec;
}

static json_t *parse_text(const char *text, size_t size, const char *what, struct rt_error *err)
{
    auto_buf struct buf quoted = {0};
    return quote_large_integers(text, size, &quoted, err) ? NULL : json_parse(quoted.data, quoted.size, "RUNTIME_CONFIG_INVALID", what, err);
}

struct spec *spec_parse(const char *text, size_t size, struct rt_error *err)
{
    auto_json json_t *document = parse_text(text, size, "the container config", err);
    return document ? spec_from_json(document, err) : NULL;
}

/* Keeps a further document as long as the spec, which points into it. */
static json_t *keep(struct spec *spec, json_t *document, struct rt_error *err)
{
    if (!spec->more) spec->more = json_array();
    if (!spec->more || json_array_append_new(spec->more, document)) return rt_nomem(err), NULL;
    return document;
}

struct spec_process *spec_process_from_text(struct spec *spec, const char *text, size_t size, struct rt_error *err)
{
    json_t *document = parse_text(text, size, "the process", err);
    if (!document || !keep(spec, document, err)) return NULL;
    if (!json_is_object(document)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "the process must be an object"), NULL;
    struct spec_process *process = spec_process_parse(spec, document, err);
    if (!process && strcmp(err->code, "PLAN_INVALID") == 0) strcpy(err->code, "RUNTIME_CONFIG_INVALID");
    return process;
}

struct spec_resources *spec_resources_from_text(struct spec *spec, const char *text, size_t size, struct rt_error *err)
{
    json_t *document = parse_text(text, size, "the resources", err);
    if (!document || !keep(spec, document, err)) return NULL;
    if (!json_is_object(document)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "the resources must be an object"), NULL;
    return spec_resources_parse(spec, document, err);
}

struct spec *spec_load(int bundle_fd, const char *name, struct rt_error *err)
{
    auto_buf struct buf text = {0};
    auto_close int fd = openat(bundle_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return rt_fail_at(err, name, "RUNTIME_CONFIG_INVALID", errno, "openat", "cannot open '%s'", name), NULL;
    if (read_fd(fd, CONFIG_LIMIT, &text, "RUNTIME_CONFIG_INVALID", name, err)) return NULL;
    return spec_parse(text.data ? text.data : "", text.size, err);
}

void spec_free(struct spec *spec)
{
    if (!spec) return;
    arena_free(&spec->arena);
    json_decref(spec->document);
    json_decref(spec->more);
    free(spec);
}

void spec_unref(struct spec **spec)
{
    spec_free(*spec);
}

const char *spec_annotation(const struct spec *spec, const char *key)
{
    for (size_t i = 0; i < spec->annotations.count; i++)
        if (strcmp(spec->annotations.items[i].key, key) == 0) return spec->annotations.items[i].value;
    return NULL;
}

int spec_add_mount(struct spec *spec, const struct spec_mount *mount, struct rt_error *err)
{
    struct spec_mount *mounts = arena_array(&spec->arena, spec->mount_count + 1, sizeof *mounts, err);
    if (!mounts) return -1;
    if (spec->mount_count) memcpy(mounts, spec->mounts, spec->mount_count * sizeof *mounts);
    mounts[spec->mount_count++] = *mount;
    spec->mounts = mounts;
    return 0;
}

int spec_add_env(struct spec *spec, struct rt_error *err, const char *fmt, ...)
{
    struct spec_strings *env = &spec->process->env;
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int length = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (length < 0 || (size_t)length >= sizeof text) return rt_fail(err, "RUNTIME_CONFIG_INVALID", E2BIG, NULL, "an environment variable is too long");
    const char **items = arena_array(&spec->arena, env->count + 2, sizeof *items, err);
    if (!items || !(items[env->count] = arena_strdup(&spec->arena, text, err))) return -1;
    memcpy(items, env->items, env->count * sizeof *items);
    env->items = items;
    env->count++;
    return 0;
}
