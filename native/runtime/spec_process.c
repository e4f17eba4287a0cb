#include <errno.h>
#include <linux/sched.h>
#include <string.h>

#include "runtime/affinity.h"
#include "runtime/caps.h"
#include "runtime/spec_read.h"

static int invalid(struct rt_error *err, const char *what, const char *value)
{
    return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "%s '%s' is not known", what, value);
}

static int name_index(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (names[i] && strcmp(names[i], name) == 0) return (int)i;
    return -1;
}

static int read_rlimit(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    static const char *const NAMES[RLIM_NLIMITS] = {
        [RLIMIT_CPU] = "RLIMIT_CPU",       [RLIMIT_FSIZE] = "RLIMIT_FSIZE",           [RLIMIT_DATA] = "RLIMIT_DATA",         [RLIMIT_STACK] = "RLIMIT_STACK",
        [RLIMIT_CORE] = "RLIMIT_CORE",     [RLIMIT_RSS] = "RLIMIT_RSS",               [RLIMIT_NPROC] = "RLIMIT_NPROC",       [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
        [RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK", [RLIMIT_AS] = "RLIMIT_AS",               [RLIMIT_LOCKS] = "RLIMIT_LOCKS",       [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
        [RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE",         [RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",     [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
    };
    (void)spec;
    struct spec_rlimit *limit = item;
    const char *type;
    uint64_t soft = 0, hard = 0;
    if (json_req_str(object, "type", &type, err) || read_u64(object, "soft", &soft, err) || read_u64(object, "hard", &hard, err)) return -1;
    limit->resource = name_index(NAMES, RLIM_NLIMITS, type);
    if (limit->resource < 0) return invalid(err, "resource limit", type);
    if (soft > hard) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "%s: the soft limit %llu is above the hard limit %llu", type, (unsigned long long)soft, (unsigned long long)hard);
    limit->value = (struct rlimit){.rlim_cur = soft, .rlim_max = hard};
    return 0;
}

static int read_rlimits(struct spec *spec, const json_t *object, struct spec_process *process, struct rt_error *err)
{
    void *items = NULL;
    if (read_items(spec, object, "rlimits", sizeof *process->rlimits, read_rlimit, &items, &process->rlimit_count, err)) return -1;
    process->rlimits = items;
    for (size_t i = 0; i < process->rlimit_count; i++)
        for (size_t k = 0; k < i; k++)
            if (process->rlimits[i].resource == process->rlimits[k].resource)
                return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "rlimits[%zu]: the same limit is set by rlimits[%zu]", i, k);
    return 0;
}

/* runtime-spec, "Linux process": a name that the kernel does not have is a warning, not an error. */
static int read_capability_set(struct spec *spec, const json_t *object, const char *key, uint64_t *out, struct rt_error *err)
{
    struct spec_strings names;
    if (read_strings(spec, object, key, &names, err)) return -1;
    int last = caps_last();
    for (size_t i = 0; i < names.count; i++) {
        int number = caps_number(names.items[i]);
        if (number >= 0 && number <= last) *out |= 1ull << number;
        else if (spec_warn(spec, err, "capability '%s' is not known here and left out", names.items[i])) return -1;
    }
    return 0;
}

static int read_capabilities(struct spec *spec, const json_t *object, struct spec_process *process, struct rt_error *err)
{
    json_t *sets = NULL;
    if (json_opt_obj(object, "capabilities", &sets, err)) return -1;
    if (!sets) return 0;
    struct spec_capabilities *caps = arena_alloc(&spec->arena, sizeof *caps, err);
    if (!caps) return -1;
    process->capabilities = caps;
    return read_capability_set(spec, sets, "bounding", &caps->bounding, err) || read_capability_set(spec, sets, "effective", &caps->effective, err) ||
                   read_capability_set(spec, sets, "inheritable", &caps->inheritable, err) ||
                   read_capability_set(spec, sets, "permitted", &caps->permitted, err) || read_capability_set(spec, sets, "ambient", &caps->ambient, err)
               ? -1
               : 0;
}

static int read_user(struct spec *spec, const json_t *object, struct spec_user *user, struct rt_error *err)
{
    json_t *value = NULL, *groups = NULL;
    if (json_opt_obj(object, "user", &value, err)) return -1;
    if (!value) return 0;
    int64_t mask = -1;
    if (read_u32(value, "uid", &user->uid, err) || read_u32(value, "gid", &user->gid, err) || json_opt_i64(value, "umask", 0, 0777, &mask, err) ||
        json_opt_arr(value, "additionalGids", &groups, err))
        return -1;
    user->umask_set = mask >= 0;
    user->umask = mask >= 0 ? (mode_t)mask : 0022;
    user->group_count = json_array_size(groups);
    user->groups = arena_array(&spec->arena, user->group_count, sizeof *user->groups, err);
    if (!user->groups) return -1;
    for (size_t i = 0; i < user->group_count; i++) {
        int64_t gid;
        if (json_elem_i64(groups, i, "additionalGids", 0, UINT32_MAX, &gid, err)) return -1;
        user->groups[i] = (gid_t)gid;
    }
    return 0;
}

/* What the kernel would refuse with a bare EINVAL, in crun's words. */
static int check_deadline(const json_t *value, const struct spec_scheduler *s, struct rt_error *err)
{
    const unsigned long long LEAST = 1024, MOST = (1ull << 63) - 1, runtime = s->runtime, deadline = s->deadline, period = s->period;
    static const char *const NEEDED[] = {"runtime", "deadline"};
    for (size_t i = 0; i < ARRAY_LEN(NEEDED); i++)
        if (!json_object_get(value, NEEDED[i])) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "sched_setattr: `SCHED_DEADLINE` requires `%s`", NEEDED[i]);
    if (!runtime || !deadline) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "sched_setattr: `SCHED_DEADLINE` %s must be greater than 0", runtime ? "deadline" : "runtime");
    if (runtime > deadline) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "sched_setattr: `SCHED_DEADLINE` runtime (%llu) must be <= deadline (%llu)", runtime, deadline);
    if (period && deadline > period) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "sched_setattr: `SCHED_DEADLINE` deadline (%llu) must be <= period (%llu)", deadline, period);
    if (runtime < LEAST || deadline > MOST || period > MOST)
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "sched_setattr: `SCHED_DEADLINE` runtime (%llu) must be between %llu and %llu", runtime, LEAST, MOST);
    return 0;
}

