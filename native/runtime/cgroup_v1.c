#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "runtime/cgroup_file.h"
#include "runtime/cgroup_internal.h"

/* The directory of a controller; where it has none the limit is told to be missing, or left to v2. */
static int directory(const struct cgroup_limits *limits, const char *controller)
{
    const struct cgroup_place *place = cgroup_place_v1(limits->cgroup, controller);
    return place ? place->fd : -1;
}

static int set_i64(int fd, const char *file, const struct opt_i64 *value, struct rt_error *err)
{
    return value->set ? cgroup_printf(fd, file, err, "%lld", (long long)value->value) : 0;
}

static int set_u64(int fd, const char *file, const struct opt_u64 *value, struct rt_error *err)
{
    return value->set ? cgroup_printf(fd, file, err, "%llu", (unsigned long long)value->value) : 0;
}

/* The kernel keeps memory <= memory + swap at every moment: what grows goes first. */
static int set_memory_and_swap(int fd, const struct spec_resources *resources, struct rt_error *err)
{
    const char *const LIMIT = "memory.limit_in_bytes", *const SWAP = "memory.memsw.limit_in_bytes";
    struct opt_i64 limit = resources->memory.limit, swap = resources->memory.swap;
    struct rt_error ignored;
    if (limit.set && limit.value == 0) limit.set = false;
    if (swap.set && swap.value == 0) swap.set = false;
    bool has_swap = cgroup_has(fd, SWAP);
    /* Without swap accounting a limit equal to the memory says nothing, and others cannot be held. */
    if (swap.set && !has_swap) {
        swap.set = false;
    }
    uint64_t now = 0;
    bool swap_first = limit.set && swap.set && (swap.value < 0 || (cgroup_read_number(fd, SWAP, &now) && (uint64_t)swap.value > now));
    if (limit.set && limit.value < 0 && !swap.set && has_swap) cgroup_write(fd, SWAP, "-1", &ignored);
    if (swap_first && set_i64(fd, SWAP, &swap, err)) return -1;
    if (set_i64(fd, LIMIT, &limit, err)) {
        uint64_t usage;
        if (err->saved_errno == EBUSY && cgroup_read_number(fd, "memory.usage_in_bytes", &usage)) rt_wrap(err, "unable to set memory limit to %lld (current usage: %llu)", (long long)limit.value, (unsigned long long)usage);
        return -1;
    }
    return swap_first ? 0 : set_i64(fd, SWAP, &swap, err);
}

static int apply_memory(const struct cgroup_limits *limits, struct rt_error *err)
{
    const struct spec_resources *r = limits->resources;
    int fd = directory(limits, "memory");
    if (fd < 0) return 0;
    uint64_t usage;
    if (r->memory.check_before_update && r->memory.limit.set && r->memory.limit.value > 0 && cgroup_read_number(fd, "memory.usage_in_bytes", &usage) && usage > (uint64_t)r->memory.limit.value)
        return rt_fail(err, "CGROUP_FAILED", EBUSY, NULL, "memory in use (%llu) is above the wanted limit (%lld)", (unsigned long long)usage, (long long)r->memory.limit.value);
    if (set_memory_and_swap(fd, r, err) || set_i64(fd, "memory.soft_limit_in_bytes", &r->memory.reservation, err)) return -1;
    if (r->memory.kernel_tcp.set && cgroup_has(fd, "memory.kmem.tcp.limit_in_bytes") && set_i64(fd, "memory.kmem.tcp.limit_in_bytes", &r->memory.kernel_tcp, err)) return -1;
    if (set_u64(fd, "memory.swappiness", &r->memory.swappiness, err)) return -1;
    return r->memory.oom_disable_set ? cgroup_write(fd, "memory.oom_control", r->memory.oom_disable ? "1" : "0", err) : 0;
}

