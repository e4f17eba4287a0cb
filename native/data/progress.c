#include "data/progress.h"

#define INTERVAL_NS 100000000L

int progress_report(struct progress *progress, uint64_t done, struct rt_error *err)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (progress->last.tv_sec == 0 && progress->last.tv_nsec == 0) progress->last = now;
    int64_t passed = (now.tv_sec - progress->last.tv_sec) * 1000000000L + (now.tv_nsec - progress->last.tv_nsec);
    if (passed < INTERVAL_NS) return 0;
    progress->last = now;
    json_t *total = progress->total ? json_integer((json_int_t)progress->total) : json_null();
    return plan_event(progress->plan, "progress", json_pack("{s:I,s:o}", "done", (json_int_t)done, "total", total), err);
}
