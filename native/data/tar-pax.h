#pragma once
#include "base/util.h"
#include "data/tar-sparse.h"
#include "data/tar.h"

/* What a PAX extended header says of the entry that follows it. Strings point into `records`. */
struct pax {
    struct buf records;
    const char *path, *link; /* NULL where the header says nothing */
    bool has_size, has_uid, has_gid, has_mtime;
    uint64_t size;
    uint32_t uid, gid;
    struct timespec mtime;
    struct xattr *xattrs;
    size_t xattr_count, xattr_capacity;
    /* GNU.sparse.* */
    const char *sparse_name;
    bool sparse, sparse_in_data; /* formats 0.0 and 0.1 have the map here, 1.0 in front of the content */
    bool has_sparse_size, half; /* half: an offset without its numbytes so far */
    uint64_t sparse_size, sparse_offset;
    struct sparse_map map;
};

void pax_reset(struct pax *pax);
void pax_free(struct pax *pax);

/* Parses what was read into `records`, which is cut into strings in place. LAYER_INVALID. */
int pax_parse(struct pax *pax, struct rt_error *err);
