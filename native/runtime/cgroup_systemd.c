#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/cgroup_internal.h"
#include "runtime/systemd.h"

/*
 * The driver "systemd". A scope is made around a process and goes with its last one, and the cgroup must be there, with its limits, before the container's first process is born
 * into it: so a process that does nothing holds the place.
 */

static pid_t make_holder(struct rt_error *err)
{
    pid_t pid = fork();
    if (pid < 0) rt_fail(err, "CGROUP_FAILED", errno, "fork", "cannot make a process for the scope");
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
}

void cgroup_release_scope(struct cgroup *cgroup)
{
    if (cgroup->holder <= 0) return;
    kill(cgroup->holder, SIGKILL);
    while (waitpid(cgroup->holder, NULL, 0) < 0 && errno == EINTR) continue;
    cgroup->holder = 0;
}

/* Where systemd has put the process: in v2, else in its own hierarchy of v1; ours in the others are made beside it. */
static char *scope_path(pid_t pid, const char *unit, struct rt_error *err)
{
    auto_hierarchies struct cgroup_hierarchies list = {0};
    if (cgroup_hierarchies_read(pid, &list, err)) return NULL;
    size_t length = strlen(unit);
    for (size_t i = 0; i < list.count; i++) {
        const struct cgroup_hierarchy *hierarchy = &list.items[i];
        size_t own = strlen(hierarchy->own);
        if ((hierarchy->unified || strcmp(hierarchy->controllers, "name=systemd") == 0) && own > length && strcmp(hierarchy->own + own - length, unit) == 0) return rt_strdup(hierarchy->own, err);
    }
    rt_fail(err, "CGROUP_FAILED", 0, NULL, "systemd has made the unit '%s', and its process is in no cgroup of that name", unit);
    return NULL;
}

static bool has_v2(void)
{
    struct rt_error ignored;
    auto_hierarchies struct cgroup_hierarchies list = {0};
    /* On a hybrid host the controllers, and what systemd calls them, are those of v1. */
    return cgroup_hierarchies_read(0, &list, &ignored) == 0 && cgroup_find_v2(&list) && !cgroup_find_v1(&list, "memory") && !cgroup_find_v1(&list, "pids");
}

char *cgroup_make_scope(struct cgroup *cgroup, const struct cgroup_request *request, struct rt_error *err)
{
    struct systemd_scope scope;
    if (systemd_scope_parse(request->path, request->id, !cgroup_is_host_root(), &scope, err)) return NULL;
    char *path = NULL;
    cgroup->of_user = scope.user;
    cgroup->holder = make_holder(err);
    if (cgroup->holder > 0 && systemd_start(&scope, request->id, cgroup->holder, has_v2(), request->resources, request->annotations, err) == 0) {
        cgroup->unit = take_ptr(&scope.unit);
        path = scope_path(cgroup->holder, cgroup->unit, err);
    }
    systemd_scope_free(&scope);
    return path;
}

int cgroup_update(const struct cgroup *cgroup, const struct spec_resources *resources, cgroup_warn *warn, void *context, struct rt_error *err)
{
    if (cgroup->unit && systemd_update(cgroup->unit, cgroup->of_user, has_v2(), resources, err)) return -1;
    return cgroup_apply(cgroup, resources, warn, context, err);
}
