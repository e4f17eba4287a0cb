#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/cgroup_file.h"
#include "runtime/cgroup_internal.h"
#include "runtime/device.h"

/* What a container may always have: making nodes, which is not using them; the default devices; its own terminals. */
static const struct spec_device_rule ALWAYS[] = {
    {.allow = true, .type = 'c', .major = -1, .minor = -1, .mknod = true},
    {.allow = true, .type = 'b', .major = -1, .minor = -1, .mknod = true},
    {.allow = true, .type = 'c', .major = 1, .minor = 3, .read = true, .write = true, .mknod = true},
    {.allow = true, .type = 'c', .major = 1, .minor = 5, .read = true, .write = true, .mknod = true},
    {.allow = true, .type = 'c', .major = 1, .minor = 7, .read = true, .write = true, .mknod = true},
    {.allow = true, .type = 'c', .major = 1, .minor = 8, .read = true, .write = true, .mknod = true},
    {.allow = true, .type = 'c', .major = 1, .minor = 9, .read = true, .write = true, .mknod = true},
    {.allow = true, .type = 'c', .major = 5, .minor = 0, .read = true, .write = true, .mknod = true},
    {.allow = true, .type = 'c', .major = 5, .minor = 1, .read = true, .write = true, .mknod = true},
    {.allow = true, .type = 'c', .major = 5, .minor = 2, .read = true, .write = true, .mknod = true},
    {.allow = true, .type = 'c', .major = 136, .minor = -1, .read = true, .write = true, .mknod = true},
};

static int write_v1(int fd, const struct spec_device_rule *rule, struct rt_error *err)
{
    char major[24] = "*", minor[24] = "*", access[4] = "";
    if (rule->major >= 0) snprintf(major, sizeof major, "%lld", (long long)rule->major);
    if (rule->minor >= 0) snprintf(minor, sizeof minor, "%lld", (long long)rule->minor);
    snprintf(access, sizeof access, "%s%s%s", rule->read ? "r" : "", rule->write ? "w" : "", rule->mknod ? "m" : "");
    const char *file = rule->allow ? "devices.allow" : "devices.deny";
    if (rule->type == 'a' && rule->major < 0 && rule->minor < 0 && strlen(access) == 3) return cgroup_write(fd, file, "a", err);
    if (rule->type != 'a') return cgroup_printf(fd, file, err, "%c %s:%s %s", rule->type, major, minor, access);
    return cgroup_printf(fd, file, err, "c %s:%s %s", major, minor, access) || cgroup_printf(fd, file, err, "b %s:%s %s", major, minor, access) ? -1 : 0;
}

/* A rule is at most 8 instructions; registers: r2 type, r3 access, r4 major, r5 minor. */
enum { RULE_MAX = 10, HEAD_MAX = 8 };

/* struct bpf_insn of a little-endian machine, with its two registers of four bits as the byte that they are. */
struct instruction {
    uint8_t code, registers;
    int16_t offset;
    int32_t immediate;
};
_Static_assert(sizeof(struct instruction) == sizeof(struct bpf_insn), "an instruction has eight bytes");

struct program {
    struct instruction *code;
    size_t count;
};

static void add(struct program *program, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
    program->code[program->count++] = (struct instruction){.code = code, .registers = (uint8_t)(src << 4 | dst), .offset = off, .immediate = imm};
}

