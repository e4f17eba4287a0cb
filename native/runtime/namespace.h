#pragma once
#include "base/error.h"
#include "runtime/spec.h"

/* Number of an OCI namespace type ("mount", "pid", …), -1 for an unknown one. */
int namespace_kind(const char *type);
const char *namespace_name(int kind);
/* The name below /proc/PID/ns. */
const char *namespace_file(int kind);
/* CLONE_NEW* */
int namespace_flag(int kind);

/* The kind of namespace to which a sysctl belongs, -1 for one of the whole host. */
int namespace_of_sysctl(const char *key);

/* Opens the paths of the namespaces to join: fds[kind], -1 where none is. The caller closes them. CODE: RUNTIME_CONFIG_INVALID for another type. */
int namespaces_open(const struct spec_linux *config, int fds[NS_KINDS], struct rt_error *err);
void namespaces_close(int fds[NS_KINDS]);
int namespace_join(int kind, int fd, struct rt_error *err);

/* Root of the user namespace that was joined or made; an id 0 that is not mapped leaves the ids as they are, the capabilities are full all the same. */
int namespace_become_root(struct rt_error *err);
