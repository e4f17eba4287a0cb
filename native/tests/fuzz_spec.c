#include <jansson.h>
#include <stdlib.h>

#include "base/util.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"

static const char least[] = "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"}}";

/* As `exec --process` and `update --resources` read them beside the config of a container. */
static void read_beside(const char *text, size_t size)
{
    struct rt_error err;
    auto_spec struct spec *spec = spec_parse(least, sizeof least - 1, &err);
    if (!spec) abort();
    spec_resources_from_text(spec, text, size, &err);
    const struct spec_process *process = spec_process_from_text(spec, text, size, &err);
    if (process) json_decref(spec_process_json(process));
}

/* libFuzzer harness: any bytes as a config.json, and its system call filter compiled for the kernel; as process and as resources. Nothing is carried out. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rt_error err;
    read_beside((const char *)data, size);
    auto_spec struct spec *spec = spec_parse((const char *)data, size, &err);
    if (!spec || !spec->linux.seccomp) return 0;
    struct sock_fprog program = { 0 };
    if (filter_compile(spec->linux.seccomp, -1, &program, &err) == 0) free(program.filter);
    return 0;
}
