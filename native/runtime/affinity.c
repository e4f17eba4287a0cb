#include "runtime/affinity.h"

#include <sched.h>
#include <string.h>

#include "runtime/number_list.h"

enum { CPUS = 8192 };

void affinity_reset(void)
{
    unsigned long bits[CPUS / 8 / sizeof(unsigned long)];
    memset(bits, 0xff, sizeof bits);
    sched_setaffinity(0, sizeof bits, (const cpu_set_t *)(const void *)bits);
}

bool affinity_valid(const char *list)
{
    unsigned long bits[CPUS / 8 / sizeof(unsigned long)] = {0};
    return !list || !*list || number_list_parse(list, bits, CPUS);
}

int affinity_set(const char *list, struct rt_error *err)
{
    unsigned long bits[CPUS / 8 / sizeof(unsigned long)] = {0};
    if (!list || !*list) return 0;
    if (!number_list_parse(list, bits, CPUS)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "execCPUAffinity '%s' is not a list of CPUs", list);
    return sched_setaffinity(0, sizeof bits, (const cpu_set_t *)(const void *)bits) ? rt_fail(err, "NATIVE_FAILED", errno, "sched_setaffinity", "cannot run on the CPUs '%s'", list) : 0;
}
