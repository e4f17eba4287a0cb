#pragma once
#include <stdint.h>

/* Spellings of the runtime specification and the values that libseccomp and the kernel know; the tables end with a NULL name. */
struct seccomp_name {
    const char *name;
    uint32_t value;
};
extern const struct seccomp_name seccomp_actions[], seccomp_operators[], seccomp_architectures[], seccomp_flags[];

const struct seccomp_name *seccomp_name_find(const struct seccomp_name *table, const char *name);
