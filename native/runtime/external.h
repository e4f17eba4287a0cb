#pragma once
#include "base/error.h"
#include "runtime/container.h"
#include "runtime/exec.h"

/*
 * Another OCI runtime (crun, runc, runsc, …) in the place of our own: a bundle is written for it, its command line is called, and the init process that it leaves becomes our child, since
 * we are its subreaper. A guard process deletes the container when we are killed.
 */
struct external;

int external_create(struct container *container, struct rt_error *err);
int external_start(struct container *container, struct rt_error *err);
/* "pause", "resume" */
int external_call(const struct container *container, const char *verb, struct rt_error *err);
/* Deletes the container there and takes the bundle away; frees the handle. */
int external_delete(struct external *external, const char *id, struct rt_error *err);
void external_free(struct external *external);

/* As exec_start. */
int external_exec(const struct exec_params *params, struct exec_result *out, struct rt_error *err);
