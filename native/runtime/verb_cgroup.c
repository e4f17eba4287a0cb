#include <signal.h>
#include <string.h>

#include "base/json.h"
#include "base/plan.h"
#include "base/util.h"
#include "runtime/cgroup.h"
#include "verbs.h"

/* One that is absent is made before it goes, which tells all its places on the host. False where we may not: then it was not ours either. */
static bool remove_cgroup(const char *path)
{
    struct cgroup *cgroup = NULL;
    struct rt_error ignored;
    const char *name = strrchr(path, '/');
    const struct cgroup_request request = {.driver = CGROUP_CGROUPFS, .path = path, .id = name ? name + 1 : path, .whole = true, .occupied = true};
    bool removed = cgroup_create(&request, &cgroup, &ignored) == 0 && cgroup_kill(cgroup, SIGKILL, &ignored) == 0 &&
                   cgroup_remove(cgroup, &ignored) == 0;
    cgroup_free(cgroup);
    return removed;
}

/* {"verb":"cgroup","op":"remove","paths":["/tsbuild/x"]} ← {"removed":n} */
int verb_cgroup(struct plan *plan, struct rt_error *err)
{
    static const char *const ops[] = {"remove", NULL};
    int op, removed = 0;
    json_t *paths;
    if (plan_allow(plan, err, "op", "paths") || json_req_enum(plan->json, "op", ops, &op, err) || json_req_arr(plan->json, "paths", &paths, err)) return -1;
    for (size_t i = 0; i < json_array_size(paths); i++) {
        auto_free char *path = NULL;
        if (json_bytes(json_array_get(paths, i), "paths", &path, NULL, err)) return -1;
        removed += remove_cgroup(path);
    }
    return plan_result(plan, json_pack("{s:i}", "removed", removed), err);
}
