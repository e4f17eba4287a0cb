#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cgroup_file.h"
#include "runtime/cgroup_internal.h"

struct v2 {
    const struct cgroup_limits *limits;
    int fd;
    char controllers[512];
};

/* Whether a limit is to be set here. One whose controller neither v2 nor v1 has cannot be held, and that is an error. */
static int wanted(const struct v2 *v2, const char *controller, const char *v1_name, struct rt_error *err)
{
    const struct cgroup_place *v1 = cgroup_place_v1(v2->limits->cgroup, v1_name);
    if (cgroup_controller_in(v2->controllers, controller)) return 1;
    if (v1 && v1->fd >= 0) return 0;
    return rt_fail(err, "FEATURE_MISSING", 0, NULL, "the cgroup controller '%s' is not available: its limits cannot be applied", controller);
}

/* "max" for what v1 writes as -1. */
static int set_or_max(int fd, const char *file, int64_t value, struct rt_error *err)
{
    return value < 0 ? cgroup_write(fd, file, "max", err) : cgroup_printf(fd, file, err, "%lld", (long long)value);
}

/* The specification's swap is memory + swap, that of v2 is swap alone. */
static int swap_limit(const struct spec_resources *r, int64_t *out, struct rt_error *err)
{
    int64_t limit = r->memory.limit.set ? r->memory.limit.value : 0, swap = r->memory.swap.value;
    if (swap < 0) {
        *out = -1;
        return 0;
    }
    if (!r->memory.limit.set || limit <= 0) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "unable to set swap limit without memory limit");
    if (swap < limit) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "memory+swap limit %lld is below the memory limit %lld", (long long)swap, (long long)limit);
    *out = swap - limit;
    return 0;
}

static int apply_memory(const struct v2 *v2, struct rt_error *err)
{
    const struct spec_resources *r = v2->limits->resources;
    bool limit = r->memory.limit.set && r->memory.limit.value, swap = r->memory.swap.set && r->memory.swap.value, low = r->memory.reservation.set && r->memory.reservation.value;
    if (!limit && !swap && !low) return 0;
    int here = wanted(v2, "memory", "memory", err);
    if (here <= 0) return here;
    uint64_t usage;
    if (r->memory.check_before_update && limit && r->memory.limit.value > 0 && cgroup_read_number(v2->fd, "memory.current", &usage) && usage > (uint64_t)r->memory.limit.value)
        return rt_fail(err, "CGROUP_FAILED", EBUSY, NULL, "memory in use (%llu) is above the wanted limit (%lld)", (unsigned long long)usage, (long long)r->memory.limit.value);
    if (swap) {
        int64_t value;
        if (swap_limit(r, &value, err)) return -1;
        /* A kernel without swap accounting has nothing to limit. */
        if (cgroup_has(v2->fd, "memory.swap.max") && set_or_max(v2->fd, "memory.swap.max", value, err)) return -1;
    }
    if (limit && set_or_max(v2->fd, "memory.max", r->memory.limit.value, err)) return -1;
    return low ? set_or_max(v2->fd, "memory.low", r->memory.reservation.value, err) : 0;
}

/*
 * 2 … 262144 shares to a weight of 1 … 10000 so that the default 1024 becomes the default 100: the curve that the other runtimes have agreed upon
 * (opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value).
 */
