#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "data/apply-tree.h"
#include "data/input.h"
#include "data/remove-tree.h"

/*
 * libFuzzer harness: any bytes as a layer, unpacked alone, merged and as an archive into a directory of a tmpfs that only this process sees. What lies
 * beside that directory must stay as it is. Needs root.
 */
#define PLACE "/tmp"

static int place = -1;
static struct stat secret;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", PLACE, "tmpfs", 0, "size=64m") < 0) abort();
    place = open(PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(place, "secret", O_WRONLY | O_CREAT, 0600);
    if (fd < 0 || fstat(fd, &secret) < 0) abort();
    close(fd);
    umask(0);
    return 0;
}

/* A field that checksums protect would hide all else from the fuzzer: they are made right. */
static void mend_checksums(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + 512 <= size; at += 512) {
        if (memcmp(data + at + 257, "ustar", 5) != 0) continue;
        unsigned sum = 8 * ' ';
        for (size_t i = 0; i < 512; i++)
            if (i < 148 || i >= 156) sum += data[at + i];
        char text[8];
        snprintf(text, sizeof text, "%06o", sum & 0777777);
        memcpy(data + at + 148, text, 7);
        data[at + 155] = ' ';
    }
}

/* `file`: read from there, else from memory. */
static void unpack(const uint8_t *data, size_t size, int file, const struct apply_options *options)
{
    struct rt_error err;
    const struct input_options from = {
        .source = { .fd = file, .data = file < 0 ? data : NULL, .size = file < 0 ? size : 0 }, .detect = true, .hash = true, .limit = 8u << 20
    };
    if (mkdirat(place, "root", 0755) < 0) abort();
    int root = openat(place, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    {
        auto_input struct input *input = input_open(&from, &err);
        auto_tar_reader struct tar_reader *reader = input ? tar_reader_open(input, &err) : NULL;
        auto_apply_tree struct apply_tree *tree = apply_tree_open(root, options, &err);
        struct tar_entry entry;
        int more = 0;
        while (reader && (more = tar_next(reader, &entry, &err)) == 1)
            if (apply_entry(tree, &entry, reader, &err) < 0) break;
        if (more == 0) apply_finish(tree, &err);
    }
    close(root);
    if (remove_tree(place, "root", NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    struct stat now, directory;
    if (fstatat(place, "secret", &now, AT_SYMLINK_NOFOLLOW) < 0 || now.st_ctim.tv_sec != secret.st_ctim.tv_sec || now.st_ctim.tv_nsec != secret.st_ctim.tv_nsec) abort();
    if (fstat(place, &directory) < 0 || directory.st_nlink != 2) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct apply_limits limits = { .bytes = 1u << 30, .entries = 1000 };
    const struct apply_options ways[] = { { .limits = limits }, { .merged = true, .limits = limits }, { .merged = true, .archive = true, .refuse = true, .limits = limits } };
    uint8_t *copy = malloc(size + 1);
    if (!copy) return 0;
    memcpy(copy, data, size);
    mend_checksums(copy, size);
    auto_close int file = memfd_create("layer", MFD_CLOEXEC);
    if (file < 0 || write_all(file, copy, size) < 0 || lseek(file, 0, SEEK_SET) < 0) abort();
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) unpack(copy, size, i == 1 ? file : -1, &ways[i]);
    free(copy);
    return 0;
}
