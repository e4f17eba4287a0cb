#pragma once
#include "base/plan.h"

/* The holder of a shared network (shared.h), which does not return. It has the directory's lock; `maker` gets an error, or its end once the network is there. */
__attribute__((noreturn)) void shared_holder_run(const struct plan *plan, int directory, const char *program, int maker);
