#include "runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/userns.h"
#include "base/util.h"
#include "runtime/cgroup_file.h"
#include "runtime/cgroup_internal.h"

const struct cgroup_place *cgroup_place_v1(const struct cgroup *cgroup, const char *controller)
{
    for (size_t i = 0; i < cgroup->count; i++)
        if (!cgroup->places[i].unified && cgroup_controller_in(cgroup->places[i].controllers, controller)) return &cgroup->places[i];
    return NULL;
}

const struct cgroup_place *cgroup_place_v2(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++)
        if (cgroup->places[i].unified) return &cgroup->places[i];
    return NULL;
}

/* A new v1 cpuset has no CPUs and takes no process: it gets those of its parent, unless it has some. */
static int inherit_cpuset(int parent, int child, struct rt_error *err)
{
    static const char *const FILES[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
        auto_buf struct buf own = {0}, above = {0};
        if (!cgroup_read(child, FILES[i], &own) || own.data[strspn(own.data, "\n ")]) continue;
        if (cgroup_read(parent, FILES[i], &above) && cgroup_write(child, FILES[i], above.data, err)) return -1;
    }
    return 0;
}

/* Children get every controller that the parent has to give; one that cannot be given matters only when a limit asks for it. */
static void delegate_controllers(int parent)
{
    auto_buf struct buf names = {0};
    struct rt_error ignored;
    if (!cgroup_read(parent, "cgroup.controllers", &names)) return;
    names.data[strcspn(names.data, "\n")] = 0;
    char *rest = names.data;
    for (char *name; (name = strsep(&rest, " "));)
        if (*name) cgroup_printf(parent, "cgroup.subtree_control", &ignored, "+%s", name);
}

/* Opens the directory step by step from the mount point, making what is missing. */
static int open_place(struct cgroup_place *place, bool make, struct rt_error *err)
{
    const char *path = place->directory + strlen(place->mountpoint);
    auto_close int fd = open(place->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *copy = rt_strdup(path, err);
    if (!copy) return -1;
    char *rest = copy;
    for (char *name; fd >= 0 && (name = strsep(&rest, "/"));) {
        if (!*name) continue;
        if (make && place->unified) delegate_controllers(fd);
        if (make && mkdirat(fd, name, 0755) && errno != EEXIST) break;
        auto_close int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) break;
        if (make && !place->unified && cgroup_controller_in(place->controllers, "cpuset") && inherit_cpuset(fd, next, err)) return -1;
        int parent = fd;
        fd = take_fd(&next);
        util_close(&parent);
        if (!rest) {
            place->fd = take_fd(&fd);
            return 0;
        }
    }
    return rt_fail_at(err, place->directory, "CGROUP_FAILED", errno, "mkdirat", "cannot make the cgroup '%s'", place->directory);
}

static int add_place(struct cgroup *cgroup, bool unified, const char *controllers, const char *mountpoint, char *directory, struct rt_error *err)
{
    struct cgroup_place *places = directory ? reallocarray(cgroup->places, cgroup->count + 1, sizeof *places) : NULL;
    if (!places) {
        free(directory);
        return rt_nomem(err);
    }
    cgroup->places = places;
    struct cgroup_place *place = &places[cgroup->count];
    *place = (struct cgroup_place){.unified = unified, .directory = directory, .fd = -1, .controllers = rt_strdup(controllers, err), .mountpoint = rt_strdup(mountpoint, err)};
    cgroup->count++;
    return place->controllers && place->mountpoint ? 0 : -1;
}

/* Root of a user namespace has no more rights on the host's cgroups than the user who made it. */
static bool is_host_root(void)
{
    return geteuid() == 0 && !in_user_namespace();
}

/* An absolute path counts from the mount point; a relative one too when we are root, else from our own cgroup, which is all that was delegated to us. */
static char *place_directory(const struct cgroup_hierarchy *hierarchy, const char *path, struct rt_error *err)
{
    auto_free char *clean = path_clean(path, err);
    if (!clean) return NULL;
    bool from_root = is_host_root() || path[0] == '/';
    return rt_printf(err, "%s%s/%s", hierarchy->mountpoint, from_root ? "" : hierarchy->own, clean);
}

