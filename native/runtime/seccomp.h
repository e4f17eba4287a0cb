#pragma once
#include <linux/filter.h>

#include "base/error.h"
#include "runtime/spec.h"

/*
 * Compiles the spec's filter. `program->filter` is fresh memory. `warn` is told of system calls that this libseccomp does not know, which are left out.
 * `cache`: directory that keeps compiled filters under the hash of what they were made of, or -1.
 */
int filter_compile(const struct spec_seccomp *seccomp, int cache, struct sock_fprog *program, struct rt_error *err);

/* Puts the filter on the calling thread. *listener is the supervisor's descriptor when `flags` has SECCOMP_FILTER_FLAG_NEW_LISTENER, else -1. */
int filter_load(const struct sock_fprog *program, uint32_t flags, int *listener, struct rt_error *err);

/* The flags for filter_load, without those that this kernel does not know. */
uint32_t filter_load_flags(const struct spec_seccomp *seccomp);
