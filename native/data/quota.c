#include <fcntl.h>
#include <stdlib.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/project-quota.h"
#include "verbs.h"

/* {"verb":"quota","root":"/store/snapshots","name":"7","bytes":n}: bounds the directory, which must hold nothing but empty directories. */
int verb_quota(struct plan *plan, struct rt_error *err)
{
    auto_free char *root = NULL, *name = NULL;
    int64_t bytes;
    if (plan_allow(plan, err, "root", "name", "bytes") < 0 || json_req_bytes(plan->json, "root", &root, NULL, err) < 0 ||
        json_req_bytes(plan->json, "name", &name, NULL, err) < 0 || json_req_i64(plan->json, "bytes", 1, INT64_MAX, &bytes, err) < 0)
        return -1;
    if (!is_file_name(name)) return rt_fail_at(err, name, "PLAN_INVALID", 0, NULL, "'%s' is not a single file name", name);
    auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return path_fail(err, errno, "open", root, "open the directory");
    return project_quota_set(dir, name, (uint64_t)bytes, err);
}