/* Whether a limit of this v1 hierarchy is set. */
static bool is_needed(const char *controllers, const struct spec_resources *r, bool device_filter)
{
    const struct {
        const char *controller;
        bool used;
    } USES[] = {
        {"memory", r->memory.limit.set || r->memory.swap.set || r->memory.reservation.set || r->memory.oom_disable_set || r->memory.swappiness.set || r->memory.kernel_tcp.set},
        {"cpu", r->cpu.shares.set || r->cpu.quota.set || r->cpu.period.set || r->cpu.burst.set || r->cpu.idle.set || r->cpu.rt_runtime.set || r->cpu.rt_period.set},
        {"cpuset", r->cpu.cpus || r->cpu.mems},
        {"pids", r->pids.set},
        {"blkio", r->block_io.weight.set || r->block_io.leaf_weight.set || r->block_io.weight_count || r->block_io.read_bps.count || r->block_io.write_bps.count ||
                      r->block_io.read_iops.count || r->block_io.write_iops.count},
        {"hugetlb", r->huge_page_count},
        {"net_cls", r->network_class.set},
        {"net_prio", r->network_priorities.count},
        {"rdma", r->rdma_count},
        {"devices", r->device_count && !device_filter},
    };
    for (size_t i = 0; i < ARRAY_LEN(USES); i++)
        if (USES[i].used && cgroup_controller_in(controllers, USES[i].controller)) return true;
    return false;
}

static bool has_place(const struct cgroup *cgroup, const char *mountpoint)
{
    for (size_t i = 0; i < cgroup->count; i++)
        if (strcmp(cgroup->places[i].mountpoint, mountpoint) == 0) return true;
    return false;
}

static int make_places(struct cgroup *cgroup, const char *path, const struct spec_resources *resources, bool whole, struct rt_error *err)
{
    auto_hierarchies struct cgroup_hierarchies list = {0};
    if (cgroup_hierarchies_read(0, &list, err)) return -1;
    for (size_t i = 0; i < list.count; i++) {
        const struct cgroup_hierarchy *hierarchy = &list.items[i];
        if (has_place(cgroup, hierarchy->mountpoint)) continue;
        if (!whole && !hierarchy->unified && !(resources && is_needed(hierarchy->controllers, resources, cgroup->device_filter >= 0))) continue;
        if (add_place(cgroup, hierarchy->unified, hierarchy->controllers, hierarchy->mountpoint, place_directory(hierarchy, path, err), err)) return -1;
        struct cgroup_place *place = &cgroup->places[cgroup->count - 1];
        if (open_place(place, true, err) == 0) continue;
        /* Without the right to make cgroups a container runs in that of its caller, as long as it wants no limits. */
        if (is_host_root() && err->saved_errno != EROFS) return -1;
        free(place->controllers), free(place->directory), free(place->mountpoint);
        cgroup->count--;
    }
    return 0;
}

int cgroup_create(enum cgroup_driver driver, const char *path, const char *id, const struct spec_resources *resources, bool whole, struct cgroup **out, struct rt_error *err)
{
    auto_free char *own = path && *path ? rt_strdup(path, err) : rt_printf(err, "tsbuild/%s", id);
    struct cgroup *cgroup = calloc(1, sizeof *cgroup);
    if (!cgroup || !own) return free(cgroup), rt_nomem(err);
    cgroup->driver = driver;
    cgroup->device_filter = whole || !resources ? -1 : cgroup_device_filter(resources, err);
    if (make_places(cgroup, own, resources, whole, err)) {
        struct rt_error ignored;
        cgroup_remove(cgroup, &ignored);
        cgroup_free(cgroup);
        return -1;
    }
    *out = cgroup;
    return 0;
}

int cgroup_widen(struct cgroup *cgroup, const char *path, const char *id, struct rt_error *err)
{
    auto_free char *own = path && *path ? rt_strdup(path, err) : rt_printf(err, "tsbuild/%s", id);
    return own ? make_places(cgroup, own, NULL, true, err) : -1;
}

int cgroup_join_all(const struct cgroup *cgroup, struct rt_error *err)
{
    enum { ROUNDS = 3 }; /* whoever is born meanwhile is born where its parent is */
    for (int round = 0; round < ROUNDS; round++) {
        auto_free pid_t *pids = NULL;
        size_t count;
        if (cgroup_processes(cgroup, &pids, &count, err)) return -1;
        for (size_t i = 0; i < cgroup->count; i++)
            for (size_t p = 0; p < count && cgroup->places[i].fd >= 0 && !cgroup->places[i].unified; p++)
                if (cgroup_printf(cgroup->places[i].fd, "cgroup.procs", err, "%d", pids[p]) && err->saved_errno != ESRCH) return -1;
    }
    return 0;
}

