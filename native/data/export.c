#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "data/tree.h"
#include "base/util.h"
#include "data/bulk.h"
#include "data/descriptor-limit.h"
#include "data/layer-tar.h"
#include "data/tar.h"
#include "verbs.h"

/* What of the tree is exported: a path and the name of its entry in the archive. */
struct exported {
    char *path, *name; /* name NULL: the last element of the path */
};

struct export_plan {
    struct tree tree;
    struct bulk out;
    struct exported *paths;
    size_t count; /* 0: the whole tree */
    int64_t clamp;
};

static void export_plan_free(struct export_plan *what)
{
    for (size_t i = 0; i < what->count; i++) {
        free(what->paths[i].path);
        free(what->paths[i].name);
    }
    free(what->paths);
    bulk_free(&what->out);
    tree_free(&what->tree);
}

static int parse_path(const json_t *value, struct exported *out, struct rt_error *err)
{
    if (!json_is_object(value) || json_object_get(value, "b64")) return json_bytes(value, "paths", &out->path, NULL, err);
    if (json_allow(value, err, "path", "name", NULL) < 0 || json_req_bytes(value, "path", &out->path, NULL, err) < 0 || json_opt_bytes(value, "name", &out->name, NULL, err) < 0)
        return -1;
    if (!out->name || is_file_name(out->name)) return 0;
    return rt_fail_at(err, out->name, "PLAN_INVALID", 0, NULL, "'%s' is not a single file name", out->name);
}

static int parse(const struct plan *plan, struct export_plan *out, struct rt_error *err)
{
    json_t *paths = NULL;
    out->clamp = INT64_MAX;
    if (plan_allow(plan, err, "tree", "out", "paths", "clampMtime") < 0 || tree_req(plan->json, "tree", &out->tree, err) < 0 ||
        json_opt_i64(plan->json, "clampMtime", 0, INT64_MAX - 1, &out->clamp, err) < 0 || json_opt_arr(plan->json, "paths", &paths, err) < 0)
        return -1;
    size_t count = json_array_size(paths);
    out->paths = calloc(count + 1, sizeof *out->paths);
    if (!out->paths) return rt_nomem(err);
    for (size_t i = 0; i < count; i++) {
        out->count = i + 1;
        if (parse_path(json_array_get(paths, i), &out->paths[i], err) < 0) return -1;
    }
    int result = bulk_parse(plan->json, "out", &out->out, err);
    return result == 0 ? rt_fail(err, "PLAN_INVALID", 0, NULL, "member 'out' is missing") : result < 0 ? -1 : 0;
}

/* Links on the way are followed, the last one is not. The root itself is its content, unless it is given a name. */
static int export_path(int root, const struct exported *what, const struct tar_options *options, struct output *output, struct tar_counts *counts, struct rt_error *err)
{
    const char *last;
    auto_close int dir = open_parent_in_root(root, what->path, &last, err);
    if (dir < 0) return -1;
    auto_free char *name = rt_memdup(last, strcspn(last, "/"), err);
    if (!name) return -1;
    if (strcmp(name, ".") == 0 && !what->name) return layer_tar(dir, options, output, counts, err);
    return layer_tar_entry(dir, name, what->name ? what->name : name, options, output, counts, err);
}

static int run(struct plan *plan, struct export_plan *what, struct rt_error *err)
{
    auto_close int root = -1;
    const struct tar_options options = {
        .view = VIEW_PLAIN,
        .lowerfd = -1,
        .raw = tree_is_raw(&what->tree),
        .clamp = what->clamp != INT64_MAX,
        .clamp_seconds = what->clamp,
    };
    descriptor_limit_raise();
    if (tree_open(&what->tree, 0, &root, err) < 0 || bulk_open_write(&what->out, err) < 0) return -1;
    const struct output_options to = { .fd = what->out.fd, .path = what->out.path };
    auto_output struct output *output = output_open(&to, err);
    struct tar_counts counts = { 0 };
    struct output_facts facts;
    if (!output) return -1;
    int result = what->count == 0 ? layer_tar(root, &options, output, &counts, err) : 0;
    for (size_t i = 0; i < what->count && result == 0; i++) result = export_path(root, &what->paths[i], &options, output, &counts, err);
    if (result < 0 || tar_write_end(output, err) < 0 || output_finish(output, &facts, err) < 0) return -1;
    return plan_result(plan, json_pack("{s:I,s:I,s:I}", "size", (json_int_t)facts.size, "entries", (json_int_t)counts.entries, "bytes", (json_int_t)counts.bytes), err);
}

/* Writes the merged view, or paths of it, as a tar. A file that was begun is removed after an error. */
int verb_export(struct plan *plan, struct rt_error *err)
{
    struct export_plan what = { .out.fd = -1 };
    int result = parse(plan, &what, err) < 0 ? -1 : run(plan, &what, err);
    if (result < 0) bulk_discard(&what.out);
    export_plan_free(&what);
    return result;
}
