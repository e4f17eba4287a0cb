#pragma once
#include <stdint.h>
#include <time.h>

#include "base/plan.h"

/* {"type":"event","kind":"progress","done":…,"total":…|null}, at most ten times a second. */
struct progress {
    struct plan *plan;
    uint64_t total; /* 0: unknown */
    struct timespec last;
};

int progress_report(struct progress *progress, uint64_t done, struct rt_error *err);
