#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "data/tree.h"
#include "base/util.h"
#include "data/bulk.h"
#include "data/merged.h"
#include "data/owner.h"
#include "data/unpack.h"
#include "verbs.h"

struct extract_plan {
    struct tree tree;
    struct bulk in;
    char *dest;
    struct owner owner;
    bool refuse;
};

static int parse(const struct plan *plan, struct extract_plan *out, struct rt_error *err)
{
    static const char *const conflicts[] = { "replace", "refuse", NULL };
    int conflict = 0;
    if (plan_allow(plan, err, "tree", "in", "dest", "owner", "conflicts") < 0 || tree_req(plan->json, "tree", &out->tree, err) < 0 ||
        json_req_bytes(plan->json, "dest", &out->dest, NULL, err) < 0 || owner_parse(plan->json, "owner", &out->owner, err) < 0 ||
        json_opt_enum(plan->json, "conflicts", conflicts, &conflict, err) < 0)
        return -1;
    out->refuse = conflict == 1;
    int result = bulk_parse(plan->json, "in", &out->in, err);
    return result == 0 ? rt_fail(err, "PLAN_INVALID", 0, NULL, "member 'in' is missing") : result < 0 ? -1 : 0;
}

static int run(struct extract_plan *what, struct rt_error *err)
{
    auto_close int root = -1;
    if (tree_open(&what->tree, TREE_WRITE, &root, err) < 0 || owner_resolve(&what->owner, root, err) < 0) return -1;
    auto_close int dest = open_in_root(root, what->dest, O_RDONLY | O_DIRECTORY, 0, err);
    if (dest < 0 || bulk_open_read(&what->in, err) < 0) return -1;
    const struct unpack_options options = { .owned = what->owner.given, .uid = what->owner.uid, .gid = what->owner.gid, .refuse = what->refuse };
    return unpack_archive(what->in.fd, dest, &options, err);
}

/*
 * Unpacks a tar stream (compressed ones too) into an existing directory of a tree. Links are followed inside of that directory only. "conflicts": what
 * happens where a directory and something else meet: "replace" (the default) or "refuse".
 */
int verb_extract(struct plan *plan, struct rt_error *err)
{
    struct extract_plan what = { .in.fd = -1 };
    struct rt_error later;
    int parsed = parse(plan, &what, err), result = parsed < 0 ? -1 : run(&what, err);
    /* Also after an error: what came before it stays, as it does in an overlay. */
    if (parsed == 0 && merged_settle(&what.tree, false, result < 0 ? &later : err) < 0) result = -1;
    free(what.dest);
    bulk_free(&what.in);
    tree_free(&what.tree);
    return result;
}
