#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "runtime/namespace.h"

/*
 * Containers whose namespaces this one joins. Each of its starts joins what the other has then: a pid that the plan names is that of the moment when it was made, and may be
 * anybody's by the time of a restart.
 */
struct joined {
    int64_t pid;      /* that the plan names */
    const char *dir;  /* of the container: its state.json tells the process of now */
    const char *name;
    bool kinds[NS_KINDS]; /* namespaces of the plan that are that process's */
    int pidfd;        /* of the process of now, between joined_resolve and joined_verify; else -1 */
};

struct monitor_config;

/* The member "joined" of the plan: [{"pid","dir","name"}]. After the config and the trees. */
int joined_parse(const json_t *plan, struct monitor_config *config, struct rt_error *err);

/* Puts the process of now in the place of the one that the plan or the last start named. CONTAINER_STOPPED when there is none. */
int joined_resolve(const struct monitor_config *config, struct rt_error *err);

/* What was opened by pid since joined_resolve was that process's: it has not ended. CONTAINER_STOPPED when it has. To be called in any case, as it lets go. */
int joined_verify(const struct monitor_config *config, struct rt_error *err);
