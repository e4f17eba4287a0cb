#pragma once
#include "base/error.h"
#include "runtime/spec.h"

/* Reads linux.memoryPolicy (runtime-spec 1.3) into the spec. */
int memory_policy_read(struct spec *spec, const json_t *section, struct rt_error *err);
/* Sets it for the calling process and what it executes. */
int memory_policy_set(const struct spec_memory_policy *policy, struct rt_error *err);
