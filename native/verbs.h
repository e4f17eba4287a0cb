#pragma once
#include "base/plan.h"

/*
 * The verbs of `tsbuild-core plan`: X(name, own_idmap, container). Each is `int verb_<name>(struct plan *, struct rt_error *)`.
 * own_idmap 1: the verb makes its user namespace itself, else plan_main enters it before the verb runs.
 * container 1: the verb enters a container, the core then runs from a protected copy of itself (base/self.h).
 */
#define PLAN_VERBS(X)                                                                                                                      \
    X(walk, 0, 0)                                                                                                                          \
    X(files, 0, 0)                                                                                                                         \
    X(apply, 0, 0)                                                                                                                         \
    X(pack, 0, 0)                                                                                                                          \
    X(decode, 0, 0)                                                                                                                        \
    X(export, 0, 0)                                                                                                                        \
    X(extract, 0, 0)                                                                                                                       \
    X(read, 0, 0)                                                                                                                          \
    X(stat, 0, 0)                                                                                                                          \
    X(lookup, 0, 0)                                                                                                                        \
    X(changes, 0, 0)                                                                                                                       \
    X(usage, 0, 0)                                                                                                                         \
    X(quota, 0, 0)                                                                                                                         \
    X(remove, 0, 0)                                                                                                                        \
    X(send, 0, 0)                                                                                                                          \
    X(flush, 0, 0)                                                                                                                         \
    X(lock, 0, 0)                                                                                                                          \
    X(terminal, 0, 0)                                                                                                                      \
    X(probe, 0, 0)                                                                                                                         \
    X(sandbox, 1, 1)                                                                                                                       \
    X(monitor, 1, 1)                                                                                                                       \
    X(exec, 1, 1)                                                                                                                          \
    X(cgroup, 1, 0)                                                                                                                        \
    X(network, 1, 0)

/* Weak: a folder that is left out of the build (make DIRS="base data") leaves its verbs unknown. */
#define DECLARE_VERB(name, own, enters) __attribute__((weak)) plan_verb verb_##name;
PLAN_VERBS(DECLARE_VERB)
#undef DECLARE_VERB

/* The OCI runtime command line (native/runtime); argv as main gets it. Returns the exit status. */
__attribute__((weak)) int oci_main(int argc, char **argv);
