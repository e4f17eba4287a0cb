#include "network/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define TCP_LISTENING 0x0a

/* /proc/net has each 32 bit word of an address as the number that the machine reads it as. */
static struct address parse_kernel_address(const char *text)
{
    struct address a = { 0 };
    size_t size = strlen(text) / 2;
    if (size != 4 && size != 16)
        return a;
    a.family = size == 4 ? AF_INET : AF_INET6;
    a.prefix = size == 4 ? 32 : 128;
    for (size_t word = 0; word * 4 < size; word++) {
        unsigned value;
        if (sscanf(text + word * 8, "%8x", &value) == 1)
            memcpy(a.bytes + word * 4, &value, 4);
    }
    return a;
}

/* Do the two addresses exclude each other for one port? A wildcard of IPv6 may hold IPv4 as well. */
static bool clash(const struct address *held, const struct address *wanted)
{
    if (address_is_any(held) || address_is_any(wanted))
        return held->family == wanted->family || held->family == AF_INET6;
    return address_equal(held, wanted);
}

/* The inode of the socket that holds the port, or 0. */
static unsigned long find_socket(const char *table, const struct port *port)
{
    auto_file FILE *file = fopen(table, "re");
    char line[512];
    while (file && fgets(line, sizeof line, file)) {
        char local[33];
        unsigned local_port, state;
        unsigned long inode;
        if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu", local, &local_port, &state, &inode) != 4)
            continue;
        struct address held = parse_kernel_address(local);
        if (local_port == port->host_port && inode != 0 && (port->protocol == IPPROTO_UDP || state == TCP_LISTENING) && held.family != 0 &&
            clash(&held, &port->host_address))
            return inode;
    }
    return 0;
}

static unsigned long find_in(pid_t witness, bool six, const struct port *port)
{
    char table[64], process[16] = "self";
    if (witness > 0)
        snprintf(process, sizeof process, "%d", witness);
    snprintf(table, sizeof table, "/proc/%s/net/%s%s", process, protocol_name(port->protocol), six ? "6" : "");
    return find_socket(table, port);
}

static ssize_t read_text(int dir, const char *path, char *out, size_t size)
{
    auto_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read_all(fd, out, size - 1);
    if (n < 0)
        return -1;
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return n;
}

static bool process_has(int process, const char *wanted)
{
    auto_close int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return false;
    take_fd(&fd);
    char target[64];
    for (const struct dirent *entry; (entry = readdir(dir));) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (n > 0 && (target[n] = '\0', strcmp(target, wanted) == 0))
            return true;
    }
    return false;
}

static void describe(int process, const char *pid, char *out, size_t size)
{
    char program[64] = "", name[256] = "", directory[512];
    read_text(process, "comm", program, sizeof program);
    ssize_t n = strcmp(program, "tsbuild-monitor") == 0 ? readlinkat(process, "cwd", directory, sizeof directory - 1) : -1;
    if (n > 0) {
        directory[n] = '\0';
        auto_close int run_dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (run_dir >= 0 && read_text(run_dir, "name", name, sizeof name) > 0) {
            snprintf(out, size, "the container '%s'", name);
            return;
        }
    }
    snprintf(out, size, "%s (pid %s)", program[0] ? program : "a process", pid);
}

void port_holder(const struct port *port, pid_t witness, char *out, size_t size)
{
    unsigned long inode = find_in(witness, port->host_address.family == AF_INET6, port);
    if (inode == 0)
        inode = find_in(witness, port->host_address.family != AF_INET6, port);
    out[0] = '\0';
    if (inode == 0)
        return;
    char wanted[48];
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    auto_dir DIR *proc = opendir("/proc");
    for (const struct dirent *entry; proc && (entry = readdir(proc));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        auto_close int process = openat(dirfd(proc), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (process >= 0 && process_has(process, wanted)) {
            describe(process, entry->d_name, out, size);
            return;
        }
    }
}