int cgroup_open(const json_t *paths, struct cgroup **out, struct rt_error *err)
{
    struct cgroup *cgroup = calloc(1, sizeof *cgroup);
    if (!cgroup) return rt_nomem(err);
    cgroup->device_filter = -1;
    size_t i;
    const json_t *entry;
    json_array_foreach(paths, i, entry)
    {
        const char *controllers, *mountpoint, *directory;
        bool unified;
        if (json_req_str(entry, "controllers", &controllers, err) || json_req_str(entry, "mountpoint", &mountpoint, err) || json_req_str(entry, "directory", &directory, err) ||
            json_req_bool(entry, "unified", &unified, err) || strncmp(directory, mountpoint, strlen(mountpoint)) != 0 ||
            add_place(cgroup, unified, controllers, mountpoint, rt_strdup(directory, err), err)) {
            cgroup_free(cgroup);
            return -1;
        }
        /* One that is gone already has nothing left to do. */
        struct rt_error ignored;
        open_place(&cgroup->places[cgroup->count - 1], false, &ignored);
    }
    *out = cgroup;
    return 0;
}

int cgroup_adopt(pid_t pid, struct cgroup **out, struct rt_error *err)
{
    auto_hierarchies struct cgroup_hierarchies list = {0}, ours = {0};
    if (cgroup_hierarchies_read(pid, &list, err) || cgroup_hierarchies_read(0, &ours, err)) return -1;
    struct cgroup *cgroup = calloc(1, sizeof *cgroup);
    if (!cgroup) return rt_nomem(err);
    *cgroup = (struct cgroup){.device_filter = -1, .adopted = true};
    for (size_t i = 0; i < list.count; i++) {
        struct rt_error ignored;
        const struct cgroup_hierarchy *hierarchy = &list.items[i];
        /* Where it shares ours there is nothing that is its own. */
        if (i < ours.count && strcmp(hierarchy->own, ours.items[i].own) == 0) continue;
        if (add_place(cgroup, hierarchy->unified, hierarchy->controllers, hierarchy->mountpoint, rt_printf(err, "%s%s", hierarchy->mountpoint, hierarchy->own), err)) {
            cgroup_free(cgroup);
            return -1;
        }
        open_place(&cgroup->places[cgroup->count - 1], false, &ignored);
    }
    *out = cgroup;
    return 0;
}

json_t *cgroup_paths(const struct cgroup *cgroup)
{
    json_t *list = json_array();
    for (size_t i = 0; cgroup && i < cgroup->count; i++) {
        const struct cgroup_place *place = &cgroup->places[i];
        json_array_append_new(list, json_pack("{s:b, s:s, s:s, s:s}", "unified", place->unified, "controllers", place->controllers, "mountpoint", place->mountpoint, "directory", place->directory));
    }
    return list;
}

void cgroup_free(struct cgroup *cgroup)
{
    for (size_t i = 0; cgroup && i < cgroup->count; i++) {
        util_close(&cgroup->places[i].fd);
        free(cgroup->places[i].controllers);
        free(cgroup->places[i].directory);
        free(cgroup->places[i].mountpoint);
    }
    if (cgroup) util_close(&cgroup->device_filter);
    if (cgroup) free(cgroup->places);
    free(cgroup);
}

int cgroup_apply(const struct cgroup *cgroup, const struct spec_resources *resources, cgroup_warn *warn, void *context, struct rt_error *err)
{
    const struct cgroup_limits limits = {.cgroup = cgroup, .resources = resources, .warn = warn, .context = context};
    if (!resources) return 0;
    return cgroup_v1_apply(&limits, err) || cgroup_v2_apply(&limits, err) || cgroup_devices_apply(&limits, err) ? -1 : 0;
}

int cgroup_v2_directory(const struct cgroup *cgroup)
{
    const struct cgroup_place *place = cgroup_place_v2(cgroup);
    return place ? place->fd : -1;
}

