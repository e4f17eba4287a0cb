#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/cgroup_file.h"
#include "runtime/cgroup_internal.h"

/* The processes of a container by way of its cgroups: who they are, signals to all of them, freezing. */

/* Any place will do, a process is in all of them; v2 first. */
static const struct cgroup_place *main_place(const struct cgroup *cgroup)
{
    const struct cgroup_place *place = cgroup_place_v2(cgroup);
    for (size_t i = 0; (!place || place->fd < 0) && i < cgroup->count; i++)
        if (cgroup->places[i].fd >= 0) place = &cgroup->places[i];
    return place && place->fd >= 0 ? place : NULL;
}

struct pid_list {
    pid_t *items;
    size_t count;
};

static int collect(int dirfd, struct pid_list *list, int depth, struct rt_error *err)
{
    enum { MAX_DEPTH = 64 };
    auto_buf struct buf text = {0};
    if (depth > MAX_DEPTH || !cgroup_read(dirfd, "cgroup.procs", &text)) return 0;
    char *rest = text.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        uint64_t pid;
        if (!*line || !parse_u64(line, INT32_MAX, &pid) || pid == 0) continue;
        pid_t *items = reallocarray(list->items, list->count + 1, sizeof *items);
        if (!items) return rt_nomem(err);
        list->items = items;
        items[list->count++] = (pid_t)pid;
    }
    auto_close int reader = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *children = reader < 0 ? NULL : fdopendir(reader);
    if (children) take_fd(&reader);
    for (struct dirent *entry; children && (entry = readdir(children));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        auto_close int child = openat(dirfd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0 && collect(child, list, depth + 1, err)) return -1;
    }
    return 0;
}

int cgroup_processes(const struct cgroup *cgroup, pid_t **pids, size_t *count, struct rt_error *err)
{
    struct pid_list list = {0};
    const struct cgroup_place *place = main_place(cgroup);
    if (place && collect(place->fd, &list, 0, err)) {
        free(list.items);
        return -1;
    }
    *pids = list.items;
    *count = list.count;
    return 0;
}

/* One signal to each; SIGKILL until nobody is left, since processes may fork meanwhile. A frozen process of v1 gets it when it thaws. */
static int kill_each(const struct cgroup *cgroup, int signal, struct rt_error *err)
{
    enum { TRIES = 200 };
    struct rt_error ignored;
    for (int i = 0; i < TRIES; i++) {
        auto_free pid_t *pids = NULL;
        size_t count = 0;
        if (cgroup_processes(cgroup, &pids, &count, err)) return -1;
        for (size_t k = 0; k < count; k++) kill(pids[k], signal);
        if (signal != SIGKILL || count == 0) return 0;
        if (cgroup_frozen(cgroup)) cgroup_freeze(cgroup, false, &ignored);
        pause_ms(i < 20 ? 1 : 20);
    }
    return rt_fail(err, "CGROUP_FAILED", ETIMEDOUT, NULL, "processes of the container do not end");
}

bool cgroup_exists(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++)
        if (cgroup->places[i].fd >= 0) return true;
    return false;
}

int cgroup_kill(const struct cgroup *cgroup, int signal, struct rt_error *err)
{
    const struct cgroup_place *v2 = cgroup_place_v2(cgroup);
    struct rt_error ignored;
    /* Linux 5.14; it reaches processes that fork, and frozen ones. */
    if (signal == SIGKILL && v2 && v2->fd >= 0 && cgroup_write(v2->fd, "cgroup.kill", "1", &ignored) == 0) return 0;
    return kill_each(cgroup, signal, err);
}

bool cgroup_frozen(const struct cgroup *cgroup)
{
    const struct cgroup_place *v2 = cgroup_place_v2(cgroup), *v1 = cgroup_place_v1(cgroup, "freezer");
    auto_buf struct buf state = {0};
    uint64_t frozen = 0;
    if (v2 && v2->fd >= 0 && cgroup_read_number(v2->fd, "cgroup.freeze", &frozen) && frozen) return true;
    return v1 && v1->fd >= 0 && cgroup_read(v1->fd, "freezer.state", &state) && strncmp(state.data, "THAWED", 6) != 0;
}

static int freeze_v2(int fd, bool freeze, struct rt_error *err)
{
    enum { TRIES = 500 };
    if (cgroup_write(fd, "cgroup.freeze", freeze ? "1" : "0", err)) return -1;
    for (int i = 0; i < TRIES; i++) {
        uint64_t frozen;
        if (!cgroup_read_key(fd, "cgroup.events", "frozen", &frozen) || (frozen != 0) == freeze) return 0;
        pause_ms(i < 20 ? 1 : 10);
    }
    return rt_fail(err, "CGROUP_FAILED", ETIMEDOUT, NULL, "the container's processes do not %s", freeze ? "freeze" : "thaw");
}

/* A v1 freezer may stick at FREEZING while processes fork; thawing for a moment and freezing again mends it. */
static int freeze_v1(int fd, bool freeze, struct rt_error *err)
{
    enum { TRIES = 200 };
    const char *wanted = freeze ? "FROZEN" : "THAWED";
    for (int i = 0; i < TRIES; i++) {
        auto_buf struct buf state = {0};
        if (freeze && i % 50 == 49 && cgroup_write(fd, "freezer.state", "THAWED", err)) return -1;
        if (cgroup_write(fd, "freezer.state", wanted, err)) return -1;
        if (!cgroup_read(fd, "freezer.state", &state) || strncmp(state.data, wanted, 6) == 0) return 0;
        pause_ms(i < 20 ? 1 : 10);
    }
    return rt_fail(err, "CGROUP_FAILED", ETIMEDOUT, NULL, "the container's processes do not %s", freeze ? "freeze" : "thaw");
}

int cgroup_freeze(const struct cgroup *cgroup, bool freeze, struct rt_error *err)
{
    const struct cgroup_place *v2 = cgroup_place_v2(cgroup), *v1 = cgroup_place_v1(cgroup, "freezer");
    /* Freezing by v1's interface belongs to whoever froze by it: a thaw undoes both. */
    if (v2 && v2->fd >= 0 && cgroup_has(v2->fd, "cgroup.freeze")) {
        if (freeze_v2(v2->fd, freeze, err)) return -1;
        return !freeze && v1 && v1->fd >= 0 ? freeze_v1(v1->fd, false, err) : 0;
    }
    if (v1 && v1->fd >= 0) return freeze_v1(v1->fd, freeze, err);
    return rt_fail(err, "FEATURE_MISSING", 0, NULL, "there is no freezer cgroup to pause the container with");
}

void cgroup_release(const struct cgroup *cgroup, pid_t pid)
{
    struct rt_error ignored;
    const struct cgroup_place *v1 = cgroup_place_v1(cgroup, "freezer");
    if (cgroup_frozen(cgroup)) cgroup_freeze(cgroup, false, &ignored);
    /* Somebody may have put it into a freezer of his own: it thaws where ours takes it back, and that freezer's other processes stay as they are. */
    if (v1 && v1->fd >= 0) cgroup_printf(v1->fd, "cgroup.procs", &ignored, "%d", pid);
}
