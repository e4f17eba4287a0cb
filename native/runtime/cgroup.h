#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/container.h"
#include "runtime/spec.h"

/*
 * The container's own cgroup in every hierarchy that the host has (v2, v1 or both). Nothing outside of it is changed but `cgroup.subtree_control` on the way to it.
 * Code: CGROUP_FAILED, FEATURE_MISSING for a limit whose controller is not there.
 */
struct cgroup;

typedef void cgroup_warn(void *context, const char *text);

struct cgroup_request {
    enum cgroup_driver driver;
    const char *path; /* relative to the caller's own cgroup or absolute in the hierarchy; NULL: tsbuild/<id>. systemd driver: "slice:prefix:name" */
    const char *id;
    const struct spec_resources *resources;
    const struct spec_pairs *annotations; /* "org.systemd.property.*", for the systemd driver */
    bool occupied; /* take it with the processes that are in it, else that is an error */
    bool whole;    /* in every hierarchy, for other programs that look there; else in v2 and those of v1 whose limits `resources` sets */
};
/* One that is there already is taken, and stays when the container goes, unless its name is the container's id: then an earlier run left it. */
int cgroup_create(const struct cgroup_request *request, struct cgroup **out, struct rt_error *err);
/*
 * As if it had been made `whole`, later: the directories, and then all of its processes in them. Moving a process between cgroups of v1 stops the machine's forks for tens of
 * milliseconds, which a container that ends soon, or has a start that somebody waits for, need not pay.
 */
int cgroup_widen(struct cgroup *cgroup, const char *path, const char *id, struct rt_error *err);
int cgroup_join_all(const struct cgroup *cgroup, struct rt_error *err);
/* One that exists, by the paths that cgroup_paths gave. */
int cgroup_open(const json_t *paths, struct cgroup **out, struct rt_error *err);
/* Those in which process `pid` is, made by somebody else. They are watched and frozen, not removed. */
int cgroup_adopt(pid_t pid, struct cgroup **out, struct rt_error *err);
json_t *cgroup_paths(const struct cgroup *cgroup);
void cgroup_free(struct cgroup *cgroup);

/* As cgroup_apply, for a container that has limits: systemd is told as well. */
int cgroup_update(const struct cgroup *cgroup, const struct spec_resources *resources, cgroup_warn *warn, void *context, struct rt_error *err);
/* Applies the limits that are set; `resources` NULL: only the default device rules. */
int cgroup_apply(const struct cgroup *cgroup, const struct spec_resources *resources, cgroup_warn *warn, void *context, struct rt_error *err);

/*
 * Directory of the v2 cgroup for CLONE_INTO_CGROUP, -1 without v2. A process is to be born there: moving one, even to where it is, waits until all CPUs have seen that nobody may fork
 * meanwhile (cgroup_threadgroup_rwsem, an RCU grace period), 5 to 15 ms.
 */
int cgroup_v2_directory(const struct cgroup *cgroup);
/* Moves the first process into them. `born`: it is in that of v2 already. */
int cgroup_join(struct cgroup *cgroup, pid_t pid, bool born, struct rt_error *err);
/*
 * As cgroup_join for a further process of a running container. A container that has made cgroups of its own below (v2 has no processes in inner ones) is joined where its first process is.
 * `subs`: cgroups below the container's own, "PATH" for every hierarchy or "CONTROLLER[,CONTROLLER…]:PATH" for those of v1.
 * `born`: it is in that of v2 already.
 */
int cgroup_join_running(const struct cgroup *cgroup, const struct spec_strings *subs, pid_t pid, pid_t init, bool born, struct rt_error *err);
/* False where its caller had no right to make one anywhere. */
bool cgroup_exists(const struct cgroup *cgroup);
int cgroup_kill(const struct cgroup *cgroup, int signal, struct rt_error *err);
int cgroup_freeze(const struct cgroup *cgroup, bool freeze, struct rt_error *err);
bool cgroup_frozen(const struct cgroup *cgroup);
/* Lets a process that was killed die: v1 delivers no signal to what is frozen, here or in a freezer that it was moved to. */
void cgroup_release(const struct cgroup *cgroup, pid_t pid);
/* Processes in it and below; fresh memory. */
int cgroup_processes(const struct cgroup *cgroup, pid_t **pids, size_t *count, struct rt_error *err);
/* What can be told is filled in, the rest stays. */
void cgroup_usage(const struct cgroup *cgroup, uint64_t *cpu_us, uint64_t *memory_peak, bool *oom_killed);
/* Removes the directories that are the container's, with retries while the kernel still counts processes that have ended. */
int cgroup_remove(const struct cgroup *cgroup, struct rt_error *err);
