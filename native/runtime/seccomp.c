#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "data/hash.h"

enum { FILTER_MAX = 1 << 16 };

static int fail(struct rt_error *err, int result, const char *what)
{
    return rt_fail(err, "NATIVE_FAILED", -result, "libseccomp", "cannot make the seccomp filter: %s", what);
}

static int add_architectures(scmp_filter_ctx filter, const struct spec_seccomp *seccomp, struct rt_error *err)
{
    for (size_t i = 0; i < seccomp->architecture_count; i++) {
        int result = seccomp_arch_add(filter, seccomp->architectures[i]);
        /* EDOM: an architecture of the other byte order, which cannot run here. */
        if (result && result != -EEXIST && result != -EDOM) return fail(err, result, "architecture");
    }
    return 0;
}

static int add_rule(scmp_filter_ctx filter, const struct spec_seccomp_rule *rule, int number, const char *name, struct rt_error *err)
{
    struct scmp_arg_cmp args[6];
    bool repeated = false;
    for (size_t i = 0; i < rule->arg_count && i < 6; i++) {
        for (size_t k = 0; k < i; k++) repeated = repeated || rule->args[k].index == rule->args[i].index;
        args[i] = (struct scmp_arg_cmp){.arg = rule->args[i].index, .op = (enum scmp_compare)rule->args[i].op, .datum_a = rule->args[i].value, .datum_b = rule->args[i].value_two};
    }
    /* Several conditions on one argument are alternatives, as runc has it; libseccomp takes one condition per argument and rule. */
    if (repeated || rule->arg_count > 6) {
        for (size_t i = 0; i < rule->arg_count; i++) {
            struct scmp_arg_cmp one = {.arg = rule->args[i].index, .op = (enum scmp_compare)rule->args[i].op, .datum_a = rule->args[i].value, .datum_b = rule->args[i].value_two};
            int result = seccomp_rule_add_array(filter, rule->action, number, 1, &one);
            if (result) return fail(err, result, name);
        }
        return 0;
    }
    int result = seccomp_rule_add_array(filter, rule->action, number, (unsigned)rule->arg_count, args);
    return result ? fail(err, result, name) : 0;
}

static int add_rules(scmp_filter_ctx filter, const struct spec_seccomp *seccomp, struct rt_error *err)
{
    for (size_t i = 0; i < seccomp->rule_count; i++) {
        const struct spec_seccomp_rule *rule = &seccomp->rules[i];
        if (rule->action == seccomp->default_action) continue;
        for (size_t k = 0; k < rule->names.count; k++) {
            int number = seccomp_syscall_resolve_name(rule->names.items[k]);
            if (number == __NR_SCMP_ERROR && seccomp->strict) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "seccomp: the system call '%s' is not known", rule->names.items[k]);
            if (number != __NR_SCMP_ERROR && add_rule(filter, rule, number, rule->names.items[k], err)) return -1;
        }
    }
    return 0;
}

/* The AUDIT_ARCH_* and the highest system call that a rule names, of one architecture. */
static int highest_call(const struct spec_seccomp *seccomp, uint32_t arch)
{
    int highest = -1;
    for (size_t i = 0; i < seccomp->rule_count; i++)
        for (size_t k = 0; k < seccomp->rules[i].names.count; k++) {
            int number = seccomp_syscall_resolve_name_arch(arch, seccomp->rules[i].names.items[k]);
            if (number > highest) highest = number;
        }
    return highest;
}

/*
 * A system call that is newer than the profile answers ENOSYS instead of the default errno: programs then fall back to an older one, while EPERM makes them fail.
 * That is runc's rule, and what docker's profile counts on. Native architecture only; x32 calls have a bit of their own and stay with the filter.
 */
static int add_newer_calls(const struct spec_seccomp *seccomp, struct buf *out, struct rt_error *err)
{
    const uint32_t X32_BIT = 0x40000000;
    int highest = highest_call(seccomp, seccomp_arch_native());
    bool answers_errno = (seccomp->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO && (seccomp->default_action & SECCOMP_RET_DATA) != ENOSYS;
    if (!answers_errno || highest < 0) return 0;
    const struct sock_filter head[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)highest, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    return buf_add(out, head, sizeof head, err);
}

static int export_filter(scmp_filter_ctx filter, struct buf *out, struct rt_error *err)
{
    auto_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0) return rt_fail(err, "NATIVE_FAILED", errno, "memfd_create", "cannot make the seccomp filter");
    int result = seccomp_export_bpf(filter, fd);
    if (result) return fail(err, result, "export");
    lseek(fd, 0, SEEK_SET);
    return read_fd(fd, FILTER_MAX * sizeof(struct sock_filter), out, "NATIVE_FAILED", "the seccomp filter", err);
}

