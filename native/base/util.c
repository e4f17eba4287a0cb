#include "base/util.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void util_close(int *fd)
{
    if (*fd < 0) return;
    int saved = errno;
    close(*fd);
    *fd = -1;
    errno = saved;
}

/* What of descriptors can be had without CAP_SYS_RESOURCE on a machine as it is; a program that has more than these does not leave them to us. */
#define MOST_DESCRIPTORS (1u << 20)

int close_descriptors(unsigned first, unsigned last, int flags)
{
    if (close_range(first, last, flags) == 0) return 0;
    if (errno != ENOSYS && errno != EPERM) return -1;
    /* A filter around us does not know it: one by one, as what is mounted at /proc may be the container's. */
    for (unsigned fd = first; fd <= last && fd < MOST_DESCRIPTORS; fd++) {
        if (!(flags & (int)CLOSE_RANGE_CLOEXEC)) close((int)fd);
        else if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) && errno != EBADF) return -1;
    }
    return 0;
}

int close_all_but(unsigned first, const int *kept, size_t count)
{
    for (;;) {
        unsigned next = UINT_MAX;
        for (size_t i = 0; i < count; i++)
            if (kept[i] >= 0 && (unsigned)kept[i] >= first && (unsigned)kept[i] < next) next = (unsigned)kept[i];
        if (next == UINT_MAX) return close_descriptors(first, UINT_MAX, 0);
        if (next > first && close_descriptors(first, next - 1, 0)) return -1;
        first = next + 1;
    }
}

void util_free(void *pointer_to_pointer)
{
    void *p;
    memcpy(&p, pointer_to_pointer, sizeof p);
    free(p); /* glibc's free keeps errno since 2.33 */
}

void util_closedir(DIR **dir)
{
    if (!*dir) return;
    int saved = errno;
    closedir(*dir);
    errno = saved;
}

void util_fclose(FILE **file)
{
    if (!*file) return;
    int saved = errno;
    fclose(*file);
    errno = saved;
}

ssize_t read_all(int fd, void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, (char *)data + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t pread_all(int fd, void *data, size_t size, off_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, (char *)data + done, size - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int write_all(int fd, const void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(fd, (const char *)data + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        done += (size_t)n;
    }
    return 0;
}

int buf_reserve(struct buf *buf, size_t more, struct rt_error *err)
{
    if (more < buf->capacity - buf->size) return 0; /* one byte is kept for the NUL */
    if (more > SIZE_MAX / 4 || buf->size > SIZE_MAX / 4) return rt_nomem(err);
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity - buf->size <= more) capacity *= 2;
    char *data = realloc(buf->data, capacity);
    if (!data) return rt_nomem(err);
    buf->data = data;
    buf->capacity = capacity;
    return 0;
}

int buf_add(struct buf *buf, const void *data, size_t size, struct rt_error *err)
{
    if (buf_reserve(buf, size, err) < 0) return -1;
    if (size > 0) memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
    return 0;
}

int buf_str(struct buf *buf, const char *text, struct rt_error *err)
{
    return buf_add(buf, text, strlen(text), err);
}

int buf_printf(struct buf *buf, struct rt_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text;
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) return rt_nomem(err);
    int result = buf_add(buf, text, (size_t)n, err);
    free(text);
    return result;
}

void buf_cut(struct buf *buf, size_t size)
{
    if (!buf->data || size >= buf->size) return;
    buf->size = size;
    buf->data[size] = '\0';
}

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){ 0 };
}

int read_fd(int fd, size_t limit, struct buf *out, const char *code, const char *what, struct rt_error *err)
{
    for (;;) {
        if (buf_reserve(out, 16384, err) < 0) return -1;
        ssize_t n = read(fd, out->data + out->size, out->capacity - out->size - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return rt_fail(err, "NATIVE_FAILED", errno, "read", "cannot read %s", what);
        out->size += (size_t)n;
        out->data[out->size] = '\0';
        if (n == 0) return 0;
        if (out->size > limit) return rt_fail(err, code, 0, NULL, "cannot read %s: it is larger than %zu bytes", what, limit);
    }
}

char *rt_strdup(const char *text, struct rt_error *err)
{
    char *copy = strdup(text);
    if (!copy) rt_nomem(err);
    return copy;
}

char *rt_memdup(const char *data, size_t size, struct rt_error *err)
{
    char *copy = malloc(size + 1);
    if (!copy) {
        rt_nomem(err);
        return NULL;
    }
    if (size > 0) memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

char *rt_printf(struct rt_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text;
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n >= 0) return text;
    rt_nomem(err);
    return NULL;
}

static bool digits_only(const char *text, char last)
{
    if (*text == '\0') return false;
    for (; *text; text++)
        if (*text < '0' || *text > last) return false;
    return true;
}

bool parse_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
    if (!digits_only(*text == '-' ? text + 1 : text, '9')) return false;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno != 0 || value < min || value > max) return false;
    *out = value;
    return true;
}

bool parse_u64(const char *text, uint64_t max, uint64_t *out)
{
    if (!digits_only(text, '9')) return false;
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (errno != 0 || value > max) return false;
    *out = value;
    return true;
}

bool parse_octal(const char *text, uint64_t max, uint64_t *out)
{
    if (!digits_only(text, '7')) return false;
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 8);
    if (errno != 0 || value > max) return false;
    *out = value;
    return true;
}

void hex(const unsigned char *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * size] = '\0';
}

void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool readable_within(int fd, int milliseconds)
{
    struct pollfd waited = {.fd = fd, .events = POLLIN};
    for (int64_t end = now_ms() + milliseconds, left = milliseconds;; left = end - now_ms()) {
        int ready = poll(&waited, 1, left > 0 ? (int)left : 0);
        if (ready >= 0 || errno != EINTR) return ready > 0;
    }
}

void pause_ms(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000}, NULL);
}
