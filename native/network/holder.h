#pragma once
#include <stddef.h>

#include "network/types.h"

/*
 * Who holds a port of this machine: "container web" (a monitor of tsbuild: its run directory has the name) or "nginx (pid 123)"; an empty text
 * where it cannot be found (`witness`: a process of the machine's network namespace, 0 for ourselves; the kernel itself, or another network namespace's process). Reads /proc/net and, for the owner of the socket, /proc/<pid>/fd.
 */
void port_holder(const struct port *port, pid_t witness, char *out, size_t size);
