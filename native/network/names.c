#include "network/names.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

static int file_contents(const struct interface *interface, const char *run_dir, struct buf *out, struct rt_error *err)
{
    char text[INET6_ADDRSTRLEN];
    if (buf_printf(out, err, "# %s\n", run_dir ? run_dir : "") < 0)
        return -1;
    for (size_t i = 0; i < interface->address_count; i++) {
        if (buf_str(out, address_text(&interface->addresses[i], text), err) < 0)
            return -1;
        for (size_t n = 0; n < interface->name_count; n++)
            if (buf_printf(out, err, " %s", interface->names[n]) < 0)
                return -1;
        if (buf_str(out, "\n", err) < 0)
            return -1;
    }
    return 0;
}

int names_publish(const struct interface *interface, const char *id, const char *run_dir, struct rt_error *err)
{
    if (!interface->names_dir)
        return 0;
    auto_buf struct buf text = { 0 };
    auto_free char *temporary = rt_printf(err, ".%s.new", id);
    if (!temporary || file_contents(interface, run_dir, &text, err) < 0)
        return -1;
    if (mkdir(interface->names_dir, 0755) != 0 && errno != EEXIST)
        return rt_fail_at(err, interface->names_dir, "NETWORK_FAILED", errno, "mkdir", "cannot make the directory of names '%s'", interface->names_dir);
    auto_close int dir = open(interface->names_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = dir < 0 ? -1 : openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || write_all(fd, text.data ? text.data : "", text.size) < 0 || renameat(dir, temporary, dir, id) != 0)
        return rt_fail_at(err, interface->names_dir, "NETWORK_FAILED", errno, "write", "cannot publish the container's names in '%s'", interface->names_dir);
    return 0;
}

void names_withdraw(const struct interface *interface, const char *id)
{
    auto_close int dir = interface->names_dir ? open(interface->names_dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir >= 0)
        unlinkat(dir, id, 0);
}

int names_sweep(const char *path, bool (*dead)(const char *run_dir, void *context), void *context)
{
    auto_dir DIR *dir = opendir(path);
    int removed = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        char line[PATH_MAX];
        if (entry->d_name[0] == '.')
            continue;
        auto_close int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        ssize_t n = fd < 0 ? -1 : read_all(fd, line, sizeof line - 1);
        if (n < 3 || line[0] != '#')
            continue;
        line[n] = '\0';
        line[strcspn(line, "\n")] = '\0';
        if (line[2] == '/' && dead(line + 2, context))
            removed += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
    }
    return removed;
}

/* The kernel stamps changes with the time of its last tick. */
#define TICK_NS 20000000

static bool is_settled(const struct timespec *changed)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (int64_t)(now.tv_sec - changed->tv_sec) * 1000000000 + now.tv_nsec - changed->tv_nsec > TICK_NS;
}

void names_refresh(struct names *names, const char *path)
{
    struct stat status;
    auto_dir DIR *dir = opendir(path);
    if (!dir || fstat(dirfd(dir), &status) != 0) {
        names_clear(names);
        return;
    }
    if (names->settled && names->changed.tv_sec == status.st_mtim.tv_sec && names->changed.tv_nsec == status.st_mtim.tv_nsec)
        return;
    names->changed = status.st_mtim;
    names->settled = is_settled(&status.st_mtim);
    buf_cut(&names->text, 0);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        struct rt_error ignored; /* a container that left meanwhile */
        if (entry->d_name[0] == '.')
            continue;
        auto_close int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0)
            read_fd(fd, 65536, &names->text, "NETWORK_FAILED", entry->d_name, &ignored);
    }
}

void names_clear(struct names *names)
{
    buf_free(&names->text);
    *names = (struct names){ 0 };
}

/* The words of a line, first the address. */
struct line {
    char address[INET6_ADDRSTRLEN];
    const char *names, *end;
};

static const char *next_line(const char *at, struct line *out)
{
    size_t size = strcspn(at, "\n"), address = strcspn(at, " \n");
    *out = (struct line){ .names = at + address, .end = at + size };
    if (address < sizeof out->address)
        memcpy(out->address, at, address);
    return at[size] == '\n' ? at + size + 1 : at + size;
}

/* The next word behind *at; its length, 0 at the end. */
static size_t next_word(const char **at, const char *end)
{
    while (*at < end && **at == ' ')
        (*at)++;
    size_t size = 0;
    while (*at + size < end && (*at)[size] != ' ')
        size++;
    return size;
}

static bool add_address(const char *text, struct address **out, size_t *count)
{
    struct rt_error ignored;
    struct address address;
    struct address *bigger = reallocarray(*out, *count + 1, sizeof **out);
    if (!bigger)
        return false;
    *out = bigger;
    if (address_parse(text, "address", &address, &ignored) < 0)
        return false;
    bigger[(*count)++] = address;
    return true;
}

bool names_find(const struct names *names, const char *name, struct address **out, size_t *count)
{
    bool found = false;
    struct line line;
    for (const char *at = names->text.data; at && *at;) {
        at = next_line(at, &line);
        const char *word = line.names;
        for (size_t size; (size = next_word(&word, line.end)) > 0; word += size) {
            if (strlen(name) != size || strncasecmp(name, word, size) != 0)
                continue;
            found = true;
            add_address(line.address, out, count);
            break;
        }
    }
    return found;
}

bool names_find_address(const struct names *names, const struct address *address, char *out, size_t size)
{
    struct line line;
    char wanted[INET6_ADDRSTRLEN];
    address_text(address, wanted);
    for (const char *at = names->text.data; at && *at;) {
        at = next_line(at, &line);
        const char *word = line.names;
        size_t length = next_word(&word, line.end);
        if (strcmp(line.address, wanted) == 0 && length > 0 && length < size) {
            memcpy(out, word, length);
            out[length] = '\0';
            return true;
        }
    }
    return false;
}
