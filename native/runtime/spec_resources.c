#include <string.h>

#include "runtime/spec_read.h"

static int read_device_rule(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    struct spec_device_rule *rule = item;
    const char *type = "a", *access = "rwm";
    rule->major = rule->minor = -1;
    if (json_req_bool(object, "allow", &rule->allow, err) || json_opt_str(object, "type", &type, err) || json_opt_str(object, "access", &access, err) ||
        json_opt_i64(object, "major", -1, UINT32_MAX, &rule->major, err) || json_opt_i64(object, "minor", -1, UINT32_MAX, &rule->minor, err))
        return -1;
    if (!*type) type = "a";
    if (!*access) access = "rwm";
    if (strlen(type) != 1 || !strchr("abcu", type[0])) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "device type '%s' is none of a, b, c", type);
    if (!strpbrk(access, "rwm")) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "access '%s' has none of r, w, m", access);
    if (strspn(access, "rwm") != strlen(access) && spec_warn(spec, err, "characters other than r, w, m in the device access '%s' are left out", access)) return -1;
    rule->type = type[0] == 'u' ? 'c' : type[0];
    rule->read = strchr(access, 'r') != NULL;
    rule->write = strchr(access, 'w') != NULL;
    rule->mknod = strchr(access, 'm') != NULL;
    return 0;
}

static int read_rate(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    (void)spec;
    struct spec_device_rate *rate = item;
    return read_req_u32(object, "major", &rate->major, err) || read_req_u32(object, "minor", &rate->minor, err) || read_u64(object, "rate", &rate->rate, err) ? -1 : 0;
}

static int read_weight(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    (void)spec;
    struct spec_device_weight *weight = item;
    if (read_req_u32(object, "major", &weight->major, err) || read_req_u32(object, "minor", &weight->minor, err) ||
        read_opt_u64(object, "weight", &weight->weight, err) || read_opt_u64(object, "leafWeight", &weight->leaf_weight, err))
        return -1;
    return weight->weight.set || weight->leaf_weight.set ? 0 : rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "device %u:%u has neither weight nor leafWeight", weight->major, weight->minor);
}

static int read_rates(struct spec *spec, const json_t *object, const char *key, struct spec_device_rates *rates, struct rt_error *err)
{
    void *items = NULL;
    if (read_items(spec, object, key, sizeof *rates->items, read_rate, &items, &rates->count, err)) return -1;
    rates->items = items;
    return 0;
}

static int read_page_limit(struct spec *spec, const json_t *object, void *item, struct rt_error *err)
{
    (void)spec;
    struct spec_page_limit *limit = item;
    if (json_req_str(object, "pageSize", &limit->page_size, err) || read_u64(object, "limit", &limit->limit, err)) return -1;
    size_t digits = strspn(limit->page_size, "0123456789");
    if (digits == 0 || strlen(limit->page_size) != digits + 2 || !strchr("KMG", limit->page_size[digits]) || limit->page_size[digits + 1] != 'B')
        return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "page size '%s' is not of the form 2MB", limit->page_size);
    return 0;
}

static int read_memory(const json_t *object, struct spec_resources *resources, struct rt_error *err)
{
    json_t *memory = NULL;
    if (json_opt_obj(object, "memory", &memory, err)) return -1;
    if (!memory) return 0;
    const json_t *disable = json_object_get(memory, "disableOOMKiller");
    resources->memory.oom_disable_set = disable && !json_is_null(disable);
    return read_opt_i64(memory, "limit", &resources->memory.limit, err) || read_opt_i64(memory, "reservation", &resources->memory.reservation, err) ||
                   read_opt_i64(memory, "swap", &resources->memory.swap, err) || read_opt_i64(memory, "kernel", &resources->memory.kernel, err) ||
                   read_opt_i64(memory, "kernelTCP", &resources->memory.kernel_tcp, err) || read_opt_u64(memory, "swappiness", &resources->memory.swappiness, err) ||
                   json_opt_bool(memory, "disableOOMKiller", &resources->memory.oom_disable, err) ||
                   json_opt_bool(memory, "checkBeforeUpdate", &resources->memory.check_before_update, err)
               ? -1
               : 0;
}

static int read_cpu(const json_t *object, struct spec_resources *resources, struct rt_error *err)
{
    json_t *cpu = NULL;
    if (json_opt_obj(object, "cpu", &cpu, err)) return -1;
    if (!cpu) return 0;
    return read_opt_u64(cpu, "shares", &resources->cpu.shares, err) || read_opt_i64(cpu, "quota", &resources->cpu.quota, err) ||
                   read_opt_u64(cpu, "burst", &resources->cpu.burst, err) || read_opt_u64(cpu, "period", &resources->cpu.period, err) ||
                   read_opt_i64(cpu, "realtimeRuntime", &resources->cpu.rt_runtime, err) || read_opt_u64(cpu, "realtimePeriod", &resources->cpu.rt_period, err) ||
                   read_opt_i64(cpu, "idle", &resources->cpu.idle, err) || json_opt_str(cpu, "cpus", &resources->cpu.cpus, err) ||
                   json_opt_str(cpu, "mems", &resources->cpu.mems, err)
               ? -1
               : 0;
}

