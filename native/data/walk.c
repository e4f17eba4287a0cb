#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/descriptor-limit.h"
#include "data/selection.h"
#include "data/tree.h"
#include "verbs.h"

/* What the plan of a walk says; docs/native-core.md, "walk". */
struct walk_plan {
    struct tree tree;
    struct ignore ignore;
    char *index;
    bool owners;
    struct selection *selections;
    size_t count;
};

static void walk_plan_free(struct walk_plan *walk)
{
    for (size_t i = 0; i < walk->count; i++) selection_free(&walk->selections[i]);
    free(walk->selections);
    free(walk->index);
    ignore_free(&walk->ignore);
    tree_free(&walk->tree);
}

static int walk_plan_parse(struct plan *plan, struct walk_plan *out, struct rt_error *err)
{
    json_t *selections;
    if (plan_allow(plan, err, "root", "ignore", "index", "owners", "selections") < 0 || tree_req(plan->json, "root", &out->tree, err) < 0 ||
        ignore_parse(plan->json, "ignore", &out->ignore, err) < 0 || json_opt_bytes(plan->json, "index", &out->index, NULL, err) < 0 ||
        json_opt_bool(plan->json, "owners", &out->owners, err) < 0 || json_req_arr(plan->json, "selections", &selections, err) < 0)
        return -1;
    out->selections = calloc(json_array_size(selections) + 1, sizeof *out->selections);
    if (!out->selections) return rt_nomem(err);
    for (; out->count < json_array_size(selections); out->count++) {
        json_t *value;
        if (json_elem_obj(selections, out->count, "selections", &value, err) < 0 ||
            selection_parse(value, &out->selections[out->count], err) < 0)
            return -1;
    }
    return 0;
}

static int walk_run(struct plan *plan, const struct walk_plan *walk, struct rt_error *err)
{
    auto_close int root = -1;
    auto_json json_t *answers = json_array();
    if (!answers) return rt_nomem(err);
    descriptor_limit_raise();
    if (tree_open(&walk->tree, 0, &root, err) < 0) return -1;
    struct scan scan = { .root = root, .raw = tree_is_raw(&walk->tree), .ignore = &walk->ignore };
    struct content_digests digests = { .owners = walk->owners };
    if (remember_open(&digests.memory, walk->index, err) < 0) return -1;
    int status = 0;
    for (size_t i = 0; i < walk->count && status == 0; i++) {
        json_t *answer = selection_walk(&walk->selections[i], scan, &digests, err);
        status = answer ? json_array_append_new(answers, answer) : -1;
    }
    if (status == 0) remember_save(&digests.memory);
    remember_close(&digests.memory);
    if (status < 0) return -1;
    return plan_result(plan,
                       json_pack("{s:O,s:I,s:I}", "selections", answers, "hashed", (json_int_t)digests.hashed, "remembered",
                                 (json_int_t)digests.remembered),
                       err);
}

int verb_walk(struct plan *plan, struct rt_error *err)
{
    struct walk_plan walk = { 0 };
    int status = walk_plan_parse(plan, &walk, err);
    if (status == 0) status = walk_run(plan, &walk, err);
    walk_plan_free(&walk);
    return status;
}
