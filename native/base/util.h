#pragma once
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/error.h"

/* Lifetimes by scope: `auto_close int fd = -1;`. Destructors keep errno. Give ownership away with take_fd(&fd) or take_ptr(&p). */
void util_close(int *fd); /* and sets it to -1 */
void util_free(void *pointer_to_pointer);
void util_closedir(DIR **dir);
void util_fclose(FILE **file);
#define auto_close __attribute__((cleanup(util_close)))
#define auto_free __attribute__((cleanup(util_free)))
#define auto_dir __attribute__((cleanup(util_closedir)))
#define auto_file __attribute__((cleanup(util_fclose)))
#define auto_buf __attribute__((cleanup(buf_free)))

static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define take_ptr(p)                                                                                                                        \
    ({                                                                                                                                     \
        __typeof__(*(p)) taken_ = *(p);                                                                                                    \
        *(p) = NULL;                                                                                                                       \
        taken_;                                                                                                                            \
    })

/* close_range, also where a filter around us does not know it. `flags`: 0 or CLOSE_RANGE_CLOEXEC. 0, or -1 with errno. */
int close_descriptors(unsigned first, unsigned last, int flags);

/* Closes all descriptors from `first` on but those in `kept` (-1: none). 0, or -1 with errno. */
int close_all_but(unsigned first, const int *kept, size_t count);

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Reads until `size` bytes, end of file or an error: bytes read, or -1 with errno. EINTR is retried. */
ssize_t read_all(int fd, void *data, size_t size);
/* As read_all, at an offset; the file position is not moved. */
ssize_t pread_all(int fd, void *data, size_t size, off_t offset);
/* Writes everything: 0, or -1 with errno. EINTR and short writes are retried. */
int write_all(int fd, const void *data, size_t size);

/* A growing byte buffer; `data` is always NUL-terminated once it is not NULL. A zeroed struct is empty. */
struct buf {
    char *data;
    size_t size;
    size_t capacity;
};
int buf_reserve(struct buf *buf, size_t more, struct rt_error *err);
int buf_add(struct buf *buf, const void *data, size_t size, struct rt_error *err);
int buf_str(struct buf *buf, const char *text, struct rt_error *err);
int buf_printf(struct buf *buf, struct rt_error *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void buf_cut(struct buf *buf, size_t size);
void buf_free(struct buf *buf);

/* Reads what is left of `fd`, at most `limit` bytes. More is an error with `code`. */
int read_fd(int fd, size_t limit, struct buf *out, const char *code, const char *what, struct rt_error *err);

/* strdup, memdup and printf into fresh memory; NULL with `err` set when there is none left. */
char *rt_strdup(const char *text, struct rt_error *err);
char *rt_memdup(const char *data, size_t size, struct rt_error *err);
char *rt_printf(struct rt_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The whole of `text` as a decimal number within the bounds; false otherwise (empty, sign where none may be, blanks, overflow). */
bool parse_i64(const char *text, int64_t min, int64_t max, int64_t *out);
bool parse_u64(const char *text, uint64_t max, uint64_t *out);
bool parse_octal(const char *text, uint64_t max, uint64_t *out);

/* Default actions for all signals, and none held back: handlers, ignored signals and a mask would pass on to who is made of the calling process. */
void reset_signals(void);

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t now_ms(void);

/* Waits until the descriptor can be read from, whatever signals come; false when the time is over. */
bool readable_within(int fd, int milliseconds);

/* Sleeps, less when a signal comes. */
void pause_ms(long milliseconds);

/* "0123…" lower-case hex of `size` bytes into `out` (2 * size + 1 bytes). */
void hex(const unsigned char *data, size_t size, char *out);
