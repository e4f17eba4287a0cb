#include "runtime/cgroup_stats.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cgroup_file.h"
#include "runtime/cgroup_internal.h"

static int v1(const struct cgroup *cgroup, const char *controller)
{
    const struct cgroup_place *place = cgroup_place_v1(cgroup, controller);
    return place ? place->fd : -1;
}

static int v2(const struct cgroup *cgroup)
{
    const struct cgroup_place *place = cgroup_place_v2(cgroup);
    return place ? place->fd : -1;
}

static json_int_t number(int fd, const char *file)
{
    uint64_t value = 0;
    return fd >= 0 && cgroup_read_number(fd, file, &value) ? (json_int_t)value : 0;
}

static json_int_t key(int fd, const char *file, const char *name)
{
    uint64_t value = 0;
    return fd >= 0 && cgroup_read_key(fd, file, name, &value) ? (json_int_t)value : 0;
}

/* "max" reads as the largest number, as runc prints it. */
static json_t *limit(int fd, const char *file)
{
    auto_buf struct buf text = {0};
    if (fd >= 0 && cgroup_read(fd, file, &text) && strncmp(text.data, "max", 3) == 0) return json_real(18446744073709551615.0);
    return json_integer(number(fd, file));
}

static json_t *cpu(const struct cgroup *cgroup)
{
    int account = v1(cgroup, "cpuacct"), control = v1(cgroup, "cpu"), fd = v2(cgroup);
    long ticks = sysconf(_SC_CLK_TCK);
    if (account < 0)
        return json_pack("{s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I}}", "usage", "total", key(fd, "cpu.stat", "usage_usec") * 1000, "kernel", key(fd, "cpu.stat", "system_usec") * 1000, "user",
                         key(fd, "cpu.stat", "user_usec") * 1000, "throttling", "periods", key(fd, "cpu.stat", "nr_periods"), "throttledPeriods", key(fd, "cpu.stat", "nr_throttled"), "throttledTime",
                         key(fd, "cpu.stat", "throttled_usec") * 1000);
    json_int_t tick = ticks > 0 ? 1000000000 / ticks : 0;
    return json_pack("{s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I}}", "usage", "total", number(account, "cpuacct.usage"), "kernel", key(account, "cpuacct.stat", "system") * tick, "user",
                     key(account, "cpuacct.stat", "user") * tick, "throttling", "periods", key(control, "cpu.stat", "nr_periods"), "throttledPeriods", key(control, "cpu.stat", "nr_throttled"),
                     "throttledTime", key(control, "cpu.stat", "throttled_time"));
}

static json_t *raw_memory(int fd)
{
    json_t *raw = json_object();
    auto_buf struct buf text = {0};
    if (fd < 0 || !cgroup_read(fd, "memory.stat", &text)) return raw;
    char *rest = text.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *value = strchr(line, ' ');
        uint64_t count;
        if (!value) continue;
        *value++ = 0;
        if (parse_u64(value, INT64_MAX, &count)) json_object_set_new(raw, line, json_integer((json_int_t)count));
    }
    return raw;
}

static json_t *memory(const struct cgroup *cgroup)
{
    int old = v1(cgroup, "memory"), fd = v2(cgroup);
    if (old >= 0)
        return json_pack("{s:I, s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I}, s:o}", "cache", key(old, "memory.stat", "cache"), "usage", "limit", number(old, "memory.limit_in_bytes"), "usage",
                         number(old, "memory.usage_in_bytes"), "max", number(old, "memory.max_usage_in_bytes"), "failcnt", number(old, "memory.failcnt"), "swap", "limit",
                         number(old, "memory.memsw.limit_in_bytes"), "usage", number(old, "memory.memsw.usage_in_bytes"), "max", number(old, "memory.memsw.max_usage_in_bytes"), "failcnt",
                         number(old, "memory.memsw.failcnt"), "raw", raw_memory(old));
    return json_pack("{s:I, s:{s:o, s:I, s:I, s:I}, s:{s:o, s:I, s:I, s:I}, s:o}", "cache", key(fd, "memory.stat", "file"), "usage", "limit", limit(fd, "memory.max"), "usage", number(fd, "memory.current"),
                     "max", number(fd, "memory.peak"), "failcnt", key(fd, "memory.events", "max"), "swap", "limit", limit(fd, "memory.swap.max"), "usage", number(fd, "memory.swap.current"), "max",
                     number(fd, "memory.swap.peak"), "failcnt", (json_int_t)0, "raw", raw_memory(fd));
}

