#include "runtime/memory_policy.h"

#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/number_list.h"
#include "runtime/spec_read.h"

/* Linux 6.9, and 5.12 for the flag: newer than the headers of the oldest distribution that the core is built on. */
enum { WEIGHTED_INTERLEAVE = 6, NUMA_BALANCING = 1 << 13 };

static const struct {
    const char *name;
    int value;
} MODES[] = {{"MPOL_DEFAULT", MPOL_DEFAULT}, {"MPOL_PREFERRED", MPOL_PREFERRED}, {"MPOL_BIND", MPOL_BIND}, {"MPOL_INTERLEAVE", MPOL_INTERLEAVE}, {"MPOL_LOCAL", MPOL_LOCAL},
             {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY}, {"MPOL_WEIGHTED_INTERLEAVE", WEIGHTED_INTERLEAVE}},
  FLAGS[] = {{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES}, {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES}, {"MPOL_F_NUMA_BALANCING", NUMA_BALANCING}};

int memory_policy_read(struct spec *spec, const json_t *section, struct rt_error *err)
{
    json_t *object = NULL;
    const char *mode, *nodes = "";
    struct spec_strings flags;
    if (json_opt_obj(section, "memoryPolicy", &object, err)) return -1;
    if (!object) return 0;
    struct spec_memory_policy *policy = arena_alloc(&spec->arena, sizeof *policy, err);
    if (!policy || json_req_str(object, "mode", &mode, err) || json_opt_str(object, "nodes", &nodes, err) || read_strings(spec, object, "flags", &flags, err)) return rt_wrap(err, "memoryPolicy");
    policy->mode = -1;
    for (size_t i = 0; i < ARRAY_LEN(MODES); i++)
        if (strcmp(MODES[i].name, mode) == 0) policy->mode = MODES[i].value;
    if (policy->mode < 0) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "memoryPolicy: mode '%s' is not known", mode);
    for (size_t i = 0; i < flags.count; i++) {
        int flag = 0;
        for (size_t k = 0; k < ARRAY_LEN(FLAGS); k++)
            if (strcmp(FLAGS[k].name, flags.items[i]) == 0) flag = FLAGS[k].value;
        if (!flag) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "memoryPolicy: flag '%s' is not known", flags.items[i]);
        policy->mode |= flag;
    }
    if (*nodes && !number_list_parse(nodes, policy->nodes, SPEC_NODES_MAX)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "memoryPolicy: nodes '%s' is not a list of memory nodes", nodes);
    policy->has_nodes = *nodes;
    spec->linux.memory_policy = policy;
    return 0;
}

int memory_policy_set(const struct spec_memory_policy *policy, struct rt_error *err)
{
    if (!policy) return 0;
    long result = syscall(SYS_set_mempolicy, policy->mode, policy->has_nodes ? policy->nodes : NULL, policy->has_nodes ? SPEC_NODES_MAX + 1 : 0);
    return result ? rt_fail(err, "NATIVE_FAILED", errno, "set_mempolicy", "cannot set the memory policy") : 0;
}
