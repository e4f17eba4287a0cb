#pragma once
#include "network/types.h"

/*
 * Makes the kernel forget the UDP flows towards these published ports. A flow keeps the translation it began with, so a client that goes on sending
 * would reach the address of a container that is gone, or nothing, for as long as it does. Where the kernel has no conntrack there is nothing to forget.
 */
void conntrack_forget(const struct port *ports, size_t count);