uint64_t cgroup_cpu_weight(uint64_t shares)
{
    if (shares <= 2) return 1;
    if (shares >= 262144) return 10000;
    double l = log2((double)shares);
    return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

uint64_t cgroup_io_weight(uint64_t weight)
{
    return 1 + (weight < 10 ? 0 : weight - 10) * 9999 / 990;
}

/* "quota period": of the two, what is not given stays. */
static int set_cpu_max(int fd, const struct spec_resources *r, struct rt_error *err)
{
    auto_buf struct buf now = {0};
    char quota[32] = "max", period[32] = "100000";
    if (cgroup_read(fd, "cpu.max", &now)) sscanf(now.data, "%31s %31s", quota, period);
    if (r->cpu.quota.value > 0) snprintf(quota, sizeof quota, "%lld", (long long)r->cpu.quota.value);
    if (r->cpu.quota.value < 0) strcpy(quota, "max");
    if (r->cpu.period.value) snprintf(period, sizeof period, "%llu", (unsigned long long)r->cpu.period.value);
    return cgroup_printf(fd, "cpu.max", err, "%s %s", quota, period);
}

static int apply_cpu(const struct v2 *v2, struct rt_error *err)
{
    const struct spec_resources *r = v2->limits->resources;
    bool shares = r->cpu.shares.set && r->cpu.shares.value, quota = r->cpu.quota.set && r->cpu.quota.value, period = r->cpu.period.set && r->cpu.period.value;
    if (shares || quota || period || r->cpu.burst.set || r->cpu.idle.set) {
        int here = wanted(v2, "cpu", "cpu", err);
        if (here < 0) return -1;
        if (here) {
            if (r->cpu.idle.set && cgroup_printf(v2->fd, "cpu.idle", err, "%lld", (long long)r->cpu.idle.value)) return -1;
            if (shares && !(r->cpu.idle.set && r->cpu.idle.value) && cgroup_printf(v2->fd, "cpu.weight", err, "%llu", (unsigned long long)cgroup_cpu_weight(r->cpu.shares.value))) return -1;
            if ((quota || period) && set_cpu_max(v2->fd, r, err)) return -1;
            if (r->cpu.burst.set && cgroup_printf(v2->fd, "cpu.max.burst", err, "%llu", (unsigned long long)r->cpu.burst.value)) return -1;
        }
    }
    bool cpus = r->cpu.cpus && *r->cpu.cpus, mems = r->cpu.mems && *r->cpu.mems;
    if (!cpus && !mems) return 0;
    int here = wanted(v2, "cpuset", "cpuset", err);
    if (here <= 0) return here;
    if (cpus && cgroup_write(v2->fd, "cpuset.cpus", r->cpu.cpus, err)) return -1;
    return mems ? cgroup_write(v2->fd, "cpuset.mems", r->cpu.mems, err) : 0;
}

static int apply_rates(int fd, const char *key, const struct spec_device_rates *rates, struct rt_error *err)
{
    for (size_t i = 0; i < rates->count; i++)
        if (cgroup_printf(fd, "io.max", err, "%u:%u %s=%llu", rates->items[i].major, rates->items[i].minor, key, (unsigned long long)rates->items[i].rate)) return -1;
    return 0;
}

static int apply_io(const struct v2 *v2, struct rt_error *err)
{
    const struct spec_resources *r = v2->limits->resources;
    bool rates = r->block_io.read_bps.count || r->block_io.write_bps.count || r->block_io.read_iops.count || r->block_io.write_iops.count;
    if (!r->block_io.weight.value && !r->block_io.weight_count && !rates) return 0;
    int here = wanted(v2, "io", "blkio", err);
    if (here <= 0) return here;
    if (r->block_io.weight.value) {
        uint64_t weight = r->block_io.weight.value; /* 10 … 1000 */
        if (cgroup_has(v2->fd, "io.bfq.weight")) {
            if (cgroup_printf(v2->fd, "io.bfq.weight", err, "%llu", (unsigned long long)weight)) return -1;
        } else if (cgroup_printf(v2->fd, "io.weight", err, "default %llu", (unsigned long long)cgroup_io_weight(weight)))
            return -1;
    }
    for (size_t i = 0; i < r->block_io.weight_count; i++) {
        const struct spec_device_weight *d = &r->block_io.weights[i];
        const char *file = cgroup_has(v2->fd, "io.bfq.weight") ? "io.bfq.weight" : "io.weight";
        if (d->weight.set && cgroup_printf(v2->fd, file, err, "%u:%u %llu", d->major, d->minor, (unsigned long long)d->weight.value)) return -1;
    }
    return apply_rates(v2->fd, "rbps", &r->block_io.read_bps, err) || apply_rates(v2->fd, "wbps", &r->block_io.write_bps, err) ||
                   apply_rates(v2->fd, "riops", &r->block_io.read_iops, err) || apply_rates(v2->fd, "wiops", &r->block_io.write_iops, err)
               ? -1
               : 0;
}

static int apply_small(const struct v2 *v2, struct rt_error *err)
{
    const struct spec_resources *r = v2->limits->resources;
    int here;
    if (r->pids.set && r->pids.value) {
        if ((here = wanted(v2, "pids", "pids", err)) < 0 || (here && set_or_max(v2->fd, "pids.max", r->pids.value, err))) return -1;
    }
    for (size_t i = 0; i < r->huge_page_count; i++) {
        char file[64];
        if ((here = wanted(v2, "hugetlb", "hugetlb", err)) < 0) return -1;
        if (!here) break;
        snprintf(file, sizeof file, "hugetlb.%.20s.max", r->huge_pages[i].page_size);
        if (cgroup_printf(v2->fd, file, err, "%llu", (unsigned long long)r->huge_pages[i].limit)) return -1;
        snprintf(file, sizeof file, "hugetlb.%.20s.rsvd.max", r->huge_pages[i].page_size);
        if (cgroup_has(v2->fd, file) && cgroup_printf(v2->fd, file, err, "%llu", (unsigned long long)r->huge_pages[i].limit)) return -1;
    }
    for (size_t i = 0; i < r->rdma_count; i++) {
        const struct spec_rdma *d = &r->rdma[i];
        if ((here = wanted(v2, "rdma", "rdma", err)) < 0) return -1;
        if (here && d->handles.set && cgroup_printf(v2->fd, "rdma.max", err, "%s hca_handle=%llu", d->device, (unsigned long long)d->handles.value)) return -1;
        if (here && d->objects.set && cgroup_printf(v2->fd, "rdma.max", err, "%s hca_object=%llu", d->device, (unsigned long long)d->objects.value)) return -1;
    }
    return 0;
}

/* Each line of a value is one write, as io.max and the like take it. */
/* "memory.high" is of the controller "memory"; what begins with "cgroup" every directory has. */
static int check_controller(const struct v2 *v2, const char *file, struct rt_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(file, "."), file);
    if (strcmp(name, "cgroup") == 0 || cgroup_controller_in(v2->controllers, name)) return 0;
    return rt_fail(err, "FEATURE_MISSING", 0, NULL, "unified: '%s': the requested cgroup controller `%s` is not available", file, name);
}

