#include "data/unpack.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/apply-tree.h"
#include "data/input.h"
#include "data/tar.h"

#define SMALL (64u << 10)

static int rewind_file(int fd, struct rt_error *err)
{
    return lseek(fd, 0, SEEK_SET) == 0 ? 0 : rt_fail(err, "NATIVE_FAILED", errno, "lseek", "cannot read the archive again");
}

static int first_entry(int fd, struct rt_error *err)
{
    const struct input_options options = { .source = { .fd = fd }, .detect = true };
    auto_input struct input *input = input_open(&options, err);
    if (!input) return -1;
    auto_tar_reader struct tar_reader *reader = tar_reader_open(input, err);
    struct tar_entry entry;
    return reader ? tar_next(reader, &entry, err) : -1;
}

int unpack_is_archive(int fd, struct rt_error *err)
{
    int found = first_entry(fd, err);
    if (found < 0 && strcmp(err->code, "LAYER_INVALID") != 0) return -1;
    return rewind_file(fd, err) < 0 ? -1 : found > 0;
}

int unpack_archive(int fd, int rootfd, const struct unpack_options *options, struct rt_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "fstat", "cannot read the status of the archive");
    const struct input_options from = { .source = { .fd = fd }, .detect = true, .threads = !S_ISREG(st.st_mode) || st.st_size > SMALL };
    const struct apply_options to = {
        .merged = true,
        .archive = true,
        .refuse = options->refuse,
        .owned = options->owned,
        .uid = options->uid,
        .gid = options->gid,
    };
    auto_input struct input *input = input_open(&from, err);
    if (!input) return -1;
    auto_tar_reader struct tar_reader *reader = tar_reader_open(input, err);
    auto_apply_tree struct apply_tree *tree = apply_tree_open(rootfd, &to, err);
    if (!reader || !tree) return -1;
    for (;;) {
        struct tar_entry entry;
        int more = tar_next(reader, &entry, err);
        if (more < 0) return -1;
        if (more == 0) return apply_finish(tree, err);
        if (apply_entry(tree, &entry, reader, err) < 0) return -1;
    }
}
