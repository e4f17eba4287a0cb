#pragma once
#include <jansson.h>

#include "base/error.h"
#include "data/content-digest.h"
#include "data/source.h"

/* One selection of a `walk`: the sources of one COPY, what they match and the digest of it all. */
struct selection {
    const char *id; /* belongs to the plan */
    struct source_list sources;
    struct ignore exclude;
    bool parents;
    char *manifest; /* NULL: not wanted */
};

int selection_parse(const json_t *value, struct selection *out, struct rt_error *err);
void selection_free(struct selection *selection);

/* Reads the tree and gives the selection's part of the answer; NULL on failure. `scan` has root, raw and ignore set. */
json_t *selection_walk(const struct selection *selection, struct scan scan, struct content_digests *digests, struct rt_error *err);
