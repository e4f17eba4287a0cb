#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/*
 * One plan: docs/native-core.md. plan_main reads fd 3, checks protocol and verb, enters the user namespace of "idmap" where the verb asks
 * for it, runs the verb and answers on fd 4. A verb parses everything before its first effect.
 */
#define PLAN_PROTOCOL 1

struct plan {
    json_t *json;  /* the whole document */
    int answer;    /* fd 4 */
    bool answered; /* a result was written */
};

typedef int plan_verb(struct plan *plan, struct rt_error *err);

struct plan_entry {
    const char *name;
    plan_verb *run;
    bool own_idmap; /* the verb makes its user namespace itself (idmap.h) */
    bool container; /* the verb enters a container: the core is started again from where that cannot reach it (self.h) */
};

/*
 * Returns the exit status of the process. The table ends with a NULL name; an entry without `run` is not part of this build. `args`: what follows "plan" on the command line.
 * Without any: read a plan and carry it out. "--ahead VERB": a plan with that verb will come in a while; all that can be done before it is done now.
 */
int plan_main(const struct plan_entry *verbs, char *const args[]);

/* Refuses members other than those named and the ones that every plan may have. */
#define plan_allow(plan, err, ...) json_allow((plan)->json, err, "protocol", "verb", "idmap", __VA_ARGS__, NULL)

/* Writes {"type":"event","kind":kind, …fields} and drops the reference to `fields` (NULL: none; a failed json_pack is reported as out of memory). */
int plan_event(struct plan *plan, const char *kind, json_t *fields, struct rt_error *err);
/* Writes {"type":"result", …fields}, once, and drops the reference to `fields`. A verb that returns 0 without it answers with an empty result. */
int plan_result(struct plan *plan, json_t *fields, struct rt_error *err);

/*
 * SIGTERM and SIGINT set a flag and interrupt blocking calls (no SA_RESTART, and a timer repeats the interruption, so that a signal that
 * comes just before the call is not lost). Loops ask now and then; plan_check fails with CANCELLED.
 */
bool plan_cancelled(void);
int plan_check(struct rt_error *err);
