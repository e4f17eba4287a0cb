#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "runtime/cgroup.h"
#include "runtime/state.h"
#include "tests/fuzz_directory.h"

/* libFuzzer harness: any bytes as the record of a container (state.json), read as `state`, `kill` and `delete` read it. Nobody is killed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int directory = -1;
    struct rt_error err;
    struct cgroup *cgroup = NULL;
    auto_state struct state state = { 0 };
    if (directory < 0) directory = fuzz_directory();
    auto_close int fd = openat(directory, "state.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write_all(fd, data, size) < 0) abort();
    if (state_read(directory, &state, &err) < 0) return 0;
    state_status(directory, &state);
    if (cgroup_open(state.cgroup, &cgroup, &err) == 0) cgroup_free(cgroup);
    return 0;
}
