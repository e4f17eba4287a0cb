#pragma once
#include "base/error.h"
#include "runtime/spec.h"

/*
 * linux.netDevices (runtime-spec 1.3): moves interfaces of the host into the network namespace `netns`, under their new names, with their permanent global addresses, and brings
 * them up. Code NETWORK_FAILED.
 */
int net_devices_move(const struct spec_linux *config, int netns, struct rt_error *err);
