#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/plan.h"
#include "data/tree.h"
#include "base/util.h"
#include "verbs.h"

/* {"verb":"stat","tree":Tree,"path":"/x","follow":true} ← {"name","size","mode","mtime","uid","gid","linkTarget","resolved"}: `resolved` is where the path leads, links followed. PATH_MISSING, NOT_A_DIRECTORY. */
int verb_stat(struct plan *plan, struct rt_error *err)
{
    auto_tree struct tree tree = { 0 };
    auto_free char *path = NULL;
    bool follow = true;
    char target[4097];
    ssize_t target_size = 0;
    struct stat st;
    auto_close int root = -1;
    if (plan_allow(plan, err, "tree", "path", "follow") < 0 || tree_req(plan->json, "tree", &tree, err) < 0 ||
        json_req_bytes(plan->json, "path", &path, NULL, err) < 0 || json_opt_bool(plan->json, "follow", &follow, err) < 0 ||
        tree_open(&tree, 0, &root, err) < 0)
        return -1;
    auto_close int fd = open_in_root(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0, err);
    if (fd < 0) return -1;
    if (fstat(fd, &st) < 0) return path_fail(err, errno, "fstat", path, "read the status of");
    if (S_ISLNK(st.st_mode)) target_size = readlinkat(fd, "", target, sizeof target);
    if (target_size < 0) return path_fail(err, errno, "readlinkat", path, "read the link");
    auto_free char *clean = path_clean(path, err);
    if (!clean) return -1;
    auto_free char *resolved = path_below_root(root, fd, err);
    if (!resolved) return -1;
    const char *slash = strrchr(clean, '/');
    return plan_result(plan,
                       json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "name", json_from_path(slash ? slash + 1 : clean), "size", (json_int_t)st.st_size,
                                 "mode", (json_int_t)st.st_mode, "mtime", (json_int_t)st.st_mtim.tv_sec, "uid", (json_int_t)st.st_uid, "gid",
                                 (json_int_t)st.st_gid, "linkTarget", json_from_bytes(target, (size_t)target_size), "resolved", json_from_path(resolved)),
                       err);
}
