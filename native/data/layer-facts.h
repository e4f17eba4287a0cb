#pragma once
#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "data/hash.h"

/* What `commit`, `pack` and `apply` tell of a layer. */
struct layer_facts {
    char diff_id[SHA256_TEXT];
    uint64_t size;    /* bytes of the uncompressed tar */
    uint64_t entries; /* 0: the layer changes nothing */
    uint64_t bytes;   /* of file content */
    uint64_t marker_names; /* files that were taken as deletions because of their names (layer-markers.h); only `commit` finds any */
};

/* {"diffId":…,"size":…,"entries":…,"bytes":…}, and "markerNames" where there are any. */
json_t *layer_facts_json(const struct layer_facts *facts);

/* The plan's "expect": {"diffId":…}|null; *out belongs to the plan, NULL without one. */
int layer_expect(const json_t *plan, const char **out, struct rt_error *err);
/* DIGEST_MISMATCH unless `expected` is NULL or equal. */
int layer_verify(const struct layer_facts *facts, const char *expected, struct rt_error *err);
