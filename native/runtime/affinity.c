#include "runtime/affinity.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum { CPUS = 8192 };

/* "5" or "0-3" */
static bool add_range(const char *text, cpu_set_t *set, size_t size)
{
    char from[16];
    uint64_t first, last;
    size_t length = strcspn(text, "-");
    if (length >= sizeof from) return false;
    memcpy(from, text, length);
    from[length] = 0;
    if (!parse_u64(from, CPUS - 1, &first)) return false;
    if (!text[length]) last = first;
    else if (!parse_u64(text + length + 1, CPUS - 1, &last) || last < first)
        return false;
    for (uint64_t cpu = first; cpu <= last; cpu++) CPU_SET_S(cpu, size, set);
    return true;
}

int affinity_set(const char *list, struct rt_error *err)
{
    if (!list || !*list) return 0;
    size_t size = CPU_ALLOC_SIZE(CPUS);
    auto_free cpu_set_t *set = calloc(1, size);
    auto_free char *copy = rt_strdup(list, err);
    if (!set || !copy) return rt_nomem(err);
    char *rest = copy;
    for (char *range; (range = strsep(&rest, ","));) {
        range += strspn(range, " ");
        range[strcspn(range, " ")] = 0;
        if (!add_range(range, set, size)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "execCPUAffinity '%s' is not a list of CPUs", list);
    }
    return sched_setaffinity(0, size, set) ? rt_fail(err, "NATIVE_FAILED", errno, "sched_setaffinity", "cannot run on the CPUs '%s'", list) : 0;
}
