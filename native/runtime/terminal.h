#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "runtime/spec.h"

/*
 * A terminal of the container's own devpts: the master goes to the caller's side, the slave becomes the process's controlling terminal. The device is checked on the
 * descriptor itself, so that nothing an image put in the place can pass for it (CVE-2025-52565).
 */
struct terminal {
    int master, slave;
};

/* Opens a pair in the devpts that is mounted at dev/pts below `rootfd`, sets size and owner. */
int terminal_open(int rootfd, const struct spec_process *process, bool plain_newlines, struct terminal *out, struct rt_error *err);
/* Binds the slave on /dev/console. */
int terminal_bind_console(int rootfd, const struct terminal *terminal, struct rt_error *err);
/* Makes the slave the controlling terminal and standard streams of the calling session leader. */
int terminal_take(struct terminal *terminal, struct rt_error *err);

/* Sends the master to the unix socket at `path`, with its name as data, as `--console-socket` of runc has it. */
int terminal_send(const char *path, int master, struct rt_error *err);