/* struct bpf_cgroup_dev_ctx: access_type (device type in the low half, access in the high one), major, minor. */
static void add_head(struct program *program)
{
    add(program, BPF_LDX | BPF_W | BPF_MEM, 2, 1, 0, 0);
    add(program, BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
    add(program, BPF_LDX | BPF_W | BPF_MEM, 3, 1, 0, 0);
    add(program, BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
    add(program, BPF_LDX | BPF_W | BPF_MEM, 4, 1, 4, 0);
    add(program, BPF_LDX | BPF_W | BPF_MEM, 5, 1, 8, 0);
}

/*
 * A jump to the next rule for each condition that fails, then the answer. An allow rule covers an access that asks for no more than it names; a deny rule
 * one that asks for anything of what it names.
 */
static void add_rule(struct program *program, const struct spec_device_rule *rule)
{
    int32_t access = (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (rule->read ? BPF_DEVCG_ACC_READ : 0) | (rule->write ? BPF_DEVCG_ACC_WRITE : 0);
    bool partial = access != (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE);
    size_t length = (rule->type != 'a') + (partial ? 3u : 0) + (rule->major >= 0) + (rule->minor >= 0) + 2, start = program->count;
#define TO_NEXT (int16_t)(start + length - program->count - 1)
    if (rule->type != 'a') add(program, BPF_JMP | BPF_JNE | BPF_K, 2, 0, TO_NEXT, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (partial) {
        add(program, BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0);
        add(program, BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, access);
        if (rule->allow) add(program, BPF_JMP | BPF_JNE | BPF_X, 1, 3, TO_NEXT, 0);
        else add(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, TO_NEXT, 0);
    }
    if (rule->major >= 0) add(program, BPF_JMP32 | BPF_JNE | BPF_K, 4, 0, TO_NEXT, (int32_t)rule->major);
    if (rule->minor >= 0) add(program, BPF_JMP32 | BPF_JNE | BPF_K, 5, 0, TO_NEXT, (int32_t)rule->minor);
#undef TO_NEXT
    add(program, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, rule->allow);
    add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* What follows such a rule can never run, and the kernel refuses a program with dead code. */
static bool covers_all(const struct spec_device_rule *rule)
{
    return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && rule->read && rule->write && rule->mknod;
}

static long bpf(int command, union bpf_attr *attr)
{
    return syscall(SYS_bpf, command, attr, sizeof *attr);
}

/* The newest rule that fits decides: they are compiled from the last to the first. What no rule names is denied, as with a v1 list that starts with "deny all". */
int cgroup_device_filter(const struct spec_resources *resources, struct rt_error *err)
{
    size_t rules = resources->device_count + ARRAY_LEN(ALWAYS);
    auto_free struct instruction *code = calloc(HEAD_MAX + rules * RULE_MAX, sizeof *code);
    if (!code) return rt_nomem(err);
    struct program program = {.code = code};
    add_head(&program);
    for (size_t i = ARRAY_LEN(ALWAYS); i-- > 0;) add_rule(&program, &ALWAYS[i]);
    bool decided = false;
    for (size_t i = resources->device_count; i-- > 0 && !decided;) {
        add_rule(&program, &resources->devices[i]);
        decided = covers_all(&resources->devices[i]);
    }
    if (!decided) {
        add(&program, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
        add(&program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    }
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE};
    attr.insns = (uint64_t)(uintptr_t)program.code;
    attr.insn_cnt = (uint32_t)program.count;
    attr.license = (uint64_t)(uintptr_t)"GPL";
    int fd = (int)bpf(BPF_PROG_LOAD, &attr);
    return fd < 0 ? rt_fail(err, "CGROUP_FAILED", errno, "bpf", "cannot load the device filter") : fd;
}

static int attach_program(int cgroup, int program, struct rt_error *err)
{
    /* Exactly one: what an earlier update attached goes. */
    uint32_t old[16] = {0};
    union bpf_attr query = {.query = {.target_fd = (uint32_t)cgroup, .attach_type = BPF_CGROUP_DEVICE, .prog_ids = (uint64_t)(uintptr_t)old, .prog_cnt = ARRAY_LEN(old)}};
    uint32_t count = bpf(BPF_PROG_QUERY, &query) == 0 ? query.query.prog_cnt : 0;
    union bpf_attr attr = {0};
    attr.target_fd = (uint32_t)cgroup;
    attr.attach_bpf_fd = (uint32_t)program;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (bpf(BPF_PROG_ATTACH, &attr)) return rt_fail(err, "CGROUP_FAILED", errno, "bpf", "cannot attach the device filter");
    for (uint32_t i = 0; i < count && i < ARRAY_LEN(old); i++) {
        union bpf_attr by_id = {.prog_id = old[i]};
        auto_close int fd = (int)bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
        union bpf_attr detach = {0};
        detach.target_fd = (uint32_t)cgroup;
        detach.attach_bpf_fd = (uint32_t)fd;
        detach.attach_type = BPF_CGROUP_DEVICE;
        if (fd >= 0) bpf(BPF_PROG_DETACH, &detach);
    }
    return 0;
}

int cgroup_devices_apply(const struct cgroup_limits *limits, struct rt_error *err)
{
    const struct spec_resources *resources = limits->resources;
    const struct cgroup_place *v1 = cgroup_place_v1(limits->cgroup, "devices"), *v2 = cgroup_place_v2(limits->cgroup);
    if (resources->device_count == 0) return 0;
    if (v1 && v1->fd >= 0) {
        for (size_t i = 0; i < resources->device_count; i++)
            if (write_v1(v1->fd, &resources->devices[i], err)) return -1;
        for (size_t i = 0; i < ARRAY_LEN(ALWAYS); i++)
            if (write_v1(v1->fd, &ALWAYS[i], err)) return -1;
        return 0;
    }
    if (!v2 || v2->fd < 0) return 0;
    auto_close int program = limits->cgroup->device_filter >= 0 ? dup(limits->cgroup->device_filter) : cgroup_device_filter(resources, err);
    if (program >= 0 && attach_program(v2->fd, program, err) == 0) return 0;
    /* In a user namespace nobody may load one, and the devices of such a container are bound by the host's permissions anyway. */
    if (err->saved_errno != EPERM) return -1;
    if (limits->warn) limits->warn(limits->context, "device rules need the right to load BPF programs: they are not applied");
    return 0;
}
