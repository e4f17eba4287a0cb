#include "data/tar-pax.h"

#include <stdlib.h>
#include <string.h>

#include "data/tar-number.h"

static const char xattr_prefix[] = "SCHILY.xattr.";

void pax_reset(struct pax *pax)
{
    struct buf records = pax->records;
    struct xattr *xattrs = pax->xattrs;
    size_t capacity = pax->xattr_capacity;
    sparse_free(&pax->map);
    *pax = (struct pax){ .records = records, .xattrs = xattrs, .xattr_capacity = capacity };
    buf_cut(&pax->records, 0);
}

void pax_free(struct pax *pax)
{
    buf_free(&pax->records);
    free(pax->xattrs);
    sparse_free(&pax->map);
}

static int malformed(struct rt_error *err, const char *key)
{
    return rt_fail(err, "LAYER_INVALID", 0, NULL, "an entry has a malformed PAX record '%s'", key);
}

static int add_xattr(struct pax *pax, const char *name, const char *value, size_t size, struct rt_error *err)
{
    if (pax->xattr_count == pax->xattr_capacity) {
        size_t capacity = pax->xattr_capacity ? pax->xattr_capacity * 2 : 8;
        struct xattr *xattrs = realloc(pax->xattrs, capacity * sizeof *xattrs);
        if (!xattrs) return rt_nomem(err);
        pax->xattrs = xattrs;
        pax->xattr_capacity = capacity;
    }
    pax->xattrs[pax->xattr_count++] = (struct xattr){ .name = name, .value = (const unsigned char *)value, .size = size };
    return 0;
}

static int set_id(const char *key, const char *value, bool *has, uint32_t *out, struct rt_error *err)
{
    uint64_t id;
    if (!parse_u64(value, UINT32_MAX - 1, &id)) return malformed(err, key);
    *out = (uint32_t)id;
    *has = true;
    return 0;
}

static int sparse_record(struct pax *pax, const char *key, const char *value, struct rt_error *err)
{
    uint64_t number = 0;
    bool is_number = parse_u64(value, INT64_MAX, &number);
    pax->sparse = true;
    if (strcmp(key, "name") == 0) pax->sparse_name = value;
    else if (strcmp(key, "map") == 0) return sparse_parse_list(&pax->map, value, err);
    else if (!is_number) return malformed(err, key);
    else if (strcmp(key, "major") == 0) pax->sparse_in_data = number == 1;
    else if (strcmp(key, "size") == 0 || strcmp(key, "realsize") == 0) {
        pax->sparse_size = number;
        pax->has_sparse_size = true;
    } else if (strcmp(key, "offset") == 0) {
        if (pax->half) return malformed(err, key);
        pax->sparse_offset = number;
        pax->half = true;
    } else if (strcmp(key, "numbytes") == 0) {
        if (!pax->half) return malformed(err, key);
        pax->half = false;
        return sparse_add(&pax->map, pax->sparse_offset, number, err);
    }
    return 0;
}

/* `key` and `value` are strings; a value that may be binary has its size. An empty value means: as the header says. */
static int record(struct pax *pax, const char *key, const char *value, size_t size, struct rt_error *err)
{
    if (strncmp(key, xattr_prefix, sizeof xattr_prefix - 1) == 0) return add_xattr(pax, key + sizeof xattr_prefix - 1, value, size, err);
    if (size == 0) return 0;
    bool text = strlen(value) == size;
    if (strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0) {
        if (!text) return malformed(err, key);
        *(key[0] == 'p' ? &pax->path : &pax->link) = value;
        return 0;
    }
    if (strcmp(key, "size") == 0) {
        pax->has_size = parse_u64(value, INT64_MAX, &pax->size);
        return pax->has_size ? 0 : malformed(err, key);
    }
    if (strcmp(key, "uid") == 0) return set_id(key, value, &pax->has_uid, &pax->uid, err);
    if (strcmp(key, "gid") == 0) return set_id(key, value, &pax->has_gid, &pax->gid, err);
    if (strcmp(key, "mtime") == 0) {
        int64_t seconds;
        if (!text || !tar_pax_time(value, &seconds, &pax->mtime.tv_nsec)) return malformed(err, key);
        pax->mtime.tv_sec = (time_t)seconds;
        pax->has_mtime = true;
        return 0;
    }
    if (strncmp(key, "GNU.sparse.", 11) == 0) return text ? sparse_record(pax, key + 11, value, err) : malformed(err, key);
    return 0;
}

int pax_parse(struct pax *pax, struct rt_error *err)
{
    char *at = pax->records.data, *end = at + pax->records.size;
    while (at < end) {
        size_t length = 0, digits = 0;
        while (at + digits < end && at[digits] >= '0' && at[digits] <= '9' && digits < 8) length = length * 10 + (size_t)(at[digits++] - '0');
        if (digits == 0 || at + digits >= end || at[digits] != ' ' || length <= digits + 2 || length > (size_t)(end - at) || at[length - 1] != '\n')
            return malformed(err, "length");
        char *key = at + digits + 1, *stop = at + length - 1;
        char *equals = memchr(key, '=', (size_t)(stop - key));
        if (!equals || equals == key || memchr(key, '\0', (size_t)(equals - key))) return malformed(err, "key");
        *equals = '\0';
        *stop = '\0';
        if (record(pax, key, equals + 1, (size_t)(stop - equals - 1), err) < 0) return -1;
        at += length;
    }
    if (pax->half) return malformed(err, "GNU.sparse.offset");
    return 0;
}