static json_t *pids(const struct cgroup *cgroup)
{
    int old = v1(cgroup, "pids"), fd = old >= 0 ? old : v2(cgroup);
    return json_pack("{s:I, s:I}", "current", number(fd, "pids.current"), "limit", number(fd, "pids.max"));
}

/* Lines "8:0 Read 4096". */
static json_t *io_v1(int fd, const char *file)
{
    json_t *list = json_array();
    auto_buf struct buf text = {0};
    if (fd < 0 || !cgroup_read(fd, file, &text)) return list;
    char *rest = text.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        unsigned major, minor;
        unsigned long long value;
        char op[16];
        if (sscanf(line, "%u:%u %15s %llu", &major, &minor, op, &value) == 4)
            json_array_append_new(list, json_pack("{s:i, s:i, s:s, s:I}", "major", (int)major, "minor", (int)minor, "op", op, "value", (json_int_t)value));
    }
    return list;
}

/* Lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …". */
static void io_v2(int fd, json_t *bytes, json_t *count)
{
    static const struct {
        const char *key, *op;
        bool is_bytes;
    } KEYS[] = {{"rbytes", "Read", true}, {"wbytes", "Write", true}, {"rios", "Read", false}, {"wios", "Write", false}};
    auto_buf struct buf text = {0};
    if (fd < 0 || !cgroup_read(fd, "io.stat", &text)) return;
    char *rest = text.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        unsigned major, minor;
        if (sscanf(line, "%u:%u", &major, &minor) != 2) continue;
        for (char *word; (word = strsep(&line, " "));)
            for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
                size_t length = strlen(KEYS[i].key);
                uint64_t value;
                if (strncmp(word, KEYS[i].key, length) == 0 && word[length] == '=' && parse_u64(word + length + 1, INT64_MAX, &value))
                    json_array_append_new(KEYS[i].is_bytes ? bytes : count, json_pack("{s:i, s:i, s:s, s:I}", "major", (int)major, "minor", (int)minor, "op", KEYS[i].op, "value", (json_int_t)value));
            }
    }
}

static json_t *blkio(const struct cgroup *cgroup)
{
    int old = v1(cgroup, "blkio");
    json_t *bytes = io_v1(old, "blkio.throttle.io_service_bytes_recursive"), *count = io_v1(old, "blkio.throttle.io_serviced_recursive");
    if (old < 0) io_v2(v2(cgroup), bytes, count);
    return json_pack("{s:o, s:o}", "ioServiceBytesRecursive", bytes, "ioServicedRecursive", count);
}

json_t *cgroup_stats(const struct cgroup *cgroup)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:{}, s:{}, s:n}", "cpu", cpu(cgroup), "memory", memory(cgroup), "pids", pids(cgroup), "blkio", blkio(cgroup), "hugetlb", "intel_rdt", "network_interfaces");
}

uint64_t cgroup_oom_kills(const struct cgroup *cgroup)
{
    int old = v1(cgroup, "memory");
    return (uint64_t)(old >= 0 ? key(old, "memory.oom_control", "oom_kill") : key(v2(cgroup), "memory.events", "oom_kill"));
}

static bool from_v2(int fd, uint64_t *cpu_us, uint64_t *memory_peak, bool *oom_killed)
{
    uint64_t kills;
    cgroup_read_key(fd, "cpu.stat", "usage_usec", cpu_us);
    if (cgroup_read_key(fd, "memory.events", "oom_kill", &kills)) *oom_killed = kills > 0;
    return cgroup_read_number(fd, "memory.peak", memory_peak);
}

void cgroup_usage(const struct cgroup *cgroup, uint64_t *cpu_us, uint64_t *memory_peak, bool *oom_killed)
{
    const struct cgroup_place *v2 = cgroup_place_v2(cgroup), *memory = cgroup_place_v1(cgroup, "memory"), *cpu = cgroup_place_v1(cgroup, "cpuacct");
    uint64_t value;
    if (v2 && v2->fd >= 0) from_v2(v2->fd, cpu_us, memory_peak, oom_killed);
    if (memory && memory->fd >= 0) {
        cgroup_read_number(memory->fd, "memory.max_usage_in_bytes", memory_peak);
        if (cgroup_read_key(memory->fd, "memory.oom_control", "oom_kill", &value)) *oom_killed = value > 0;
    }
    if (cpu && cpu->fd >= 0 && cgroup_read_number(cpu->fd, "cpuacct.usage", &value)) *cpu_us = value / 1000;
}