static int read_block_io(struct spec *spec, const json_t *object, struct spec_resources *resources, struct rt_error *err)
{
    json_t *io = NULL;
    void *weights = NULL;
    if (json_opt_obj(object, "blockIO", &io, err)) return -1;
    if (!io) return 0;
    if (read_opt_u64(io, "weight", &resources->block_io.weight, err) || read_opt_u64(io, "leafWeight", &resources->block_io.leaf_weight, err) ||
        read_items(spec, io, "weightDevice", sizeof(struct spec_device_weight), read_weight, &weights, &resources->block_io.weight_count, err) ||
        read_rates(spec, io, "throttleReadBpsDevice", &resources->block_io.read_bps, err) ||
        read_rates(spec, io, "throttleWriteBpsDevice", &resources->block_io.write_bps, err) ||
        read_rates(spec, io, "throttleReadIOPSDevice", &resources->block_io.read_iops, err) ||
        read_rates(spec, io, "throttleWriteIOPSDevice", &resources->block_io.write_iops, err))
        return -1;
    resources->block_io.weights = weights;
    return 0;
}

static int read_network(struct spec *spec, const json_t *object, struct spec_resources *resources, struct rt_error *err)
{
    json_t *network = NULL, *priorities = NULL;
    if (json_opt_obj(object, "network", &network, err)) return -1;
    if (!network) return 0;
    if (read_opt_u64(network, "classID", &resources->network_class, err) || json_opt_arr(network, "priorities", &priorities, err)) return -1;
    struct spec_pairs *pairs = &resources->network_priorities;
    if (!(pairs->items = arena_array(&spec->arena, json_array_size(priorities), sizeof *pairs->items, err))) return -1;
    for (size_t i = 0; i < json_array_size(priorities); i++) {
        json_t *entry;
        uint32_t priority;
        struct spec_pair *pair = &pairs->items[pairs->count++];
        if (json_elem_obj(priorities, i, "priorities", &entry, err) || json_req_str(entry, "name", &pair->key, err) || read_req_u32(entry, "priority", &priority, err) ||
            !(pair->value = arena_printf(&spec->arena, err, "%u", priority)))
            return -1;
    }
    return 0;
}

static int read_rdma(struct spec *spec, const json_t *object, struct spec_resources *resources, struct rt_error *err)
{
    json_t *map = NULL;
    if (json_opt_obj(object, "rdma", &map, err)) return -1;
    if (!(resources->rdma = arena_array(&spec->arena, json_object_size(map), sizeof *resources->rdma, err))) return -1;
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        struct spec_rdma *rdma = &resources->rdma[resources->rdma_count++];
        rdma->device = name;
        if (!json_is_object(value)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "member '%s' of 'rdma' must be an object", name);
        if (read_opt_u64(value, "hcaHandles", &rdma->handles, err) || read_opt_u64(value, "hcaObjects", &rdma->objects, err)) return -1;
    }
    return 0;
}

/* A name of a control file, not a path: it is joined to the cgroup's directory. */
static int check_unified(const struct spec_resources *resources, struct rt_error *err)
{
    for (size_t i = 0; i < resources->unified.count; i++) {
        const char *key = resources->unified.items[i].key;
        if (!*key || strchr(key, '/') || !strchr(key, '.')) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "unified: the specified key has not the form CONTROLLER.VALUE `%s`", key);
    }
    return 0;
}

static int read_resources(struct spec *spec, json_t *object, struct spec_resources *resources, struct rt_error *err)
{
    json_t *pids = NULL;
    void *devices = NULL, *pages = NULL;
    if (read_items(spec, object, "devices", sizeof *resources->devices, read_device_rule, &devices, &resources->device_count, err) ||
        read_memory(object, resources, err) || read_cpu(object, resources, err) || json_opt_obj(object, "pids", &pids, err) ||
        (pids && read_opt_i64(pids, "limit", &resources->pids, err)) || read_block_io(spec, object, resources, err) ||
        read_items(spec, object, "hugepageLimits", sizeof *resources->huge_pages, read_page_limit, &pages, &resources->huge_page_count, err) ||
        read_network(spec, object, resources, err) || read_rdma(spec, object, resources, err) || read_pairs(spec, object, "unified", &resources->unified, err))
        return -1;
    resources->devices = devices;
    resources->huge_pages = pages;
    return check_unified(resources, err);
}

struct spec_resources *spec_resources_parse(struct spec *spec, json_t *object, struct rt_error *err)
{
    struct spec_resources *resources = arena_alloc(&spec->arena, sizeof *resources, err);
    if (!resources || read_resources(spec, object, resources, err)) return rt_wrap(err, "resources"), NULL;
    return resources;
}
