#pragma once
#include "monitor/config.h"
#include "monitor/log_files.h"

/*
 * What a container writes, kept as docker's json-file driver does: one line `{"log":"text\n","stream":"stdout","time":"…"}` for each line of output, with `"attrs":{…}` before the time where there are some; lines longer than
 * LOG_LINE are cut into several entries, of which only the last ends with a newline. A file that would grow beyond its size is rotated
 * (log_files.h). The drivers json-file and local write the same format; journald gets an entry for each line instead (journal.c).
 */
#define LOG_LINE 16384

enum log_stream { LOG_STDOUT, LOG_STDERR };

struct log {
    struct log_options options;
    int fd; /* -1: nothing is kept */
    int64_t size;
    struct buf pending[2]; /* the beginning of a line whose end has not come, for each stream */
    struct buf encoded;
    struct log_files files;
    bool ending; /* what is left of a line at the end of its stream */
};

/* Connects to the journal. FEATURE_MISSING where there is none. */
int journal_open(const char *path, int *out, struct rt_error *err);
/* Sends one line, its newline left away; `partial` when it goes on in the next. */
void journal_send(int fd, const char *const *fields, enum log_stream stream, const char *data, size_t size, bool partial);

/* Continues a log of an earlier run. */
int log_open(struct log *log, const struct log_options *options, struct rt_error *err);
/* Keeps `data`. A disk that is full loses lines, whole ones, as there is nobody to tell; the container goes on, and so does the log once there is room. */
void log_write(struct log *log, enum log_stream stream, const char *data, size_t size);
/* The end of a stream: what is left of a line is kept without its newline. */
void log_end(struct log *log, enum log_stream stream);
void log_close(struct log *log);
