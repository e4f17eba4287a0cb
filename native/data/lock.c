#include <fcntl.h>
#include <sys/file.h>

#include "base/plan.h"
#include "verbs.h"

/* flock on an inherited descriptor: the lock belongs to the open file description, which the caller holds, and outlives this process. */
int verb_lock(struct plan *plan, struct rt_error *err)
{
    static const char *const modes[] = { "exclusive", "shared", "none", NULL };
    static const int operations[] = { LOCK_EX, LOCK_SH, LOCK_UN };
    int64_t fd;
    int mode = 0;
    bool wait = false;
    if (plan_allow(plan, err, "fd", "mode", "wait") < 0 || json_req_i64(plan->json, "fd", 5, INT32_MAX, &fd, err) < 0 ||
        json_req_enum(plan->json, "mode", modes, &mode, err) < 0 || json_opt_bool(plan->json, "wait", &wait, err) < 0)
        return -1;
    bool locked = true;
    while (flock((int)fd, operations[mode] | (wait ? 0 : LOCK_NB)) < 0) {
        if (errno == EINTR) {
            if (plan_check(err) < 0) return -1;
            continue;
        }
        if (errno != EWOULDBLOCK) return rt_fail(err, "NATIVE_FAILED", errno, "flock", "cannot lock descriptor %d", (int)fd);
        locked = false;
        break;
    }
    return plan_result(plan, json_pack("{s:b}", "locked", locked), err);
}
