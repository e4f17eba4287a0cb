#include "monitor/log_files.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/util.h"

/* A reader that is so far behind reads another log. */
#define MOST_FILES 100000

static const char *const endings[] = {"", ".gz"};

/* The name of file `number`, `ending` ".gz" or "". */
static char *name_of(const struct log_files *files, int64_t number, const char *ending)
{
    struct rt_error ignored;
    return number == 0 ? rt_strdup(files->path, &ignored) : rt_printf(&ignored, "%s.%lld%s", files->path, (long long)number, ending);
}

/* 0: there is no such file. */
static uint64_t inode_of(const struct log_files *files, int64_t number, const char *ending)
{
    struct stat status;
    auto_free char *name = name_of(files, number, ending);
    return name && lstat(name, &status) == 0 ? status.st_ino : 0;
}

static bool exists(const struct log_files *files, int64_t number)
{
    return inode_of(files, number, "") || inode_of(files, number, ".gz");
}

static void drop(const struct log_files *files, int64_t number, const char *ending)
{
    auto_free char *name = name_of(files, number, ending);
    if (name) unlink(name);
}

/* How many files are rotated. One may be missing: a crash came between two renames. */
static int64_t count(const struct log_files *files)
{
    int64_t last = 0;
    for (int64_t number = 1; number <= last + 2 && number < MOST_FILES; number++)
        if (exists(files, number)) last = number;
    return last;
}

/* The number of the oldest file that somebody has not read yet; 0 when only the newest matters. */
static int64_t oldest_needed(const struct log_files *files)
{
    int64_t last = files->readers ? count(files) : 0, needed = 0;
    for (const struct log_reader *reader = files->readers; reader; reader = reader->next) {
        if (reader->stuck) continue;
        int64_t number = last;
        while (reader->inode && number > needed && inode_of(files, number, "") != reader->inode && inode_of(files, number, ".gz") != reader->inode) number--;
        if (number > needed) needed = number;
    }
    return needed;
}

/* Names the original, by which a reader that has it open finds its place again. */
static gz_header header_of(unsigned char extra[12], uint64_t inode)
{
    const uint64_t number = htole64(inode);
    memcpy(extra, "TS\x08\0", 4);
    memcpy(extra + 4, &number, sizeof number);
    return (gz_header){.extra = extra, .extra_len = 12, .os = 3};
}

static int deflate_file(int in, int out, uint64_t inode)
{
    unsigned char from[65536], to[65536], extra[12];
    gz_header header = header_of(extra, inode);
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflateSetHeader(&stream, &header) != Z_OK) return -1;
    int result = Z_OK;
    while (result != Z_STREAM_END) {
        ssize_t size = read(in, from, sizeof from);
        if (size < 0) return -1;
        stream.next_in = from;
        stream.avail_in = (unsigned)size;
        do {
            stream.next_out = to;
            stream.avail_out = sizeof to;
            result = deflate(&stream, size == 0 ? Z_FINISH : Z_NO_FLUSH);
            if (result == Z_STREAM_ERROR || write_all(out, to, sizeof to - stream.avail_out)) return -1;
        } while (stream.avail_out == 0);
    }
    return 0;
}

/* In a process of its own: the container's output does not wait for it. */
static void compress_file(const char *plain, const char *packed)
{
    struct stat status;
    struct rt_error ignored;
    auto_free char *temporary = rt_printf(&ignored, "%s.new", packed);
    auto_close int in = open(plain, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    auto_close int out = temporary ? open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640) : -1;
    if (in < 0 || out < 0 || fstat(in, &status) || deflate_file(in, out, status.st_ino) || rename(temporary, packed)) {
        if (temporary) unlink(temporary);
        return;
    }
    unlink(plain);
}

static void compress_one(struct log_files *files, int64_t from)
{
    for (int64_t number = count(files); number >= from && files->compressor == 0; number--) {
        if (!inode_of(files, number, "")) continue;
        auto_free char *plain = name_of(files, number, ""), *packed = name_of(files, number, ".gz");
        if (!plain || !packed) return;
        pid_t monitor = getpid(), pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* who finds the monitor gone may remove the directory */
            if (getppid() == monitor && close_descriptors(3, ~0u, 0) == 0) compress_file(plain, packed);
            _exit(0);
        }
        if (pid > 0) files->compressor = pid;
        if (pid < 0) return;
    }
}

static void await_compressor(struct log_files *files)
{
    while (files->compressor > 0 && waitpid(files->compressor, NULL, 0) < 0 && errno == EINTR) continue;
    files->compressor = 0;
}

void log_files_tidy(struct log_files *files)
{
    int64_t needed = oldest_needed(files), allowed = needed > files->kept ? needed : files->kept;
    for (int64_t number = count(files); number > allowed; number--)
        for (size_t i = 0; i < ARRAY_LEN(endings); i++) drop(files, number, endings[i]);
    if (files->compress) compress_one(files, needed + 1);
}

void log_files_rotate(struct log_files *files)
{
    await_compressor(files);
    int64_t needed = oldest_needed(files), last = count(files), allowed = files->readers && needed + 1 > files->kept ? needed + 1 : files->kept;
    for (int64_t number = last; number >= 0; number--)
        for (size_t i = 0; i < (number ? ARRAY_LEN(endings) : 1); i++) {
            if (number + 1 > allowed) {
                drop(files, number, endings[i]);
                continue;
            }
            auto_free char *from = name_of(files, number, endings[i]), *to = name_of(files, number + 1, endings[i]);
            if (!from || !to) return; /* no memory: the file grows until there is */
            rename(from, to);
        }
    if (files->compress) log_files_tidy(files);
}

bool log_files_behind(const struct log_files *files)
{
    return files->readers && oldest_needed(files) > files->kept;
}

void log_files_give_up(struct log_files *files)
{
    for (struct log_reader *reader = files->readers; reader; reader = reader->next) {
        struct log_reader *next = reader->next;
        reader->next = NULL;
        const struct log_files alone = {.path = files->path, .readers = reader};
        if (oldest_needed(&alone) > files->kept) reader->stuck = true;
        reader->next = next;
    }
    log_files_tidy(files);
}

bool log_files_ended(struct log_files *files, pid_t pid)
{
    if (pid == 0 || pid != files->compressor) return false;
    files->compressor = 0;
    log_files_tidy(files);
    return true;
}

void log_files_close(struct log_files *files)
{
    await_compressor(files);
    while (files->readers) log_reader_remove(files->readers);
}

void log_reader_add(struct log_files *files, struct log_reader *reader)
{
    if (reader->self) return;
    *reader = (struct log_reader){.next = files->readers, .self = &files->readers};
    if (reader->next) reader->next->self = &reader->next;
    files->readers = reader;
}

void log_reader_remove(struct log_reader *reader)
{
    if (!reader->self) return;
    *reader->self = reader->next;
    if (reader->next) reader->next->self = reader->self;
    *reader = (struct log_reader){0};
}
