#include "monitor/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "monitor/status.h"

static const char *const stream_names[] = {"stdout", "stderr"};

static int open_file(struct log *log, struct rt_error *err)
{
    struct stat status;
    auto_close int fd = open(log->options.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 || fstat(fd, &status)) return rt_fail_at(err, log->options.path, "NATIVE_FAILED", errno, "open", "cannot open the log '%s'", log->options.path);
    log->fd = take_fd(&fd);
    log->size = status.st_size;
    return 0;
}

int log_open(struct log *log, const struct log_options *options, struct rt_error *err)
{
    *log = (struct log){.options = *options, .fd = -1, .files = {.path = options->path, .kept = options->max_files - 1, .compress = options->compress}};
    if (options->driver == LOG_NONE) return 0;
    if (options->driver == LOG_JOURNALD) return journal_open(options->path, &log->fd, err);
    if (open_file(log, err)) return -1;
    if (log->size > 0) log_files_tidy(&log->files); /* an earlier run may have left what a reader needed then */
    return 0;
}

static void rotate(struct log *log)
{
    struct rt_error ignored;
    log_files_rotate(&log->files);
    util_close(&log->fd);
    open_file(log, &ignored);
}

/* Length of the UTF-8 sequence at `at`, 0 where there is none. */
static size_t sequence(const unsigned char *at, size_t left)
{
    size_t size = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : at[0] >= 0xe0 && at[0] < 0xf0 ? 3 : at[0] >= 0xf0 && at[0] < 0xf5 ? 4 : 0;
    if (size == 0 || size > left) return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    /* overlong forms, surrogates, beyond U+10FFFF */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)) return 0;
    return size;
}

static int put_escaped(struct buf *out, unsigned char c, struct rt_error *err)
{
    switch (c) {
    case '\n': return buf_str(out, "\\n", err);
    case '\r': return buf_str(out, "\\r", err);
    case '\t': return buf_str(out, "\\t", err);
    case '"': return buf_str(out, "\\\"", err);
    case '\\': return buf_str(out, "\\\\", err);
    default: return buf_printf(out, err, "\\u%04x", c);
    }
}

static int put_text(struct buf *out, const char *data, size_t size, struct rt_error *err)
{
    const unsigned char *at = (const unsigned char *)data;
    for (size_t i = 0; i < size;) {
        size_t plain = i, length;
        while (plain < size && at[plain] >= 0x20 && at[plain] != '"' && at[plain] != '\\' && (length = sequence(at + plain, size - plain)) > 0) plain += length;
        if (plain > i && buf_add(out, at + i, plain - i, err)) return -1;
        if (plain == size) return 0;
        if (at[plain] >= 0x80 ? buf_str(out, "\\ufffd", err) : put_escaped(out, at[plain], err)) return -1;
        i = plain + 1;
    }
    return 0;
}

/* All of it, or nothing: half a line would spoil the next one as well. */
static void write_entries(struct log *log, size_t size)
{
    if (size == 0 || log->fd < 0) return;
    if (write_all(log->fd, log->encoded.data, size) == 0)
        log->size += (int64_t)size;
    else
        (void)!ftruncate(log->fd, log->size);
}

static void flush(struct log *log)
{
    write_entries(log, log->encoded.size);
    buf_cut(&log->encoded, 0);
}

/* Whether there is somewhere to write to. What could not be opened after a rotation is tried again. */
static bool is_open(struct log *log)
{
    struct rt_error ignored;
    return log->fd >= 0 || ((log->options.driver == LOG_JSON_FILE || log->options.driver == LOG_LOCAL) && open_file(log, &ignored) == 0);
}

static void put_entry(struct log *log, enum log_stream stream, const char *data, size_t size, const char *time)
{
    struct rt_error ignored;
    size_t before = log->encoded.size;
    if (log->options.driver == LOG_JOURNALD) {
        bool whole = data[size - 1] == '\n';
        journal_send(log->fd, log->options.fields, stream, data, size - whole, !whole && !log->ending);
        return;
    }
    if (buf_str(&log->encoded, "{\"log\":\"", &ignored) || put_text(&log->encoded, data, size, &ignored) ||
        buf_printf(&log->encoded, &ignored, "\",\"stream\":\"%s\",", stream_names[stream]) ||
        (log->options.attributes && buf_printf(&log->encoded, &ignored, "\"attrs\":%s,", log->options.attributes)) || buf_printf(&log->encoded, &ignored, "\"time\":\"%s\"}\n", time)) {
        buf_cut(&log->encoded, before);
        return;
    }
    int64_t entry = (int64_t)(log->encoded.size - before);
    if (log->options.max_size == 0 || log->size + (int64_t)log->encoded.size <= log->options.max_size || log->size + (int64_t)before == 0) return;
    /* This entry is the first of the next file. */
    write_entries(log, before);
    rotate(log);
    memmove(log->encoded.data, log->encoded.data + before, (size_t)entry);
    buf_cut(&log->encoded, (size_t)entry);
}

/* Where to cut a line that is too long: not within a character. */
static size_t cut(const char *data, size_t size)
{
    const unsigned char *at = (const unsigned char *)data;
    for (size_t back = 1; back < 4 && back < size; back++)
        if (at[size - back] >= 0xc0) return sequence(at + size - back, back) ? size : size - back;
    return size;
}

void log_write(struct log *log, enum log_stream stream, const char *data, size_t size)
{
    struct rt_error ignored;
    struct buf *pending = &log->pending[stream];
    struct timespec now;
    char time[TIMESTAMP_SIZE];
    if (!is_open(log)) return;
    clock_gettime(CLOCK_REALTIME, &now);
    timestamp(&now, time);
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t line = end ? (size_t)(end - data) + 1 : size, room = LOG_LINE - pending->size, part = line < room ? line : room;
        /* The newline of a line that fits exactly goes with it. */
        if (pending->size == 0 && end && line <= LOG_LINE + 1) {
            put_entry(log, stream, data, line, time);
            part = line;
        } else if (buf_add(pending, data, part, &ignored) == 0 && (pending->size == LOG_LINE || (end && part == line))) {
            size_t whole = pending->data[pending->size - 1] == '\n' ? pending->size : cut(pending->data, pending->size);
            put_entry(log, stream, pending->data, whole, time);
            memmove(pending->data, pending->data + whole, pending->size - whole);
            buf_cut(pending, pending->size - whole);
        }
        data += part;
        size -= part;
        if (log->encoded.size > 65536) flush(log);
    }
    flush(log);
}

void log_end(struct log *log, enum log_stream stream)
{
    struct timespec now;
    char time[TIMESTAMP_SIZE];
    struct buf *pending = &log->pending[stream];
    if (pending->size > 0 && is_open(log)) {
        clock_gettime(CLOCK_REALTIME, &now);
        timestamp(&now, time);
        log->ending = true;
        put_entry(log, stream, pending->data, pending->size, time);
        log->ending = false;
        flush(log);
    }
    buf_cut(pending, 0);
}

void log_close(struct log *log)
{
    util_close(&log->fd);
    log_files_close(&log->files);
    buf_free(&log->pending[LOG_STDOUT]);
    buf_free(&log->pending[LOG_STDERR]);
    buf_free(&log->encoded);
}
