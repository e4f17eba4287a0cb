#include <stdlib.h>

#include "base/json.h"
#include "base/plan.h"
#include "data/tree.h"
#include "base/util.h"
#include "data/identity.h"
#include "verbs.h"

/* {"verb":"lookup","tree":Tree,"user":"www-data:adm","groups":["audio"]} ← {"uid","gid","groups":[…],"home"}. */
int verb_lookup(struct plan *plan, struct rt_error *err)
{
    auto_tree struct tree tree = { 0 };
    auto_users struct users users = { 0 };
    auto_identity struct identity identity = { 0 };
    auto_free const char **groups = NULL;
    const char *user;
    auto_close int root = -1;
    if (plan_allow(plan, err, "tree", "user", "groups") < 0 || tree_req(plan->json, "tree", &tree, err) < 0 ||
        json_req_str(plan->json, "user", &user, err) < 0 || json_opt_strv(plan->json, "groups", &groups, err) < 0)
        return -1;
    size_t count = 0;
    while (groups && groups[count]) count++;
    if (tree_open(&tree, 0, &root, err) < 0 || users_read(root, &users, err) < 0 ||
        identity_resolve(&users, user, groups, count, &identity, err) < 0)
        return -1;
    auto_json json_t *ids = json_array();
    if (!ids) return rt_nomem(err);
    for (size_t i = 0; i < identity.group_count; i++) json_array_append_new(ids, json_integer(identity.groups[i]));
    return plan_result(plan,
                       json_pack("{s:I,s:I,s:O,s:o}", "uid", (json_int_t)identity.uid, "gid", (json_int_t)identity.gid, "groups", ids, "home",
                                 json_from_path(identity.home)),
                       err);
}
