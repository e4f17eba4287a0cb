#include "runtime/affinity.h"

#include <sched.h>

#include "runtime/number_list.h"

int affinity_set(const char *list, struct rt_error *err)
{
    enum { CPUS = 8192 };
    unsigned long bits[CPUS / 8 / sizeof(unsigned long)] = {0};
    if (!list || !*list) return 0;
    if (!number_list_parse(list, bits, CPUS)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "execCPUAffinity '%s' is not a list of CPUs", list);
    return sched_setaffinity(0, sizeof bits, (const cpu_set_t *)(const void *)bits) ? rt_fail(err, "NATIVE_FAILED", errno, "sched_setaffinity", "cannot run on the CPUs '%s'", list) : 0;
}
