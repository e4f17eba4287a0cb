#include <errno.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/path.h"
#include "base/plan.h"
#include "base/regular_file.h"
#include "data/tree.h"
#include "base/util.h"
#include "verbs.h"

/*
 * {"verb":"read","tree":Tree,"path":"/etc/os-release","limit":1048576} ← {"data":{"b64"},"mode","uid","gid","mtime"}: one regular file, links followed
 * inside the tree. PATH_MISSING; SIZE_MISMATCH over the limit.
 */
int verb_read(struct plan *plan, struct rt_error *err)
{
    auto_tree struct tree tree = { 0 };
    auto_free char *path = NULL;
    auto_buf struct buf data = { 0 };
    int64_t limit = 1024 * 1024;
    struct stat st;
    auto_close int root = -1;
    if (plan_allow(plan, err, "tree", "path", "limit") < 0 || tree_req(plan->json, "tree", &tree, err) < 0 ||
        json_req_bytes(plan->json, "path", &path, NULL, err) < 0 || json_opt_i64(plan->json, "limit", 0, 64 * 1024 * 1024, &limit, err) < 0 ||
        tree_open(&tree, 0, &root, err) < 0)
        return -1;
    auto_close int fd = try_open_regular_in_root(root, path);
    if (fd < 0 && errno != EINVAL) return path_fail(err, errno, "openat2", path, "open");
    if (fd < 0) return rt_fail_at(err, path, "NATIVE_FAILED", 0, NULL, "cannot read '%s': it is not a regular file", path);
    if (fstat(fd, &st) < 0) return path_fail(err, errno, "fstat", path, "read the status of");
    if (read_fd(fd, (size_t)limit, &data, "SIZE_MISMATCH", path, err) < 0) return -1;
    return plan_result(plan,
                       json_pack("{s:o,s:I,s:I,s:I,s:I}", "data", json_b64(data.data ? data.data : "", data.size), "mode", (json_int_t)st.st_mode,
                                 "uid", (json_int_t)st.st_uid, "gid", (json_int_t)st.st_gid, "mtime", (json_int_t)st.st_mtim.tv_sec),
                       err);
}
