#pragma once
#include "base/plan.h"
#include "monitor/config.h"

/*
 * The monitor as a process of its own: double fork, own session, nobody's terminal, no inherited descriptor. It tells its maker once, over a socket, that the container runs (or,
 * with `start` false, waits), or why not; from then on it belongs to nobody.
 */
struct daemon_report {
    bool failed;
    int pid; /* of the container's init process */
    struct timespec started;
    bool forwarding_switched;
};

/* Returns in the maker with what the monitor told. Errors are the monitor's. SIGTERM while it waits ends the attempt. */
int daemon_start(struct plan *plan, const struct monitor_config *config, struct daemon_report *out, struct rt_error *err);
/* To the maker: success, or `err`. -1: the maker is gone or has given up. Once. */
int daemon_report(int maker, const struct daemon_report *report, const struct rt_error *err);

/* The monitor itself: never returns. `maker` is the socket of the report. */
__attribute__((noreturn)) void monitor_run(const struct monitor_config *config, int maker);