int cgroup_join(const struct cgroup *cgroup, pid_t pid, struct rt_error *err)
{
    for (size_t i = 0; i < cgroup->count; i++)
        if (cgroup->places[i].fd >= 0 && cgroup_printf(cgroup->places[i].fd, "cgroup.procs", err, "%d", pid)) return rt_wrap(err, "cannot join the cgroup '%s'", cgroup->places[i].directory);
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

int cgroup_join_running(const struct cgroup *cgroup, const char *sub, pid_t pid, pid_t init, struct rt_error *err)
{
    bool below = sub && strcmp(sub, "/") != 0, joined = false;
    for (size_t i = 0; i < cgroup->count; i++) {
        const struct cgroup_place *place = &cgroup->places[i];
        if (place->fd < 0) continue;
        auto_close int there = below ? open_in_root(place->fd, sub, O_RDONLY | O_DIRECTORY, 0, err) : dup(place->fd);
        joined = joined || there >= 0;
        /* A hierarchy of v1 in which nobody made it is joined at the container's own. */
        auto_close int fd = there >= 0 ? take_fd(&there) : dup(place->fd);
        if (cgroup_printf(fd, "cgroup.procs", err, "%d", pid) == 0) continue;
        if (sub || !place->unified || (err->saved_errno != EBUSY && err->saved_errno != EOPNOTSUPP) || join_where_init_is(place, pid, init, err))
            return rt_wrap(err, "cannot join the cgroup '%s'", place->directory);
    }
    return joined || cgroup->count == 0 ? 0 : rt_fail(err, "CGROUP_FAILED", ENOENT, NULL, "cannot join the cgroup '%s'", sub);
}

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

static void pause_ms(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
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

static bool from_v2(int fd, uint64_t *cpu_us, uint64_t *memory_peak, bool *oom_killed)
{
    uint64_t kills;
    cgroup_read_key(fd, "cpu.stat", "usage_usec", cpu_us);
    if (cgroup_read_key(fd, "memory.events", "oom_kill", &kills)) *oom_killed = kills > 0;
    return cgroup_read_number(fd, "memory.peak", memory_peak);
}

void cgroup_usage(const struct cgroup *cgroup, uint64_t *cpu_us, uint64_t *memory_peak, bool *oom_killed)
{
    const struct cgroup_place *v2 = cgroup_place_v2(cgroup), *memory = cgroup_place_v1(cgroup, "memory"), *cpu = cgroup_place_v1(cgroup, "cpuacct");
    uint64_t value;
    if (v2 && v2->fd >= 0) from_v2(v2->fd, cpu_us, memory_peak, oom_killed);
    if (memory && memory->fd >= 0) {
        cgroup_read_number(memory->fd, "memory.max_usage_in_bytes", memory_peak);
        if (cgroup_read_key(memory->fd, "memory.oom_control", "oom_kill", &value)) *oom_killed = value > 0;
    }
    if (cpu && cpu->fd >= 0 && cgroup_read_number(cpu->fd, "cpuacct.usage", &value)) *cpu_us = value / 1000;
}

/* Deepest first: a container may have made cgroups of its own. */
static void remove_children(int dirfd, int depth)
{
    enum { MAX_DEPTH = 64 };
    auto_close int reader = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *children = reader < 0 || depth > MAX_DEPTH ? NULL : fdopendir(reader);
    if (children) take_fd(&reader);
    for (struct dirent *entry; children && (entry = readdir(children));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        auto_close int child = openat(dirfd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0) remove_children(child, depth + 1);
        unlinkat(dirfd, entry->d_name, AT_REMOVEDIR);
    }
}

/* EBUSY passes once the kernel has buried the last process. */
static int remove_place(const struct cgroup_place *place, struct rt_error *err)
{
    enum { TRIES = 300 };
    for (int i = 0; i < TRIES; i++) {
        if (rmdir(place->directory) == 0 || errno == ENOENT) return 0;
        if (errno != EBUSY && errno != ENOTEMPTY) break;
        if (place->fd >= 0) remove_children(place->fd, 0);
        pause_ms(i < 20 ? 1 : 10);
    }
    return rt_fail_at(err, place->directory, "CGROUP_FAILED", errno, "rmdir", "cannot remove the cgroup '%s'", place->directory);
}

int cgroup_remove(const struct cgroup *cgroup, struct rt_error *err)
{
    int result = 0;
    struct rt_error later;
    for (size_t i = 0; i < cgroup->count && !cgroup->adopted; i++)
        if (remove_place(&cgroup->places[i], result ? &later : err)) result = -1;
    return result;
}
