#include <stdlib.h>

#include "base/util.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"

/* libFuzzer harness: any bytes as a config.json, and its system call filter compiled for the kernel. Nothing is carried out. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rt_error err;
    auto_spec struct spec *spec = spec_parse((const char *)data, size, &err);
    if (!spec || !spec->linux.seccomp) return 0;
    struct sock_fprog program = { 0 };
    if (filter_compile(spec->linux.seccomp, -1, &program, &err) == 0) free(program.filter);
    return 0;
}
