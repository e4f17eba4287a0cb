#pragma once
#include <linux/filter.h>
#include <stdbool.h>

#include "base/error.h"
#include "runtime/container.h"
#include "runtime/namespace.h"
#include "runtime/spec.h"

struct cgroup;

/*
 * Everything that the init process needs; made ready by the caller of runtime_create before it clones, so that the child only acts. The child gets it as
 * its copy of the memory.
 */
struct init {
    const struct spec *spec;
    const struct runtime_params *params;
    const struct cgroup *cgroup; /* NULL: none of its own */
    int sync;      /* to the creating process */
    int listener;  /* start socket; -1: the start comes over `sync` */
    int bundle;    /* O_PATH; base of relative paths */
    int root_tree; /* detached mount that becomes the root; -1: cloned from root_path in the child */
    const char *root_path;
    int *binds;    /* one per mount: tree opened by the parent, or -1; NULL: all are opened by the child */
    int *mappings; /* one per mount: user namespace whose ids it takes, where the parent could not open the tree; or -1 */
    int devices;   /* mount with the spec's device nodes for a user namespace, or -1 */
    int namespaces[NS_KINDS]; /* to join; -1 none */
    bool helper;              /* a helper process has joined the user and pid namespaces and made the time namespace before it cloned */
    bool user_namespace;      /* new or joined */
    struct sock_fprog filter; /* len 0: none */
    uint32_t filter_flags;
    int procfs; /* opened by init itself while it has the host's */
};

/* The init process: never returns. Stages are named in init.c. */
void init_main(struct init *init) __attribute__((noreturn));

/* Tells the creating process what is being done; nothing happens where nobody wants to know. */
void init_debug(const struct init *init, const char *text);
/* Sends a warning to the creating process. */
void init_warn(const struct init *init, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
