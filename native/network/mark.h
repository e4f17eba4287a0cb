#pragma once

/*
 * How tsbuild marks what it makes in the kernel: as comment of an nftables rule and as alias of an interface. The run directory of a container
 * says whose it is, whatever store it belongs to, and its monitor.lock whether the owner lives.
 */
#define MARK_BRIDGE "tsbuild bridge"
#define MARK_CONTAINER "tsbuild container "
#define MARK_SANDBOX "tsbuild sandbox"
