#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "runtime/cgroup_file.h"
#include "runtime/cgroup_internal.h"

/* The way of processes into a container's cgroups. */

static int add(int fd, const struct cgroup_place *place, pid_t pid, struct rt_error *err)
{
    return cgroup_printf(fd, "cgroup.procs", err, "%d", pid) ? rt_wrap(err, "cannot join the cgroup '%s'", place->directory) : 0;
}

int cgroup_join(struct cgroup *cgroup, pid_t pid, bool born, struct rt_error *err)
{
    for (size_t i = 0; i < cgroup->count; i++)
        if (cgroup->places[i].fd >= 0 && !(born && cgroup->places[i].unified) && add(cgroup->places[i].fd, &cgroup->places[i], pid, err)) return -1;
    cgroup_release_scope(cgroup);
    return 0;
}

static int join_where_init_is(const struct cgroup_place *place, pid_t pid, pid_t init, struct rt_error *err)
{
    char path[40];
    auto_buf struct buf text = {0};
    snprintf(path, sizeof path, "/proc/%d/cgroup", init);
    if (!cgroup_read(AT_FDCWD, path, &text)) return rt_fail(err, "CGROUP_FAILED", errno, "open", "cannot find the cgroup of the container's first process");
    char *own = strstr(text.data, "0::/");
    if (!own) return rt_fail(err, "CGROUP_FAILED", 0, NULL, "the container's first process is in no v2 cgroup");
    own += 4;
    own[strcspn(own, "\n")] = 0;
    auto_close int root = open(place->mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = open_in_root(root, *own ? own : "/", O_RDONLY | O_DIRECTORY, 0, err);
    return fd < 0 ? -1 : cgroup_printf(fd, "cgroup.procs", err, "%d", pid);
}

static int join_own(const struct cgroup_place *place, pid_t pid, pid_t init, struct rt_error *err)
{
    if (cgroup_printf(place->fd, "cgroup.procs", err, "%d", pid) == 0) return 0;
    if (place->unified && (err->saved_errno == EBUSY || err->saved_errno == EOPNOTSUPP) && join_where_init_is(place, pid, init, err) == 0) return 0;
    return rt_wrap(err, "cannot join the cgroup '%s'", place->directory);
}

/* "CONTROLLER,CONTROLLER:PATH" or "PATH". */
static const char *path_of(const char *sub)
{
    const char *colon = strchr(sub, ':');
    return colon ? colon + 1 : sub;
}

static bool is_for(const char *sub, const struct cgroup_place *place)
{
    const char *end = strchr(sub, ':');
    if (!end) return true;
    for (const char *name = sub; name < end;) {
        char one[64];
        size_t length = strcspn(name, ",:");
        snprintf(one, sizeof one, "%.*s", (int)length, name);
        if (!place->unified && cgroup_controller_in(place->controllers, one)) return true;
        name += length + 1;
    }
    return false;
}

static int check_subs(const struct cgroup *cgroup, const struct spec_strings *subs, struct rt_error *err)
{
    for (size_t i = 0; i < subs->count; i++) {
        const char *sub = subs->items[i], *colon = strchr(sub, ':');
        auto_free char *rest = rt_printf(err, "%.*s", colon ? (int)(colon - sub) : 0, sub);
        if (!rest) return -1;
        char *names = rest;
        for (char *name; colon && (name = strsep(&names, ","));)
            if (!cgroup_place_v1(cgroup, name)) return rt_fail(err, "USAGE", 0, NULL, "unknown controller %s in '%s'", name, sub);
        auto_free char *path = rt_strdup(path_of(sub), err);
        if (!path) return -1;
        char *parts = path;
        for (char *part; (part = strsep(&parts, "/"));)
            if (strcmp(part, "..") == 0) return rt_fail(err, "USAGE", 0, NULL, "bad sub cgroup path: %s: `..` components are not allowed", sub);
    }
    return 0;
}

static const char *sub_of(const struct spec_strings *subs, const struct cgroup_place *place)
{
    for (size_t i = subs->count; i > 0; i--)
        if (is_for(subs->items[i - 1], place)) return subs->items[i - 1];
    return NULL;
}

int cgroup_join_running(const struct cgroup *cgroup, const struct spec_strings *subs, pid_t pid, pid_t init, bool born, struct rt_error *err)
{
    bool found = subs->count == 0;
    if (check_subs(cgroup, subs, err)) return -1;
    for (size_t i = 0; i < cgroup->count; i++) {
        const struct cgroup_place *place = &cgroup->places[i];
        const char *sub = sub_of(subs, place);
        if (place->fd < 0 || (born && place->unified)) continue;
        auto_close int below = sub ? try_open_in_root(place->fd, path_of(sub), O_RDONLY | O_DIRECTORY, 0) : -1;
        /* A path for all hierarchies is looked for in each, and what has none of it joined at the container's own. */
        if (sub && below < 0 && strchr(sub, ':')) return rt_fail(err, "CGROUP_FAILED", errno, "openat2", "adding pid %d to the cgroup '%s' failed", pid, sub);
        found = found || below >= 0;
        if (below >= 0 ? add(below, place, pid, err) : subs->count ? add(place->fd, place, pid, err) : join_own(place, pid, init, err)) return -1;
    }
    return found || cgroup->count == 0 ? 0 : rt_fail(err, "CGROUP_FAILED", ENOENT, NULL, "adding pid %d to the cgroup '%s' failed", pid, subs->items[0]);
}
