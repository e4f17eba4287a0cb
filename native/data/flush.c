#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "verbs.h"

/*
 * {"verb":"flush","root":"/store","marker":"/store/flushed/x","content":"…"} ← {} at once. Then, alone and after its parent has gone: brings
 * the file system of `root` to the disk and creates `marker` with `content`, under another name first. Without the marker nothing was flushed.
 */
int verb_flush(struct plan *plan, struct rt_error *err)
{
    auto_free char *root = NULL, *marker = NULL, *content = NULL, *temporary = NULL;
    if (plan_allow(plan, err, "root", "marker", "content") < 0 || json_req_bytes(plan->json, "root", &root, NULL, err) < 0 ||
        json_req_bytes(plan->json, "marker", &marker, NULL, err) < 0 || json_req_bytes(plan->json, "content", &content, NULL, err) < 0)
        return -1;
    auto_close int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return path_fail(err, errno, "open", root, "open the directory");
    if (asprintf(&temporary, "%s.new", marker) < 0) return rt_fail(err, "NATIVE_FAILED", ENOMEM, "malloc", "out of memory");

    prctl(PR_SET_PDEATHSIG, 0);
    setsid();
    if (plan_result(plan, json_object(), err) < 0) return -1;
    close(plan->answer); /* the caller waits for the end of this pipe, not for the disk */

    if (syncfs(dir) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "syncfs", "cannot flush '%s'", root);
    auto_close int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return path_fail(err, errno, "open", temporary, "create the file");
    if (write_all(file, content, strlen(content)) < 0 || fsync(file) < 0 || rename(temporary, marker) < 0)
        return path_fail(err, errno, "rename", marker, "write the file");
    return 0;
}
