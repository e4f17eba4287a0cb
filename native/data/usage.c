#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/listing.h"
#include "verbs.h"

/* Bytes on the disk of what is below `fd`; a file with several names counts once for each, as nothing here remembers inodes. */
static int add_usage(int fd, uint64_t *bytes, struct rt_error *err)
{
    auto_listing struct listing names = { 0 };
    if (plan_check(err) < 0 || listing_read(fd, LISTING_BY_NAME, false, &names, err) < 0) return -1;
    for (size_t i = 0; i < names.count; i++) {
        struct stat st;
        const char *name = names.entries[i].name;
        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT) continue; /* a container may be at work here */
            return path_fail(err, errno, "fstatat", name, "read the status of");
        }
        *bytes += (uint64_t)st.st_blocks * 512;
        if (!S_ISDIR(st.st_mode)) continue;
        auto_close int directory = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (directory < 0 && errno == ENOENT) continue;
        if (directory < 0) return path_fail(err, errno, "openat", name, "read the directory");
        if (add_usage(directory, bytes, err) < 0) return -1;
    }
    return 0;
}

/* {"verb":"usage","paths":["/…/snapshots/3/fs"]} ← {"bytes":[…]}: disk usage below each directory; 0 for one that is not there. */
int verb_usage(struct plan *plan, struct rt_error *err)
{
    json_t *paths;
    auto_json json_t *answer = json_array();
    if (!answer) return rt_nomem(err);
    if (plan_allow(plan, err, "paths") < 0 || json_req_arr(plan->json, "paths", &paths, err) < 0) return -1;
    for (size_t i = 0; i < json_array_size(paths); i++) {
        auto_free char *path = NULL;
        uint64_t bytes = 0;
        if (json_bytes(json_array_get(paths, i), "paths", &path, NULL, err) < 0) return -1;
        auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno != ENOENT) return path_fail(err, errno, "open", path, "read the directory");
        if (fd >= 0 && add_usage(fd, &bytes, err) < 0) return -1;
        json_array_append_new(answer, json_integer((json_int_t)bytes));
    }
    return plan_result(plan, json_pack("{s:O}", "bytes", answer), err);
}
