#include "runtime/systemd_properties.h"

#include <string.h>

#include "runtime/cgroup_internal.h"
#include "runtime/number_list.h"

/* -1 is "no limit" to the specification, 2^64 - 1 to systemd. */
static void put_limit(struct dbus_body *body, const char *name, const struct opt_i64 *limit)
{
    if (limit->set && limit->value) dbus_property_u64(body, name, limit->value < 0 ? UINT64_MAX : (uint64_t)limit->value);
}

static void put_memory(struct dbus_body *body, bool unified, const struct spec_resources *r)
{
    put_limit(body, unified ? "MemoryMax" : "MemoryLimit", &r->memory.limit);
    if (!unified) return;
    put_limit(body, "MemoryLow", &r->memory.reservation);
    const struct opt_i64 *swap = &r->memory.swap;
    if (!swap->set || !swap->value) return;
    bool bounded = swap->value > 0 && r->memory.limit.set && swap->value >= r->memory.limit.value;
    dbus_property_u64(body, "MemorySwapMax", bounded ? (uint64_t)(swap->value - r->memory.limit.value) : UINT64_MAX);
}

/* In microseconds a second, in steps of 10 ms, as systemd keeps it. */
static void put_quota(struct dbus_body *body, const struct spec_resources *r)
{
    enum { SECOND_US = 1000000, STEP_US = 10000 };
    uint64_t period = r->cpu.period.set && r->cpu.period.value ? r->cpu.period.value : 100000, share = UINT64_MAX;
    if (r->cpu.quota.set && r->cpu.quota.value > 0) {
        share = (uint64_t)r->cpu.quota.value * SECOND_US / period;
        share = (share + STEP_US - 1) / STEP_US * STEP_US;
    }
    if (r->cpu.period.set && r->cpu.period.value) dbus_property_u64(body, "CPUQuotaPeriodUSec", period);
    if (r->cpu.quota.set && r->cpu.quota.value) dbus_property_u64(body, "CPUQuotaPerSecUSec", share);
}

static int put_numbers(struct dbus_body *body, const char *name, const char *list, struct rt_error *err)
{
    enum { LIMIT = 8192, WORD = 8 * sizeof(unsigned long) };
    unsigned long bits[LIMIT / WORD] = {0};
    uint8_t bytes[LIMIT / 8];
    size_t count = 0;
    if (!list || !*list) return 0;
    if (!number_list_parse(list, bits, LIMIT)) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "'%s' is not a list of numbers", list);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(bits[i * 8 / WORD] >> i * 8 % WORD);
        if (bytes[i]) count = i + 1;
    }
    dbus_property_bytes(body, name, bytes, count);
    return 0;
}

static int put_cpu(struct dbus_body *body, bool unified, const struct spec_resources *r, struct rt_error *err)
{
    if (r->cpu.shares.set && r->cpu.shares.value) dbus_property_u64(body, unified ? "CPUWeight" : "CPUShares", unified ? cgroup_cpu_weight(r->cpu.shares.value) : r->cpu.shares.value);
    put_quota(body, r);
    return unified && (put_numbers(body, "AllowedCPUs", r->cpu.cpus, err) || put_numbers(body, "AllowedMemoryNodes", r->cpu.mems, err)) ? -1 : 0;
}

/* cgroup v2's own names for what the members above have not. */
static void put_unified(struct dbus_body *body, const struct spec_pairs *unified)
{
    static const struct {
        const char *file, *property;
    } NAMES[] = {{"memory.high", "MemoryHigh"}, {"memory.low", "MemoryLow"}, {"memory.min", "MemoryMin"}, {"memory.max", "MemoryMax"}, {"memory.swap.max", "MemorySwapMax"}, {"pids.max", "TasksMax"}, {"cpu.weight", "CPUWeight"}};
    for (size_t i = 0; i < unified->count; i++)
        for (size_t k = 0; k < ARRAY_LEN(NAMES); k++) {
            uint64_t value = UINT64_MAX;
            if (strcmp(unified->items[i].key, NAMES[k].file) != 0) continue;
            if (strcmp(unified->items[i].value, "max") == 0 || parse_u64(unified->items[i].value, UINT64_MAX, &value)) dbus_property_u64(body, NAMES[k].property, value);
        }
}

