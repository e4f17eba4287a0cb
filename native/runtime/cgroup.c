#include "runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/userns.h"
#include "base/util.h"
#include "runtime/cgroup_file.h"
#include "runtime/cgroup_internal.h"
#include "runtime/systemd.h"

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

/*
 * Children get every controller that the parent has to give; one that cannot be given matters only when a limit asks for it. What they have is not asked for again: the kernel would
 * first wait until all cgroups that were removed a moment ago are gone.
 */
static void delegate_controllers(int parent)
{
    auto_buf struct buf names = {0}, given = {0};
    struct rt_error ignored;
    if (!cgroup_read(parent, "cgroup.controllers", &names)) return;
    if (!cgroup_read(parent, "cgroup.subtree_control", &given)) return;
    names.data[strcspn(names.data, "\n")] = given.data[strcspn(given.data, "\n")] = 0;
    for (char *space = given.data; (space = strchr(space, ' '));) *space = ',';
    char *rest = names.data;
    for (char *name; (name = strsep(&rest, " "));)
        if (*name && !cgroup_controller_in(given.data, name)) cgroup_printf(parent, "cgroup.subtree_control", &ignored, "+%s", name);
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
        place->made = make && mkdirat(fd, name, 0755) == 0;
        if (make && !place->made && errno != EEXIST) break;
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
bool cgroup_is_host_root(void)
{
    return geteuid() == 0 && !in_user_namespace();
}

/* An absolute path counts from the mount point; a relative one too when we are root, else from our own cgroup, which is all that was delegated to us. */
static char *place_directory(const struct cgroup_hierarchy *hierarchy, const char *path, struct rt_error *err)
{
    auto_free char *clean = path_clean(path, err);
    if (!clean) return NULL;
    bool from_root = cgroup_is_host_root() || path[0] == '/';
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
        if (cgroup_is_host_root() && err->saved_errno != EROFS) return -1;
        free(place->controllers), free(place->directory), free(place->mountpoint);
        cgroup->count--;
    }
    return 0;
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

/* What was there before may be frozen, and our process with it, or hold others, whose limits and end would be ours as well. */
static int check_free(const struct cgroup *cgroup, struct rt_error *err)
{
    auto_free pid_t *pids = NULL;
    size_t count = 0;
    bool found = false;
    for (size_t i = 0; i < cgroup->count; i++) found = found || !cgroup->places[i].made;
    if (!found) return 0;
    if (cgroup_frozen(cgroup)) return rt_fail(err, "CGROUP_FAILED", 0, NULL, "container's cgroup unexpectedly frozen");
    if (cgroup_processes(cgroup, &pids, &count, err)) return -1;
    return count ? rt_fail(err, "CGROUP_FAILED", 0, NULL, "container's cgroup is not empty: %zu process(es) found", count) : 0;
}

/* "ID", "prefix-ID": nobody else would call it so. */
static bool is_named(const char *directory, const char *id)
{
    const char *name = strrchr(directory, '/') + 1;
    size_t length = strlen(name), tail = strlen(id);
    return length >= tail && strcmp(name + length - tail, id) == 0 && (length == tail || name[length - tail - 1] == '-');
}

static void tell_foreign(struct cgroup *cgroup, size_t first, const char *id)
{
    for (size_t i = first; i < cgroup->count; i++) cgroup->places[i].foreign = !cgroup->places[i].made && !cgroup->unit && !is_named(cgroup->places[i].directory, id);
}

/* Undoes what was made; a directory that was there stays. */
static void abandon(struct cgroup *cgroup)
{
    struct rt_error ignored;
    cgroup_release_scope(cgroup);
    for (size_t i = 0; i < cgroup->count; i++)
        if (cgroup->places[i].made) remove_place(&cgroup->places[i], &ignored);
    cgroup_free(cgroup);
}

static char *own_path(const char *path, const char *id, struct rt_error *err)
{
    return path && *path ? rt_strdup(path, err) : rt_printf(err, "tsbuild/%s", id);
}

int cgroup_create(const struct cgroup_request *request, struct cgroup **out, struct rt_error *err)
{
    const struct spec_resources *resources = request->resources;
    bool systemd = request->driver == CGROUP_SYSTEMD, whole = request->whole;
    struct cgroup *cgroup = calloc(1, sizeof *cgroup);
    if (!cgroup) return rt_nomem(err);
    cgroup->device_filter = whole || !resources ? -1 : cgroup_device_filter(resources, err);
    auto_free char *own = systemd ? cgroup_make_scope(cgroup, request, err) : own_path(request->path, request->id, err);
    if (!own || make_places(cgroup, own, resources, whole, err) || (!systemd && !request->occupied && check_free(cgroup, err))) {
        abandon(cgroup);
        return -1;
    }
    tell_foreign(cgroup, 0, request->id);
    *out = cgroup;
    return 0;
}

int cgroup_widen(struct cgroup *cgroup, const char *path, const char *id, struct rt_error *err)
{
    auto_free char *own = own_path(path, id, err);
    size_t before = cgroup->count;
    int result = own ? make_places(cgroup, own, NULL, true, err) : -1;
    tell_foreign(cgroup, before, id);
    return result;
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
        const char *controllers, *mountpoint, *directory, *unit = NULL;
        bool unified, foreign = false;
        if (json_opt_str(entry, "unit", &unit, err) == 0 && unit) {
            cgroup->of_user = json_is_true(json_object_get(entry, "user"));
            if ((cgroup->unit = rt_strdup(unit, err))) continue;
        }
        if (json_req_str(entry, "controllers", &controllers, err) || json_req_str(entry, "mountpoint", &mountpoint, err) || json_req_str(entry, "directory", &directory, err) ||
            json_req_bool(entry, "unified", &unified, err) || json_opt_bool(entry, "foreign", &foreign, err) || strncmp(directory, mountpoint, strlen(mountpoint)) != 0 ||
            add_place(cgroup, unified, controllers, mountpoint, rt_strdup(directory, err), err)) {
            cgroup_free(cgroup);
            return -1;
        }
        /* One that is gone already has nothing left to do. */
        struct rt_error ignored;
        cgroup->places[cgroup->count - 1].foreign = foreign;
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
    if (cgroup && cgroup->unit) json_array_append_new(list, json_pack("{s:s, s:b}", "unit", cgroup->unit, "user", cgroup->of_user));
    for (size_t i = 0; cgroup && i < cgroup->count; i++) {
        const struct cgroup_place *place = &cgroup->places[i];
        json_array_append_new(list, json_pack("{s:b, s:b, s:s, s:s, s:s}", "unified", place->unified, "foreign", place->foreign, "controllers", place->controllers, "mountpoint", place->mountpoint, "directory", place->directory));
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
    if (!cgroup) return;
    cgroup_release_scope(cgroup);
    util_close(&cgroup->device_filter);
    free(cgroup->unit);
    free(cgroup->places);
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

int cgroup_remove(const struct cgroup *cgroup, struct rt_error *err)
{
    int result = cgroup->unit ? systemd_stop(cgroup->unit, cgroup->of_user, err) : 0;
    struct rt_error later;
    for (size_t i = 0; i < cgroup->count && !cgroup->adopted; i++)
        if (!cgroup->places[i].foreign && remove_place(&cgroup->places[i], result ? &later : err)) result = -1;
    return result;
}