/* A cgroup gets real time only out of what its parent has left: a share of each period. Those that were made for it get as much more first. */
static int set_realtime(int fd, int64_t runtime, struct rt_error *err)
{
    uint64_t period, parent_period, parent_runtime;
    if (cgroup_printf(fd, "cpu.rt_runtime_us", err, "%lld", (long long)runtime) == 0) return 0;
    auto_close int parent = err->saved_errno == EINVAL && runtime > 0 ? openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (parent < 0 || !cgroup_read_number(fd, "cpu.rt_period_us", &period) || !cgroup_read_number(parent, "cpu.rt_period_us", &parent_period) ||
        !cgroup_read_number(parent, "cpu.rt_runtime_us", &parent_runtime) || period == 0)
        return -1;
    struct rt_error ignored;
    uint64_t more = parent_runtime + (uint64_t)runtime * parent_period / period;
    if (more > parent_period || set_realtime(parent, (int64_t)more, &ignored)) return -1;
    return cgroup_printf(fd, "cpu.rt_runtime_us", err, "%lld", (long long)runtime);
}

/* A quota may exceed what the parent's period allows until the period itself is set, and the other way round. */
static int apply_cpu(const struct cgroup_limits *limits, struct rt_error *err)
{
    const struct spec_resources *r = limits->resources;
    struct rt_error ignored;
    int fd = directory(limits, "cpu");
    if (fd < 0) return 0;
    struct opt_u64 shares = r->cpu.shares, period = r->cpu.period;
    if (shares.value == 0) shares.set = false;
    if (period.value == 0) period.set = false;
    if (set_u64(fd, "cpu.shares", &shares, err)) return -1;
    bool period_later = period.set && set_u64(fd, "cpu.cfs_period_us", &period, &ignored);
    if (r->cpu.quota.set && r->cpu.quota.value != 0 && set_i64(fd, "cpu.cfs_quota_us", &r->cpu.quota, err)) return -1;
    if (period_later && set_u64(fd, "cpu.cfs_period_us", &period, err)) return -1;
    if (r->cpu.burst.set && cgroup_has(fd, "cpu.cfs_burst_us") && set_u64(fd, "cpu.cfs_burst_us", &r->cpu.burst, err)) return -1;
    if (r->cpu.rt_period.value && set_u64(fd, "cpu.rt_period_us", &r->cpu.rt_period, err)) return -1;
    if (r->cpu.rt_runtime.value && set_realtime(fd, r->cpu.rt_runtime.value, err)) return -1;
    return set_i64(fd, "cpu.idle", &r->cpu.idle, err);
}

static int apply_cpuset(const struct cgroup_limits *limits, struct rt_error *err)
{
    const struct spec_resources *r = limits->resources;
    int fd = directory(limits, "cpuset");
    if (fd < 0) return 0;
    if (r->cpu.cpus && *r->cpu.cpus && cgroup_write(fd, "cpuset.cpus", r->cpu.cpus, err)) return -1;
    return r->cpu.mems && *r->cpu.mems ? cgroup_write(fd, "cpuset.mems", r->cpu.mems, err) : 0;
}

static int apply_rates(int fd, const char *file, const struct spec_device_rates *rates, struct rt_error *err)
{
    for (size_t i = 0; i < rates->count; i++)
        if (cgroup_printf(fd, file, err, "%u:%u %llu", rates->items[i].major, rates->items[i].minor, (unsigned long long)rates->items[i].rate)) return -1;
    return 0;
}

