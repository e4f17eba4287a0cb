#include <fcntl.h>
#include <stdlib.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/project-quota.h"
#include "data/remove-tree.h"
#include "verbs.h"

/*
 * {"verb":"remove","root":"/store/snapshots","names":["7"],"quotas":false} ← {"removed":n}: entries removed; a name that is missing counts as done. `quotas`: bounds that the verb `quota`
 * set go before.
 */
int verb_remove(struct plan *plan, struct rt_error *err)
{
    auto_free char *root = NULL;
    json_t *names;
    bool quotas = false;
    if (plan_allow(plan, err, "root", "names", "quotas") < 0 || json_req_bytes(plan->json, "root", &root, NULL, err) < 0 ||
        json_req_arr(plan->json, "names", &names, err) < 0 ||
        json_opt_bool(plan->json, "quotas", &quotas, err) < 0)
        return -1;
    size_t count = json_array_size(names);
    for (size_t i = 0; i < count; i++) {
        auto_free char *name = NULL;
        if (json_bytes(json_array_get(names, i), "names", &name, NULL, err) < 0) return -1;
        if (!is_file_name(name)) return rt_fail_at(err, name, "PLAN_INVALID", 0, NULL, "'%s' is not a single file name", name);
    }
    auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return path_fail(err, errno, "open", root, "open the directory");
    uint64_t removed = 0;
    for (size_t i = 0; i < count; i++) {
        auto_free char *name = NULL;
        if (json_bytes(json_array_get(names, i), "names", &name, NULL, err) < 0) return -1;
        if (quotas && project_quota_drop(dir, name, err) < 0) return -1;
        if (remove_tree(dir, name, &removed, err) < 0) return -1;
    }
    return plan_result(plan, json_pack("{s:I}", "removed", (json_int_t)removed), err);
}
