#pragma once
#include <jansson.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/idmap.h"
#include "runtime/arena.h"

/*
 * OCI runtime-spec 1.2 config.json as data: parsed and checked completely before anything is done. Strings belong to the document, arrays
 * to the arena; both are freed by spec_free. A pointer to a section is NULL where the section is absent.
 */

struct opt_i64 {
    bool set;
    int64_t value;
};
struct opt_u64 {
    bool set;
    uint64_t value;
};

/* `items` is NULL-terminated. */
struct spec_strings {
    const char **items;
    size_t count;
};

struct spec_pair {
    const char *key, *value;
};
struct spec_pairs {
    struct spec_pair *items;
    size_t count;
};

/* process */

struct spec_rlimit {
    int resource;
    struct rlimit value;
};

/* Bit n is capability n. Names that the kernel does not know are left out with a warning, as the specification asks for. */
struct spec_capabilities {
    uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct spec_scheduler {
    uint32_t policy;
    int32_t nice;
    int32_t priority;
    uint64_t flags;
    uint64_t runtime, deadline, period;
};

struct spec_user {
    uint32_t uid, gid;
    bool umask_set;
    mode_t umask;
    gid_t *groups;
    size_t group_count;
};

struct spec_process {
    bool terminal;
    uint16_t rows, columns;
    const char *cwd;
    struct spec_strings env, args;
    struct spec_user user;
    struct spec_rlimit *rlimits;
    size_t rlimit_count;
    struct spec_capabilities *capabilities;
    bool no_new_privs;
    struct opt_i64 oom_score_adj;
    struct spec_scheduler *scheduler;
    struct opt_i64 io_priority; /* as ioprio_set takes it */
    const char *apparmor_profile, *selinux_label;
    const char *cpu_affinity_initial, *cpu_affinity_final;
};

/* mounts */

struct spec_idmaps {
    struct idmap_range *items;
    size_t count;
};

struct spec_mount {
    const char *destination; /* absolute and clean */
    const char *type, *source;
    bool bind, recursive_bind;
    unsigned long flags;       /* MS_* that the options set */
    unsigned long flags_clear; /* MS_* that the options clear by name (rw, suid, …) */
    uint64_t recursive_set, recursive_clear; /* MOUNT_ATTR_* of rro, rnosuid, … */
    unsigned long propagation; /* MS_SHARED, … with MS_REC, 0 for none */
    const char *data;          /* what the file system itself understands, comma-separated, or NULL */
    bool copy_up, idmap, idmap_recursive, source_nofollow;
    struct spec_idmaps uid_maps, gid_maps;
};

/* hooks */

struct spec_hook {
    const char *path;
    struct spec_strings args, env;
    int64_t timeout_s; /* 0: none */
};
struct spec_hooks {
    struct spec_hook *items;
    size_t count;
    const char *output, *errors; /* files that get what they write; NULL: as the runtime's */
    const struct sock_fprog *filter; /* seccomp, of hooks that run in the container; NULL: none */
    char *const *environment;    /* of a hook that names none; NULL: as the runtime's */
};
enum spec_hook_kind { HOOK_PRESTART, HOOK_CREATE_RUNTIME, HOOK_CREATE_CONTAINER, HOOK_START_CONTAINER, HOOK_POSTSTART, HOOK_POSTSTOP, HOOK_KINDS };

/* linux */

enum spec_namespace_kind { NS_USER, NS_PID, NS_NETWORK, NS_IPC, NS_UTS, NS_CGROUP, NS_TIME, NS_MOUNT, NS_KINDS };

struct spec_namespace {
    bool wanted;
    const char *path; /* join this one; NULL: a new one */
};

struct spec_device {
    char type; /* 'c', 'b' or 'p' */
    const char *path;
    uint32_t major, minor;
    mode_t mode;
    uint32_t uid, gid;
};

struct spec_seccomp_arg {
    uint32_t index;
    int op; /* enum scmp_compare */
    uint64_t value, value_two;
};
struct spec_seccomp_rule {
    struct spec_strings names;
    uint32_t action; /* SCMP_ACT_* with its errno */
    struct spec_seccomp_arg *args;
    size_t arg_count;
};
struct spec_seccomp {
    uint32_t default_action;
    uint32_t *architectures; /* SCMP_ARCH_* */
    size_t architecture_count;
    uint32_t flags; /* SECCOMP_FILTER_FLAG_* */
    bool notify;    /* some rule asks a supervisor */
    bool strict;    /* a name that is no system call is an error; else the rule goes without it */
    const char *listener_path, *listener_metadata;
    struct spec_seccomp_rule *rules;
    size_t rule_count;
    const json_t *source; /* the section itself, of which the cache of compiled filters takes its key */
};

struct spec_device_rule {
    bool allow;
    char type; /* 'a', 'b' or 'c' */
    int64_t major, minor; /* -1: any */
    bool read, write, mknod;
};
struct spec_device_rate {
    uint32_t major, minor;
    uint64_t rate;
};
struct spec_device_rates {
    struct spec_device_rate *items;
    size_t count;
};
struct spec_device_weight {
    uint32_t major, minor;
    struct opt_u64 weight, leaf_weight;
};
struct spec_page_limit {
    const char *page_size;
    uint64_t limit;
};
struct spec_rdma {
    const char *device;
    struct opt_u64 handles, objects;
};

struct spec_resources {
    struct spec_device_rule *devices;
    size_t device_count;
    struct {
        struct opt_i64 limit, reservation, swap, kernel, kernel_tcp;
        struct opt_u64 swappiness;
        bool oom_disable_set, oom_disable, check_before_update;
    } memory;
    struct {
        struct opt_u64 shares, burst, period, rt_period;
        struct opt_i64 quota, rt_runtime, idle;
        const char *cpus, *mems;
    } cpu;
    struct opt_i64 pids;
    struct {
        struct opt_u64 weight, leaf_weight;
        struct spec_device_weight *weights;
        size_t weight_count;
        struct spec_device_rates read_bps, write_bps, read_iops, write_iops;
    } block_io;
    struct spec_page_limit *huge_pages;
    size_t huge_page_count;
    struct opt_u64 network_class;
    struct spec_pairs network_priorities;
    struct spec_rdma *rdma;
    size_t rdma_count;
    struct spec_pairs unified;
};

struct spec_net_device {
    const char *host_name, *name;
};

enum { SPEC_NODES_MAX = 1024 };

struct spec_memory_policy {
    int mode; /* MPOL_* with its flags */
    bool has_nodes;
    unsigned long nodes[SPEC_NODES_MAX / 8 / sizeof(unsigned long)];
};

struct spec_linux {
    struct spec_namespace namespaces[NS_KINDS];
    struct spec_idmaps uid_maps, gid_maps;
    struct spec_device *devices;
    size_t device_count;
    struct spec_net_device *net_devices;
    size_t net_device_count;
    struct spec_pairs sysctl;
    struct spec_resources *resources;
    const char *cgroups_path;
    struct spec_seccomp *seccomp;
    unsigned long rootfs_propagation; /* MS_SHARED, …, 0 where absent */
    struct spec_strings masked_paths, readonly_paths;
    const char *mount_label;
    struct opt_u64 personality;
    bool monotonic_set, boottime_set;
    int64_t monotonic_s, boottime_s;
    uint32_t monotonic_ns, boottime_ns;
    struct spec_memory_policy *memory_policy;
};

struct spec {
    struct arena arena;
    json_t *document; /* the config as it was read */
    json_t *more;     /* documents that were read into it later */
    const char *oci_version;
    struct spec_process *process; /* NULL: create only, a start needs it */
    const char *root_path;
    bool root_readonly;
    const char *hostname, *domainname;
    struct spec_mount *mounts;
    size_t mount_count;
    struct spec_hooks hooks[HOOK_KINDS];
    struct spec_pairs annotations;
    struct spec_linux linux;
    struct spec_strings warnings; /* what was left out although the config names it */
};

/* Parses the text of a config.json. Members that the specification does not name are ignored. Code RUNTIME_CONFIG_INVALID, with the member. */
struct spec *spec_parse(const char *text, size_t size, struct rt_error *err);
/* As spec_parse, of a document that is parsed already; takes a reference. */
struct spec *spec_from_json(json_t *document, struct rt_error *err);
/* <bundle>/config.json, at most 64 MiB. */
struct spec *spec_load(int bundle_fd, const char *name, struct rt_error *err);
void spec_free(struct spec *spec);
void spec_unref(struct spec **spec);
#define auto_spec __attribute__((cleanup(spec_unref)))

/* A process object by itself, as `exec --process` takes it; allocated in `spec`'s arena. */
struct spec_process *spec_process_parse(struct spec *spec, json_t *object, struct rt_error *err);
struct spec_process *spec_process_from_text(struct spec *spec, const char *text, size_t size, struct rt_error *err);
/* The process object of the specification with what a further process in a container needs; for another runtime. NULL: out of memory. */
json_t *spec_process_json(const struct spec_process *process);
/* A resources object by itself, as `update --resources` takes it. */
struct spec_resources *spec_resources_parse(struct spec *spec, json_t *object, struct rt_error *err);
struct spec_resources *spec_resources_from_text(struct spec *spec, const char *text, size_t size, struct rt_error *err);

/* Adds a mount after the others; its strings must live as long as the spec. The document stays as it was read. */
int spec_add_mount(struct spec *spec, const struct spec_mount *mount, struct rt_error *err);
/* Adds "NAME=value" to the environment of the process. */
int spec_add_env(struct spec *spec, struct rt_error *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

const char *spec_annotation(const struct spec *spec, const char *key);