static int read_scheduler(struct spec *spec, const json_t *object, struct spec_process *process, struct rt_error *err)
{
    static const char *const POLICIES[] = {"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"};
    static const char *const FLAGS[] = {"SCHED_FLAG_RESET_ON_FORK",  "SCHED_FLAG_RECLAIM",        "SCHED_FLAG_DL_OVERRUN",    "SCHED_FLAG_KEEP_POLICY",
                                        "SCHED_FLAG_KEEP_PARAMS",    "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"};
    json_t *value = NULL;
    if (json_opt_obj(object, "scheduler", &value, err)) return -1;
    if (!value) return 0;
    struct spec_scheduler *scheduler = arena_alloc(&spec->arena, sizeof *scheduler, err);
    const char *policy;
    struct spec_strings flags;
    int64_t nice = 0, priority = 0;
    if (!scheduler || json_req_str(value, "policy", &policy, err) || json_opt_i64(value, "nice", -20, 19, &nice, err) ||
        json_opt_i64(value, "priority", 0, 99, &priority, err) || read_strings(spec, value, "flags", &flags, err) ||
        read_u64(value, "runtime", &scheduler->runtime, err) || read_u64(value, "deadline", &scheduler->deadline, err) || read_u64(value, "period", &scheduler->period, err))
        return -1;
    int index = name_index(POLICIES, ARRAY_LEN(POLICIES), policy);
    if (index < 0) return invalid(err, "scheduler policy", policy);
    scheduler->policy = (uint32_t)index;
    scheduler->nice = (int32_t)nice;
    scheduler->priority = (int32_t)priority;
    for (size_t i = 0; i < flags.count; i++) {
        int flag = name_index(FLAGS, ARRAY_LEN(FLAGS), flags.items[i]);
        if (flag < 0) return invalid(err, "scheduler flag", flags.items[i]);
        scheduler->flags |= 1ull << flag;
    }
    if (scheduler->policy != SCHED_DEADLINE && (scheduler->runtime || scheduler->deadline || scheduler->period))
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "runtime, deadline and period belong to SCHED_DEADLINE, not to %s", policy);
    process->scheduler = scheduler;
    return scheduler->policy == SCHED_DEADLINE ? check_deadline(value, scheduler, err) : 0;
}

static int read_io_priority(const json_t *object, struct spec_process *process, struct rt_error *err)
{
    static const char *const CLASSES[] = {"IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"};
    json_t *value = NULL;
    if (json_opt_obj(object, "ioPriority", &value, err)) return -1;
    if (!value) return 0;
    const char *class;
    int64_t priority = 0;
    if (json_req_str(value, "class", &class, err) || json_opt_i64(value, "priority", 0, 7, &priority, err)) return -1;
    int index = name_index(CLASSES, ARRAY_LEN(CLASSES), class);
    if (index < 0) return invalid(err, "I/O priority class", class);
    process->io_priority = (struct opt_i64){.set = true, .value = (int64_t)index << 13 | priority};
    return 0;
}

