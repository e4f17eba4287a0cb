#pragma once
#include "base/error.h"
#include "runtime/spec.h"

/*
 * Runs hooks in order, each with the container's state (JSON) on stdin. The first that fails or exceeds its timeout ends it with HOOK_FAILED; its process group is killed. What it says on stderr
 * ends the message.
 */
int hooks_run(const struct spec_hooks *hooks, const char *kind, const char *state, struct rt_error *err);
