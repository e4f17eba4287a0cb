#include <termios.h>

#include "base/plan.h"
#include "base/util.h"
#include "verbs.h"

/*
 * {"verb":"terminal","fd":5} ← {}: the terminal hands on what is written as it is. Node's raw mode leaves the translation of newlines on,
 * which a program in a container has done on a terminal of its own, or has not on purpose.
 */
int verb_terminal(struct plan *plan, struct rt_error *err)
{
    int64_t fd;
    struct termios modes;
    if (plan_allow(plan, err, "fd") < 0 || json_req_i64(plan->json, "fd", 5, INT32_MAX, &fd, err) < 0) return -1;
    if (tcgetattr((int)fd, &modes) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "tcgetattr", "descriptor %d is no terminal", (int)fd);
    modes.c_oflag &= ~(tcflag_t)OPOST;
    if (tcsetattr((int)fd, TCSADRAIN, &modes) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "tcsetattr", "cannot set the modes of descriptor %d", (int)fd);
    return plan_result(plan, json_object(), err);
}
