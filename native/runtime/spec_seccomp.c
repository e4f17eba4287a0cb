#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "runtime/seccomp_names.h"
#include "runtime/spec_read.h"

static int read_action(const json_t *object, const char *key, const char *errno_key, uint32_t default_errno, uint32_t *out, struct rt_error *err)
{
    const char *name;
    uint32_t errno_ret = default_errno;
    if (json_req_str(object, key, &name, err) || read_u32(object, errno_key, &errno_ret, err)) return -1;
    const json_t *given = json_object_get(object, errno_key);
    bool errno_set = given && !json_is_null(given);
    const struct seccomp_name *action = seccomp_name_find(seccomp_actions, name);
    if (!action) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "action '%s' is not known", name);
    bool takes_errno = action->value == SCMP_ACT_ERRNO(0) || action->value == SCMP_ACT_TRACE(0);
    if (errno_set && errno_ret && !takes_errno) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "'%s' is only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE", errno_key);
    if (takes_errno && errno_ret > UINT16_MAX) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "'%s' %u is above 65535", errno_key, errno_ret);
    *out = action->value | (takes_errno ? errno_ret : 0);
    return 0;
}

static int read_arg(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    (void)spec;
    struct spec_seccomp_arg *arg = item;
    const char *op;
    if (read_req_u32(object, "index", &arg->index, err) || json_req_str(object, "op", &op, err) || read_u64(object, "value", &arg->value, err) ||
        read_u64(object, "valueTwo", &arg->value_two, err))
        return -1;
    if (arg->index > 5) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "index %u: a system call has six arguments", arg->index);
    const struct seccomp_name *operator= seccomp_name_find(seccomp_operators, op);
    if (!operator) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "operator '%s' is not known", op);
    arg->op = (int)operator->value;
    return 0;
}

static int read_rule(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    struct spec_seccomp_rule *rule = item;
    void *args = NULL;
    if (read_strings(spec, object, "names", &rule->names, err) || read_action(object, "action", "errnoRet", EPERM, &rule->action, err) ||
        read_items(spec, object, "args", sizeof *rule->args, read_arg, &args, &rule->arg_count, err))
        return -1;
    if (rule->names.count == 0) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "names must not be empty");
    rule->args = args;
    return 0;
}

static int read_architectures(struct spec *spec, const json_t *section, struct spec_seccomp *seccomp, struct rt_error *err)
{
    struct spec_strings names;
    if (read_strings(spec, section, "architectures", &names, err)) return -1;
    if (!(seccomp->architectures = arena_array(&spec->arena, names.count, sizeof *seccomp->architectures, err))) return -1;
    for (size_t i = 0; i < names.count; i++) {
        const struct seccomp_name *arch = seccomp_name_find(seccomp_architectures, names.items[i]);
        if (arch) seccomp->architectures[seccomp->architecture_count++] = arch->value;
        else return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "architecture '%s' is not known", names.items[i]);
    }
    return 0;
}

/* Without "flags" the filter goes without Spectre mitigations for what it allows, as runc and docker have it since Linux 4.17. */
static int read_flags(struct spec *spec, const json_t *section, struct spec_seccomp *seccomp, struct rt_error *err)
{
    struct spec_strings names;
    if (!json_object_get(section, "flags")) {
        seccomp->flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        return 0;
    }
    if (read_strings(spec, section, "flags", &names, err)) return -1;
    for (size_t i = 0; i < names.count; i++) {
        const struct seccomp_name *flag = seccomp_name_find(seccomp_flags, names.items[i]);
        if (!flag) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "flag '%s' is not known", names.items[i]);
        /* One thread: there is nobody to synchronise with. */
        if (flag->value != SECCOMP_FILTER_FLAG_TSYNC) seccomp->flags |= flag->value;
    }
    return 0;
}

int read_seccomp(struct spec *spec, const json_t *section, struct spec_seccomp **out, struct rt_error *err)
{
    struct spec_seccomp *seccomp = arena_alloc(&spec->arena, sizeof *seccomp, err);
    void *rules = NULL;
    if (!seccomp || read_action(section, "defaultAction", "defaultErrnoRet", EPERM, &seccomp->default_action, err) ||
        read_architectures(spec, section, seccomp, err) || read_flags(spec, section, seccomp, err) ||
        json_opt_str(section, "listenerPath", &seccomp->listener_path, err) || json_opt_str(section, "listenerMetadata", &seccomp->listener_metadata, err) ||
        read_items(spec, section, "syscalls", sizeof *seccomp->rules, read_rule, &rules, &seccomp->rule_count, err))
        return -1;
    if (seccomp->listener_metadata && !seccomp->listener_path) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "listenerMetadata needs listenerPath");
    seccomp->rules = rules;
    seccomp->source = section;
    const char *strict = spec_annotation(spec, "run.oci.seccomp_fail_unknown_syscall");
    seccomp->strict = strict && strcmp(strict, "0") != 0;
    if (seccomp->default_action == SCMP_ACT_NOTIFY) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "SCMP_ACT_NOTIFY cannot be the default action");
    for (size_t i = 0; i < seccomp->rule_count; i++) {
        if (seccomp->rules[i].action != SCMP_ACT_NOTIFY) continue;
        seccomp->notify = true;
        for (size_t k = 0; k < seccomp->rules[i].names.count; k++)
            /* The supervisor gets its descriptor by a write after the filter is on. */
            if (strcmp(seccomp->rules[i].names.items[k], "write") == 0) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
    }
    if (seccomp->notify && !seccomp->listener_path) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "SCMP_ACT_NOTIFY needs listenerPath");
    /* A supervisor that is named gets the listener, as crun has it, even when no rule asks it. */
    if (seccomp->listener_path) seccomp->notify = true;
    *out = seccomp;
    return 0;
}