int systemd_put_limits(struct dbus_body *body, bool unified, const struct spec_resources *r, struct rt_error *err)
{
    if (!r) return 0;
    put_memory(body, unified, r);
    if (put_cpu(body, unified, r, err)) return -1;
    put_limit(body, "TasksMax", &r->pids);
    if (r->block_io.weight.set && r->block_io.weight.value) dbus_property_u64(body, unified ? "IOWeight" : "BlockIOWeight", unified ? cgroup_io_weight(r->block_io.weight.value) : r->block_io.weight.value);
    if (unified) put_unified(body, &r->unified);
    return 0;
}

static int bad_value(const char *name, const char *value, struct rt_error *err)
{
    return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "annotation 'org.systemd.property.%s': '%s' is not a value that is known here", name, value);
}

/* 'text', with no escapes; cuts it out of the string and moves behind it. */
static const char *take_quoted(char **at)
{
    char quote = **at;
    if (quote != '\'' && quote != '"') return NULL;
    char *text = *at + 1, *end = strchr(text, quote);
    if (!end || memchr(text, '\\', (size_t)(end - text))) return NULL;
    *end = 0;
    *at = end + 1;
    return text;
}

static int put_list(struct dbus_body *body, const char *name, const char *value, char *at, struct rt_error *err)
{
    enum { LIMIT = 64 };
    const char *items[LIMIT];
    size_t count = 0;
    at++;
    while (*at != ']') {
        at += strspn(at, ", ");
        if (count == LIMIT || !(items[count] = take_quoted(&at))) return bad_value(name, value, err);
        count++;
        at += strspn(at, " ");
    }
    if (at[1]) return bad_value(name, value, err);
    dbus_property_strings(body, name, items, count);
    return 0;
}

static int put_number(struct dbus_body *body, const char *name, const char *value, struct rt_error *err)
{
    static const struct {
        const char *word;
        char type;
        int64_t min;
        int64_t max;
    } TYPES[] = {{"uint64 ", 't', 0, INT64_MAX}, {"int64 ", 'x', INT64_MIN, INT64_MAX}, {"uint32 ", 'u', 0, UINT32_MAX}, {"int32 ", 'i', INT32_MIN, INT32_MAX}, {"", 'i', INT32_MIN, INT32_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        size_t length = strlen(TYPES[i].word);
        int64_t number;
        if (strncmp(value, TYPES[i].word, length) != 0) continue;
        if (!parse_i64(value + length, TYPES[i].min, TYPES[i].max, &number)) break;
        /* "…Sec" is what unit files have; the property counts microseconds. */
        size_t end = strlen(name);
        if (end < 4 || strcmp(name + end - 3, "Sec") != 0 || strcmp(name + end - 4, "USec") == 0) return dbus_property_number(body, name, TYPES[i].type, number), 0;
        auto_free char *micro = rt_printf(err, "%.*sUSec", (int)(end - 3), name);
        if (!micro) return -1;
        if (number < 0 || number > INT64_MAX / 1000000) break;
        dbus_property_u64(body, micro, (uint64_t)number * 1000000);
        return 0;
    }
    return bad_value(name, value, err);
}

static int put_annotation(struct dbus_body *body, const char *name, const char *value, struct rt_error *err)
{
    auto_free char *copy = rt_strdup(value, err);
    if (!copy) return -1;
    char *at = copy;
    if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) return dbus_property_bool(body, name, *value == 't'), 0;
    if (*at == '[') return put_list(body, name, value, at, err);
    if (*at != '\'' && *at != '"') return put_number(body, name, value, err);
    const char *text = take_quoted(&at);
    if (!text || *at) return bad_value(name, value, err);
    dbus_property_string(body, name, text);
    return 0;
}

int systemd_put_annotations(struct dbus_body *body, const struct spec_pairs *annotations, struct rt_error *err)
{
    static const char PREFIX[] = "org.systemd.property.";
    for (size_t i = 0; annotations && i < annotations->count; i++) {
        const char *key = annotations->items[i].key;
        if (strncmp(key, PREFIX, sizeof PREFIX - 1) == 0 && put_annotation(body, key + sizeof PREFIX - 1, annotations->items[i].value, err)) return -1;
    }
    return 0;
}