/* With the BFQ scheduler the weight has a file of its own; without any scheduler that weighs there is none. */
static int apply_block_io(const struct cgroup_limits *limits, struct rt_error *err)
{
    const struct spec_resources *r = limits->resources;
    int fd = directory(limits, "blkio");
    if (fd < 0) return 0;
    const char *weight = cgroup_has(fd, "blkio.bfq.weight") ? "blkio.bfq.weight" : "blkio.weight";
    if (r->block_io.weight.value && (cgroup_has(fd, weight) ? set_u64(fd, weight, &r->block_io.weight, err) : 0)) return -1;
    if (r->block_io.weight.value && !cgroup_has(fd, weight) && limits->warn) limits->warn(limits->context, "the kernel has no I/O scheduler that weighs cgroups: the block I/O weight is not applied");
    if (r->block_io.leaf_weight.value && cgroup_has(fd, "blkio.leaf_weight") && set_u64(fd, "blkio.leaf_weight", &r->block_io.leaf_weight, err)) return -1;
    for (size_t i = 0; i < r->block_io.weight_count; i++) {
        const struct spec_device_weight *device = &r->block_io.weights[i];
        if (device->weight.set && cgroup_printf(fd, cgroup_has(fd, "blkio.bfq.weight_device") ? "blkio.bfq.weight_device" : "blkio.weight_device", err, "%u:%u %llu", device->major, device->minor, (unsigned long long)device->weight.value)) return -1;
        if (device->leaf_weight.set && cgroup_printf(fd, "blkio.leaf_weight_device", err, "%u:%u %llu", device->major, device->minor, (unsigned long long)device->leaf_weight.value)) return -1;
    }
    return apply_rates(fd, "blkio.throttle.read_bps_device", &r->block_io.read_bps, err) || apply_rates(fd, "blkio.throttle.write_bps_device", &r->block_io.write_bps, err) ||
                   apply_rates(fd, "blkio.throttle.read_iops_device", &r->block_io.read_iops, err) || apply_rates(fd, "blkio.throttle.write_iops_device", &r->block_io.write_iops, err)
               ? -1
               : 0;
}

static int apply_small(const struct cgroup_limits *limits, struct rt_error *err)
{
    const struct spec_resources *r = limits->resources;
    int pids = directory(limits, "pids"), huge = directory(limits, "hugetlb"), class = directory(limits, "net_cls"), priority = directory(limits, "net_prio"), rdma = directory(limits, "rdma");
    if (pids >= 0 && r->pids.set && r->pids.value != 0) {
        if (r->pids.value < 0 ? cgroup_write(pids, "pids.max", "max", err) : set_i64(pids, "pids.max", &r->pids, err)) return -1;
    }
    for (size_t i = 0; huge >= 0 && i < r->huge_page_count; i++) {
        char file[64];
        snprintf(file, sizeof file, "hugetlb.%.20s.limit_in_bytes", r->huge_pages[i].page_size);
        if (cgroup_printf(huge, file, err, "%llu", (unsigned long long)r->huge_pages[i].limit)) return -1;
        snprintf(file, sizeof file, "hugetlb.%.20s.rsvd.limit_in_bytes", r->huge_pages[i].page_size);
        if (cgroup_has(huge, file) && cgroup_printf(huge, file, err, "%llu", (unsigned long long)r->huge_pages[i].limit)) return -1;
    }
    if (class >= 0 && r->network_class.set && set_u64(class, "net_cls.classid", &r->network_class, err)) return -1;
    for (size_t i = 0; priority >= 0 && i < r->network_priorities.count; i++)
        if (cgroup_printf(priority, "net_prio.ifpriomap", err, "%s %s", r->network_priorities.items[i].key, r->network_priorities.items[i].value)) return -1;
    for (size_t i = 0; rdma >= 0 && i < r->rdma_count; i++) {
        const struct spec_rdma *d = &r->rdma[i];
        if (d->handles.set && cgroup_printf(rdma, "rdma.max", err, "%s hca_handle=%llu", d->device, (unsigned long long)d->handles.value)) return -1;
        if (d->objects.set && cgroup_printf(rdma, "rdma.max", err, "%s hca_object=%llu", d->device, (unsigned long long)d->objects.value)) return -1;
    }
    return 0;
}

int cgroup_v1_apply(const struct cgroup_limits *limits, struct rt_error *err)
{
    return apply_memory(limits, err) || apply_cpu(limits, err) || apply_cpuset(limits, err) || apply_block_io(limits, err) || apply_small(limits, err) ? -1 : 0;
}
