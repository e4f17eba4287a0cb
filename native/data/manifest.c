#include "data/manifest.h"

#include <string.h>
#include <time.h>

#include "base/path.h"

static const char magic[8] = "tsbfile1";

int manifest_create(struct manifest_writer *writer, const char *path, struct rt_error *err)
{
    *writer = (struct manifest_writer){ 0 };
    if (!path) return 0;
    if (clock_gettime(CLOCK_REALTIME_COARSE, &writer->started) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "clock_gettime", "cannot read the clock");
    writer->file = fopen(path, "we");
    if (!writer->file) return path_fail(err, errno, "fopen", path, "create the file");
    if (fwrite(magic, sizeof magic, 1, writer->file) != 1) return path_fail(err, errno, "fwrite", path, "write the file");
    return 0;
}

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

int manifest_add(struct manifest_writer *writer, const char *path, const struct stat *st, const uint8_t digest[CONTENT_DIGEST],
                 struct rt_error *err)
{
    if (!writer->file) return 0;
    struct manifest_record record = { .device = st->st_dev,
                                      .inode = st->st_ino,
                                      .size = (uint64_t)st->st_size,
                                      .mtime = nanoseconds(&st->st_mtim),
                                      .ctime = nanoseconds(&st->st_ctim),
                                      .mode = st->st_mode,
                                      .path_size = (uint32_t)strlen(path) };
    if (digest) memcpy(record.digest, digest, CONTENT_DIGEST);
    if (fwrite(&record, sizeof record, 1, writer->file) != 1 || (record.path_size > 0 && fwrite(path, record.path_size, 1, writer->file) != 1))
        return rt_fail(err, "NATIVE_FAILED", errno, "fwrite", "cannot write a manifest of files");
    return 0;
}

int manifest_finish(struct manifest_writer *writer, struct rt_error *err)
{
    if (!writer->file) return 0;
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, writer->started };
    bool timed = fflush(writer->file) == 0 && futimens(fileno(writer->file), times) == 0;
    int status = fclose(writer->file);
    writer->file = NULL;
    return timed && status == 0 ? 0 : rt_fail(err, "NATIVE_FAILED", errno, "fclose", "cannot write a manifest of files");
}

int manifest_open(struct manifest_reader *reader, const char *path, struct rt_error *err)
{
    char found[sizeof magic];
    struct stat st;
    *reader = (struct manifest_reader){ .file = fopen(path, "re") };
    if (!reader->file || fstat(fileno(reader->file), &st) < 0) return path_fail(err, errno, "fopen", path, "read the file");
    reader->started = st.st_mtim.tv_sec;
    if (fread(found, sizeof found, 1, reader->file) == 1 && memcmp(found, magic, sizeof magic) == 0) return 0;
    return rt_fail_at(err, path, "NATIVE_FAILED", 0, NULL, "'%s' is not a manifest of files", path);
}

int manifest_next(struct manifest_reader *reader, struct rt_error *err)
{
    if (fread(&reader->record, sizeof reader->record, 1, reader->file) != 1) {
        if (feof(reader->file)) return 0;
        return rt_fail(err, "NATIVE_FAILED", errno, "fread", "cannot read a manifest of files");
    }
    buf_cut(&reader->path, 0);
    size_t size = reader->record.path_size;
    if (buf_reserve(&reader->path, size + 1, err) < 0) return -1;
    if (size > 0 && fread(reader->path.data, size, 1, reader->file) != 1) return rt_fail(err, "NATIVE_FAILED", 0, NULL, "a manifest of files ends early");
    reader->path.data[size] = '\0';
    reader->path.size = size;
    return 1;
}

void manifest_close(struct manifest_reader *reader)
{
    if (reader->file) fclose(reader->file);
    buf_free(&reader->path);
    *reader = (struct manifest_reader){ 0 };
}

bool manifest_matches(const struct manifest_record *record, const struct stat *st)
{
    return record->device == st->st_dev && record->inode == st->st_ino && record->size == (uint64_t)st->st_size && record->mode == st->st_mode &&
           record->mtime == nanoseconds(&st->st_mtim) && record->ctime == nanoseconds(&st->st_ctim);
}
