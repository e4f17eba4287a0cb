#include <fcntl.h>
#include <sys/stat.h>

#include "base/plan.h"
#include "data/tree.h"
#include "base/util.h"
#include "data/apply-tree.h"
#include "data/bulk.h"
#include "data/input.h"
#include "data/layer-facts.h"
#include "data/merged.h"
#include "data/progress.h"
#include "verbs.h"

#define SMALL_BLOB (64u << 10) /* below this, threads cost more than they save */

struct apply_plan {
    struct bulk blob;
    struct tree target;
    int compression; /* index into `compressions` */
    bool merged;
    const char *expect;
    struct apply_limits limits;
};

static const char *const compressions[] = { "auto", "none", "gzip", "zstd", NULL };
static const enum compression kinds[] = { COMPRESSION_NONE, COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

static int parse_limits(const json_t *plan, struct apply_limits *out, struct rt_error *err)
{
    json_t *limits = NULL;
    int64_t bytes = 0, entries = 0;
    if (json_opt_obj(plan, "limits", &limits, err) < 0) return -1;
    if (limits && (json_allow(limits, err, "bytes", "entries", NULL) < 0 || json_opt_i64(limits, "bytes", 0, INT64_MAX, &bytes, err) < 0 ||
                   json_opt_i64(limits, "entries", 0, INT64_MAX, &entries, err) < 0))
        return -1;
    *out = (struct apply_limits){ .bytes = (uint64_t)bytes, .entries = (uint64_t)entries };
    return 0;
}

static int parse(const struct plan *plan, struct apply_plan *out, struct rt_error *err)
{
    static const char *const modes[] = { "alone", "merged", NULL };
    int mode = 0;
    if (plan_allow(plan, err, "blob", "mediaCompression", "target", "mode", "expect", "limits") < 0 ||
        json_opt_enum(plan->json, "mediaCompression", compressions, &out->compression, err) < 0 || json_req_enum(plan->json, "mode", modes, &mode, err) < 0 ||
        layer_expect(plan->json, &out->expect, err) < 0 || parse_limits(plan->json, &out->limits, err) < 0 || tree_req(plan->json, "target", &out->target, err) < 0)
        return -1;
    out->merged = mode == 1;
    if (!out->merged && !out->target.path) return rt_fail(err, "PLAN_INVALID", 0, NULL, "mode 'alone' needs a directory as target");
    int blob = bulk_parse(plan->json, "blob", &out->blob, err);
    return blob == 0 ? rt_fail(err, "PLAN_INVALID", 0, NULL, "member 'blob' is missing") : blob;
}

static int unpack(struct input *input, struct apply_tree *tree, struct progress *progress, struct rt_error *err)
{
    auto_tar_reader struct tar_reader *reader = tar_reader_open(input, err);
    if (!reader) return -1;
    for (;;) {
        struct tar_entry entry;
        int more = tar_next(reader, &entry, err);
        if (more < 0) return -1;
        if (more == 0) return apply_finish(tree, err);
        if (apply_entry(tree, &entry, reader, err) < 0 || progress_report(progress, input_consumed(input), err) < 0) return -1;
    }
}

static int run(struct plan *plan, struct apply_plan *what, struct rt_error *err)
{
    struct stat st;
    auto_close int rootfd = -1;
    if (bulk_open_read(&what->blob, err) < 0 || tree_open(&what->target, TREE_WRITE, &rootfd, err) < 0) return -1;
    if (fstat(what->blob.fd, &st) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fstat", "cannot read the status of the blob");
    bool regular = S_ISREG(st.st_mode);
    const struct input_options from = {
        .source = { .fd = what->blob.fd },
        .kind = kinds[what->compression],
        .detect = what->compression == 0,
        .threads = !regular || st.st_size > SMALL_BLOB,
        .hash = true,
        .limit = what->limits.bytes,
    };
    auto_input struct input *input = input_open(&from, err);
    if (!input) return -1;
    const struct apply_options apply = { .merged = what->merged, .limits = what->limits };
    auto_apply_tree struct apply_tree *tree = apply_tree_open(rootfd, &apply, err);
    if (!tree) return -1;
    struct progress progress = { .plan = plan, .total = regular ? (uint64_t)st.st_size : 0 };
    struct layer_facts facts;
    if (unpack(input, tree, &progress, err) < 0 || input_finish(input, facts.diff_id, &facts.size, err) < 0 || merged_settle(&what->target, false, err) < 0) return -1;
    facts.entries = apply_entries(tree);
    facts.bytes = apply_bytes(tree);
    if (layer_verify(&facts, what->expect, err) < 0) return -1;
    return plan_result(plan, layer_facts_json(&facts), err);
}

/* Unpacks a layer. On any error the target is to be thrown away. */
int verb_apply(struct plan *plan, struct rt_error *err)
{
    struct apply_plan what = { .blob.fd = -1 };
    int result = parse(plan, &what, err) < 0 ? -1 : run(plan, &what, err);
    bulk_free(&what.blob);
    tree_free(&what.target);
    return result;
}