static int apply_unified(const struct v2 *v2, struct rt_error *err)
{
    const struct spec_pairs *unified = &v2->limits->resources->unified;
    for (size_t i = 0; i < unified->count; i++) {
        if (check_controller(v2, unified->items[i].key, err)) return -1;
        auto_free char *value = rt_strdup(unified->items[i].value, err);
        if (!value) return -1;
        char *rest = value;
        for (char *line; (line = strsep(&rest, "\n"));)
            if (cgroup_write(v2->fd, unified->items[i].key, line, err)) return -1;
    }
    return 0;
}

int cgroup_v2_apply(const struct cgroup_limits *limits, struct rt_error *err)
{
    const struct cgroup_place *place = cgroup_place_v2(limits->cgroup);
    auto_buf struct buf names = {0};
    struct v2 v2 = {.limits = limits, .fd = place ? place->fd : -1};
    if (place && place->fd >= 0 && cgroup_read(place->fd, "cgroup.controllers", &names)) {
        names.data[strcspn(names.data, "\n")] = 0;
        for (char *c = names.data; *c; c++)
            if (*c == ' ') *c = ',';
        snprintf(v2.controllers, sizeof v2.controllers, "%s", names.data);
    }
    if (apply_memory(&v2, err) || apply_cpu(&v2, err) || apply_io(&v2, err) || apply_small(&v2, err)) return -1;
    if (limits->resources->unified.count && v2.fd < 0) return rt_fail(err, "FEATURE_MISSING", 0, NULL, "invalid configuration: 'unified' needs cgroup v2");
    return apply_unified(&v2, err);
}