static int compile(const struct spec_seccomp *seccomp, struct buf *out, struct rt_error *err)
{
    scmp_filter_ctx filter = seccomp_init(seccomp->default_action);
    if (!filter) return fail(err, -EINVAL, "default action");
    /* A binary tree over the system calls; ignored by a libseccomp before 2.5. */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int result = add_architectures(filter, seccomp, err) || add_rules(filter, seccomp, err) || add_newer_calls(seccomp, out, err) || export_filter(filter, out, err);
    seccomp_release(filter);
    return result ? -1 : 0;
}

static int cache_key(const struct spec_seccomp *seccomp, char name[SHA256_TEXT], struct rt_error *err)
{
    const struct scmp_version *version = seccomp_version();
    auto_free char *text = json_dumps(seccomp->source, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text) return rt_nomem(err);
    struct sha256 hash;
    sha256_start(&hash);
    sha256_add(&hash, VERSION, sizeof VERSION);
    sha256_add(&hash, version, sizeof *version);
    sha256_add(&hash, text, strlen(text));
    sha256_end(&hash, name);
    return 0;
}

/* The cache is the caller's own directory; a file that is not plain, ours and whole is as good as none. */
static bool cache_read(int cache, const char *name, struct buf *out)
{
    struct stat st;
    struct rt_error ignored;
    auto_close int fd = openat(cache, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022 || st.st_size == 0 || st.st_size % (off_t)sizeof(struct sock_filter)) return false;
    return read_fd(fd, FILTER_MAX * sizeof(struct sock_filter), out, "NATIVE_FAILED", name, &ignored) == 0 && (off_t)out->size == st.st_size;
}

static void cache_write(int cache, const char *name, const struct buf *filter)
{
    char temporary[96];
    snprintf(temporary, sizeof temporary, ".%s.%d", name, getpid());
    auto_close int fd = openat(cache, temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return;
    if (write_all(fd, filter->data, filter->size) || renameat(cache, temporary, cache, name)) unlinkat(cache, temporary, 0);
}

int filter_compile(const struct spec_seccomp *seccomp, int cache, struct sock_fprog *program, struct rt_error *err)
{
    auto_buf struct buf filter = {0};
    char name[SHA256_TEXT];
    if (seccomp->strict) cache = -1; /* a filter that was made without unknown names tells nothing of them */
    bool cached = cache >= 0 && cache_key(seccomp, name, err) == 0 && cache_read(cache, name, &filter);
    if (!cached) {
        buf_cut(&filter, 0);
        if (compile(seccomp, &filter, err)) return -1;
        if (cache >= 0) cache_write(cache, name, &filter);
    }
    size_t length = filter.size / sizeof(struct sock_filter);
    if (length == 0 || length > UINT16_MAX) return rt_fail(err, "RUNTIME_CONFIG_INVALID", 0, NULL, "the seccomp filter has %zu instructions: the kernel takes 1 to 4096", length);
    *program = (struct sock_fprog){.len = (unsigned short)length, .filter = (struct sock_filter *)(void *)take_ptr(&filter.data)};
    return 0;
}

uint32_t filter_load_flags(const struct spec_seccomp *seccomp)
{
    uint32_t flags = 0;
    for (uint32_t bit = 1; bit && bit <= seccomp->flags; bit <<= 1)
        /* EFAULT: the flag is known and the program was looked for. */
        if (seccomp->flags & bit && (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, bit, NULL) == 0 || errno == EFAULT)) flags |= bit;
    if (seccomp->flags & (1u << 5)) flags |= seccomp->flags & (1u << 5); /* WAIT_KILLABLE_RECV is only valid with NEW_LISTENER */
    return flags | (seccomp->notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
}

int filter_load(const struct sock_fprog *program, uint32_t flags, int *listener, struct rt_error *err)
{
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
    if (result < 0) return rt_fail(err, "NATIVE_FAILED", errno, "seccomp", "cannot load the seccomp filter");
    *listener = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER ? (int)result : -1;
    return 0;
}
