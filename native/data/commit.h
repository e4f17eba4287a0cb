#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "data/tree.h"
#include "data/layer-facts.h"
#include "data/tar-marks.h"

/* The plan's "commit": {"clampMtime":seconds|null,"marks":"/file"|null} | null. */
struct commit_options {
    bool wanted;
    bool clamp;
    int64_t clamp_seconds;
    char *marks; /* file for the marks of the layer's tar (tar-marks.h); NULL: none are kept */
};

void commit_free(struct commit_options *options);

int commit_parse(const json_t *plan, struct commit_options *out, struct rt_error *err);

/*
 * Makes the tree's upper directory a layer and tells its facts: what equals the lower layers is taken out or marked, times are clamped, and
 * `pack` of the upper alone then gives exactly this DiffID. The merged view must not be mounted any more (overlayfs forbids changes below it).
 * Codes: LAYER_INVALID for a name that starts with ".wh.", FILE_CHANGED.
 */
int layer_commit(const struct tree *tree, const struct commit_options *options, struct layer_facts *facts, struct rt_error *err);

/*
 * The same for a layer whose tar begins as that of an earlier one: `known` are the earlier tar's marks up to where both are the same. What comes
 * before the last of them must lie in directories that the layers below do not have, and none of it may have a second name in this layer.
 */
int layer_commit_from(const struct tree *tree, const struct commit_options *options, struct tar_marks *known, struct layer_facts *facts, struct rt_error *err);

/* "layer": the facts, or null where no commit was wanted. */
json_t *commit_json(const struct commit_options *options, const struct layer_facts *facts);
