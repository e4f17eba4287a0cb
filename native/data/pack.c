#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "data/tree.h"
#include "base/util.h"
#include "data/bulk.h"
#include "data/descriptor-limit.h"
#include "data/layer-facts.h"
#include "data/layer-tar.h"
#include "data/merged.h"
#include "data/tar.h"
#include "verbs.h"

struct pack_plan {
    struct tree tree;
    struct bulk out;
    bool to_file;
    int kind; /* index into `kinds`, which is also `enum compression` */
    int64_t level, threads, clamp;
    const char *expect;
};

static int parse_compression(const json_t *plan, struct pack_plan *out, struct rt_error *err)
{
    static const char *const kinds[] = { "none", "gzip", "zstd", NULL };
    json_t *compression = NULL;
    out->level = 0;
    out->threads = 1;
    if (json_opt_obj(plan, "compression", &compression, err) < 0) return -1;
    if (!compression) return 0;
    if (json_allow(compression, err, "kind", "level", "threads", NULL) < 0 || json_req_enum(compression, "kind", kinds, &out->kind, err) < 0 ||
        json_opt_i64(compression, "threads", 1, 64, &out->threads, err) < 0)
        return -1;
    out->level = out->kind == COMPRESSION_ZSTD ? 3 : 6;
    return json_opt_i64(compression, "level", 0, out->kind == COMPRESSION_ZSTD ? 22 : 9, &out->level, err);
}

static int parse(const struct plan *plan, struct pack_plan *out, struct rt_error *err)
{
    out->clamp = INT64_MAX;
    if (plan_allow(plan, err, "tree", "out", "compression", "expect", "clampMtime") < 0 || parse_compression(plan->json, out, err) < 0 ||
        layer_expect(plan->json, &out->expect, err) < 0 || json_opt_i64(plan->json, "clampMtime", 0, INT64_MAX - 1, &out->clamp, err) < 0 ||
        tree_req(plan->json, "tree", &out->tree, err) < 0)
        return -1;
    const struct tree *tree = &out->tree;
    if (!tree->path && !tree->upper && tree->lower_count != 1)
        return rt_fail(err, "PLAN_INVALID", 0, NULL, "'tree' must be one layer, or layers with an upper");
    int result = bulk_parse(plan->json, "out", &out->out, err);
    out->to_file = result == 1;
    return result < 0 ? -1 : 0;
}

/* The directory whose entries are packed, and how: a layer on its own trusts its marks, an upper above layers is compared with them. */
static int open_views(const struct pack_plan *what, struct upper *layer, int *lower, struct tar_options *options, struct rt_error *err)
{
    const struct tree *tree = &what->tree;
    const struct tree below = { .lower = tree->lower, .lower_count = tree->upper ? tree->lower_count : 0, .view = tree->view };
    options->view = below.lower_count > 0 ? VIEW_COMPARED : VIEW_MARKED;
    if (below.lower_count > 0 && tree_open(&below, 0, lower, err) < 0) return -1;
    options->lowerfd = *lower;
    if (upper_open(tree, layer, err) < 0) return -1;
    options->names_elsewhere = layer->made != NULL;
    return 0;
}

static int answer(struct plan *plan, const struct pack_plan *what, const struct layer_facts *facts, const struct output_facts *got, struct rt_error *err)
{
    json_t *fields = layer_facts_json(facts);
    json_t *blob = what->to_file ? json_pack("{s:s,s:I}", "digest", got->blob_digest, "size", (json_int_t)got->blob_size) : json_null();
    if (!fields || !blob || json_object_set_new(fields, "blob", blob) < 0) {
        json_decref(fields);
        return rt_nomem(err);
    }
    return plan_result(plan, fields, err);
}

static int pack(struct plan *plan, struct pack_plan *what, struct upper *layer, struct rt_error *err)
{
    auto_close int lower = -1;
    struct progress progress = { .plan = plan };
    struct tar_options options = { .lowerfd = -1, .clamp = what->clamp != INT64_MAX, .clamp_seconds = what->clamp, .progress = &progress };
    descriptor_limit_raise();
    if (open_views(what, layer, &lower, &options, err) < 0 || (what->to_file && bulk_open_write(&what->out, err) < 0)) return -1;
    const struct output_options to = {
        .fd = what->out.fd,
        .path = what->out.path,
        .kind = (enum compression)what->kind,
        .level = (int)what->level,
        .threads = (unsigned)what->threads,
        .hash = true,
        .hash_blob = what->to_file,
    };
    auto_output struct output *output = output_open(&to, err);
    struct tar_counts counts = { 0 };
    struct output_facts got;
    if (!output || layer_tar(layer->fd, &options, output, &counts, err) < 0 || tar_write_end(output, err) < 0 || output_finish(output, &got, err) < 0) return -1;
    struct layer_facts facts = { .size = got.size, .entries = counts.entries, .bytes = counts.bytes };
    memcpy(facts.diff_id, got.digest, sizeof facts.diff_id);
    if (layer_verify(&facts, what->expect, err) < 0) return -1;
    return answer(plan, what, &facts, &got, err);
}

static int run(struct plan *plan, struct pack_plan *what, struct rt_error *err)
{
    struct upper layer = { .fd = -1 };
    struct rt_error later;
    int result = pack(plan, what, &layer, err);
    return upper_close(&layer, result < 0 ? &later : err) < 0 ? -1 : result;
}

/* Writes a layer as a canonical tar. A file that was begun is removed after an error. */
int verb_pack(struct plan *plan, struct rt_error *err)
{
    struct pack_plan what = { .out.fd = -1 };
    int result = parse(plan, &what, err) < 0 ? -1 : run(plan, &what, err);
    if (result < 0) bulk_discard(&what.out);
    bulk_free(&what.out);
    tree_free(&what.tree);
    return result;
}
