#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/util.h"

/* The names in a directory, all of them at once. */
struct listed {
    const char *name;
    unsigned char type; /* DT_*; never DT_UNKNOWN */
    bool whiteout;      /* where asked for */
};

struct listing {
    struct listed *entries;
    size_t count, capacity;
    struct buf names;
};

enum listing_order {
    LISTING_BY_NAME,    /* by the bytes of the name */
    LISTING_BY_TAR_NAME /* by the name in a tar: directories end in a slash, whiteouts begin with ".wh." */
};

/* Reads and sorts. `fd` is open for reading and at its start. `out` is zeroed, or an earlier list whose memory is used again. `whiteouts`: find out which entries are such marks (whiteout.h). */
int listing_read(int fd, enum listing_order order, bool whiteouts, struct listing *out, struct rt_error *err);
void listing_free(struct listing *listing);
#define auto_listing __attribute__((cleanup(listing_free)))