static int read_console_size(const json_t *object, struct spec_process *process, struct rt_error *err)
{
    json_t *value = NULL;
    int64_t rows = 0, columns = 0;
    if (json_opt_obj(object, "consoleSize", &value, err)) return -1;
    if (!value) return 0;
    if (json_opt_i64(value, "height", 0, UINT16_MAX, &rows, err) || json_opt_i64(value, "width", 0, UINT16_MAX, &columns, err)) return -1;
    process->rows = (uint16_t)rows;
    process->columns = (uint16_t)columns;
    return 0;
}

static int read_process(struct spec *spec, json_t *object, struct spec_process *process, struct rt_error *err)
{
    json_t *affinity = NULL;
    if (json_req_str(object, "cwd", &process->cwd, err) || json_opt_bool(object, "terminal", &process->terminal, err) || read_console_size(object, process, err) ||
        read_byte_strings(spec, object, "args", &process->args, err) || read_byte_strings(spec, object, "env", &process->env, err) ||
        read_user(spec, object, &process->user, err) || read_rlimits(spec, object, process, err) || read_capabilities(spec, object, process, err) ||
        json_opt_bool(object, "noNewPrivileges", &process->no_new_privs, err) || read_opt_i64(object, "oomScoreAdj", &process->oom_score_adj, err) ||
        read_scheduler(spec, object, process, err) || read_io_priority(object, process, err) ||
        json_opt_str(object, "apparmorProfile", &process->apparmor_profile, err) || json_opt_str(object, "selinuxLabel", &process->selinux_label, err) ||
        json_opt_obj(object, "execCPUAffinity", &affinity, err))
        return -1;
    if (affinity && (json_opt_str(affinity, "initial", &process->cpu_affinity_initial, err) || json_opt_str(affinity, "final", &process->cpu_affinity_final, err))) return -1;
    if (!affinity_valid(process->cpu_affinity_initial) || !affinity_valid(process->cpu_affinity_final)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "execCPUAffinity is not a list of CPUs");
    if (process->cwd[0] != '/') return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "cwd '%s' is not an absolute path", process->cwd);
    if (process->args.count == 0) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "args must not be empty");
    if (process->oom_score_adj.set && (process->oom_score_adj.value < -1000 || process->oom_score_adj.value > 1000))
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "oomScoreAdj %lld is outside of -1000 to 1000", (long long)process->oom_score_adj.value);
    return 0;
}

struct spec_process *spec_process_parse(struct spec *spec, json_t *object, struct rt_error *err)
{
    struct spec_process *process = arena_alloc(&spec->arena, sizeof *process, err);
    if (!process) return NULL;
    process->user.umask = 0022;
    if (read_process(spec, object, process, err)) return rt_wrap(err, "process"), NULL;
    return process;
}

static json_t *strings_json(const struct spec_strings *strings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < strings->count; i++) json_array_append_new(list, json_from_path(strings->items[i]));
    return list;
}

static json_t *capability_names(uint64_t set)
{
    json_t *list = json_array();
    for (int number = 0; caps_name(number); number++)
        if (set >> number & 1) json_array_append_new(list, json_sprintf("CAP_%s", caps_name(number)));
    return list;
}

json_t *spec_process_json(const struct spec_process *process)
{
    const struct spec_user *user = &process->user;
    json_t *groups = json_array();
    for (size_t i = 0; i < user->group_count; i++) json_array_append_new(groups, json_integer(user->groups[i]));
    json_t *object = json_pack("{s:b, s:s, s:o, s:o, s:b, s:{s:I, s:I, s:i, s:o}}", "terminal", process->terminal, "cwd", process->cwd, "args", strings_json(&process->args), "env", strings_json(&process->env),
                               "noNewPrivileges", process->no_new_privs, "user", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid, "umask", (int)user->umask, "additionalGids", groups);
    const struct spec_capabilities *caps = process->capabilities;
    if (object && caps)
        json_object_set_new(object, "capabilities",
                            json_pack("{s:o, s:o, s:o, s:o, s:o}", "bounding", capability_names(caps->bounding), "effective", capability_names(caps->effective), "permitted", capability_names(caps->permitted),
                                      "inheritable", capability_names(caps->inheritable), "ambient", capability_names(caps->ambient)));
    if (object && process->apparmor_profile) json_object_set_new(object, "apparmorProfile", json_string(process->apparmor_profile));
    if (object && process->selinux_label) json_object_set_new(object, "selinuxLabel", json_string(process->selinux_label));
    return object;
}
