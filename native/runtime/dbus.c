#include "runtime/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/dbus_internal.h"

enum {
    TIMEOUT_S = 25,
    MESSAGE_LIMIT = 1 << 20,
    HEADER_FIXED = 16,
    MESSAGE_CALL = 1,
    MESSAGE_ERROR = 3,
    MESSAGE_SIGNAL = 4,
};
enum field { FIELD_PATH = 1, FIELD_INTERFACE, FIELD_MEMBER, FIELD_ERROR, FIELD_REPLY_SERIAL, FIELD_DESTINATION, FIELD_SENDER, FIELD_SIGNATURE };

static int fail(struct rt_error *err, const char *call, const char *what)
{
    return rt_fail(err, "CGROUP_FAILED", errno, call, "cannot talk to systemd over D-Bus: %s", what);
}

/* Connecting */

/* "unix:path=/run/bus,guid=…;…": the first address that is a path. */
static bool address_path(const char *address, char *out, size_t size)
{
    static const char PREFIX[] = "unix:path=";
    const char *found = address ? strstr(address, PREFIX) : NULL;
    if (!found) return false;
    found += sizeof PREFIX - 1;
    int length = snprintf(out, size, "%.*s", (int)strcspn(found, ",;"), found);
    return length > 0 && (size_t)length < size;
}

static bool bus_path(bool user, char *out, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (address_path(getenv(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS"), out, size)) return true;
    if (user && !runtime) return false;
    int length = user ? snprintf(out, size, "%s/bus", runtime) : snprintf(out, size, "/run/dbus/system_bus_socket");
    return (size_t)length < size;
}

static bool systemd_path(bool user, char *out, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (user && !runtime) return false;
    int length = user ? snprintf(out, size, "%s/systemd/private", runtime) : snprintf(out, size, "/run/systemd/private");
    return (size_t)length < size;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout)) return -1;
    return take_fd(&fd);
}

static int send_bytes(int fd, const void *data, size_t size, struct rt_error *err)
{
    for (const char *at = data; size;) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return fail(err, "send", "the message was not taken");
        at += sent;
        size -= (size_t)sent;
    }
    return 0;
}

static int receive_bytes(int fd, void *data, size_t size, struct rt_error *err)
{
    for (char *at = data; size;) {
        ssize_t got = recv(fd, at, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = ECONNRESET;
        if (got <= 0) return fail(err, "recv", "there is no answer");
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

/* Who we are is what the kernel says of the socket: a user id in the words would be wrong inside of a user namespace. */
static int authenticate(int fd, struct rt_error *err)
{
    static const char HELLO[] = "\0AUTH EXTERNAL\r\nDATA\r\n", BEGIN[] = "BEGIN\r\n";
    char line[256];
    if (send_bytes(fd, HELLO, sizeof HELLO - 1, err)) return -1;
    for (;;) {
        size_t size = 0;
        do {
            if (size == sizeof line - 1) return errno = EPROTO, fail(err, "recv", "the answer is too long");
            if (receive_bytes(fd, line + size, 1, err)) return -1;
        } while (line[size++] != '\n');
        line[size] = 0;
        if (strncmp(line, "OK ", 3) == 0) return send_bytes(fd, BEGIN, sizeof BEGIN - 1, err);
        if (strncmp(line, "DATA", 4) != 0) return errno = EACCES, fail(err, "recv", "it refuses us");
    }
}

int dbus_open(bool user, struct dbus *out, struct rt_error *err)
{
    struct sockaddr_un address;
    char path[sizeof address.sun_path];
    *out = (struct dbus){.fd = -1};
    if (bus_path(user, path, sizeof path)) out->fd = connect_to(path);
    if (out->fd < 0 && systemd_path(user, path, sizeof path)) {
        out->fd = connect_to(path);
        out->direct = true;
    }
    if (out->fd < 0) return fail(err, "connect", user ? "no user bus is there" : "no system bus is there");
    if (authenticate(out->fd, err)) return dbus_close(out), -1;
    if (out->direct) return 0;
    auto_message struct dbus_message reply = {0};
    if (dbus_call(out, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", NULL, &reply, err) == 0) return 0;
    return dbus_close(out), -1;
}

void dbus_close(struct dbus *dbus)
{
    util_close(&dbus->fd);
    for (size_t i = 0; i < dbus->early_count; i++) dbus_message_free(&dbus->early[i]);
    free(dbus->early);
    dbus->early = NULL;
    dbus->early_count = 0;
}

/* Messages */

static void add_field(struct dbus_body *header, enum field field, const char *type, const char *value)
{
    const uint8_t code = (uint8_t)field;
    if (!value) return;
    body_align(header, 8);
    body_add(header, &code, 1);
    body_signature(header, type);
    if (*type == 'g') body_signature(header, value);
    else body_string(header, value);
}

static int send_call(struct dbus *dbus, const char *destination, const char *path, const char *interface, const char *member, const struct dbus_body *body, struct rt_error *err)
{
    struct dbus_body header = {0};
    const uint8_t fixed[] = {'l', MESSAGE_CALL, 0, 1};
    body_add(&header, fixed, sizeof fixed);
    body_u32(&header, body ? (uint32_t)body->data.size : 0);
    body_u32(&header, ++dbus->serial);
    size_t fields = body_begin(&header, 8);
    add_field(&header, FIELD_PATH, "o", path);
    add_field(&header, FIELD_INTERFACE, "s", interface);
    add_field(&header, FIELD_MEMBER, "s", member);
    add_field(&header, FIELD_DESTINATION, "s", destination);
    add_field(&header, FIELD_SIGNATURE, "g", body ? body->signature : NULL);
    body_end(&header, fields, 8);
    body_align(&header, 8);
    int result = header.failed || (body && body->failed) ? rt_nomem(err) : send_bytes(dbus->fd, header.data.data, header.data.size, err);
    if (!result && body) result = send_bytes(dbus->fd, body->data.data, body->data.size, err);
    buf_free(&header.data);
    return result;
}

static bool read_u32(const struct buf *data, size_t *at, uint32_t *out)
{
    *at = (*at + 3) / 4 * 4;
    if (*at + 4 > data->size) return false;
    memcpy(out, data->data + *at, 4);
    *at += 4;
    return true;
}

static const char *read_text(const struct buf *data, size_t *at, bool short_length)
{
    uint32_t length;
    if (short_length) {
        if (*at >= data->size) return NULL;
        length = (uint8_t)data->data[(*at)++];
    } else if (!read_u32(data, at, &length))
        return NULL;
    if (length >= data->size - *at || data->data[*at + length]) return NULL;
    const char *text = data->data + *at;
    *at += (size_t)length + 1;
    return text;
}

/* The header's fields: only the four types that the specification gives them. */
static bool read_fields(struct dbus_message *message, size_t end)
{
    for (size_t at = HEADER_FIXED; at < end;) {
        at = (at + 7) / 8 * 8;
        if (at >= end) break;
        uint8_t field = (uint8_t)message->data.data[at++];
        const char *type = read_text(&message->data, &at, true), *text = "";
        uint32_t number = 0;
        if (!type) return false;
        bool good = *type == 'u' ? read_u32(&message->data, &at, &number) : (*type == 's' || *type == 'o' || *type == 'g') && (text = read_text(&message->data, &at, *type == 'g'));
        if (!good) return false;
        if (field == FIELD_REPLY_SERIAL) message->reply_serial = number;
        if (field == FIELD_MEMBER) message->member = text;
        if (field == FIELD_ERROR) message->error = text;
        if (field == FIELD_SIGNATURE) message->signature = text;
    }
    return true;
}

static int receive(struct dbus *dbus, struct dbus_message *out, struct rt_error *err)
{
    uint8_t fixed[HEADER_FIXED];
    uint32_t body, fields;
    *out = (struct dbus_message){.member = "", .error = "", .signature = ""};
    if (receive_bytes(dbus->fd, fixed, sizeof fixed, err)) return -1;
    memcpy(&body, fixed + 4, 4);
    memcpy(&fields, fixed + 12, 4);
    size_t end = HEADER_FIXED + (size_t)fields, start = (end + 7) / 8 * 8;
    if (fixed[0] != 'l' || body > MESSAGE_LIMIT || fields > MESSAGE_LIMIT) return errno = EPROTO, fail(err, "recv", "the message has no form that we know");
    if (buf_reserve(&out->data, start + body, err) || buf_add(&out->data, fixed, sizeof fixed, err) || receive_bytes(dbus->fd, out->data.data + sizeof fixed, start + body - sizeof fixed, err)) return dbus_message_free(out), -1;
    out->data.size = start + body;
    out->type = fixed[1];
    out->body = start;
    if (read_fields(out, end)) return 0;
    dbus_message_free(out);
    return errno = EPROTO, fail(err, "recv", "the message has no form that we know");
}

void dbus_message_free(struct dbus_message *message)
{
    buf_free(&message->data);
}

const char *dbus_get_string(const struct dbus_message *message, size_t *at)
{
    return read_text(&message->data, at, false);
}

bool dbus_get_u32(const struct dbus_message *message, size_t *at, uint32_t *out)
{
    return read_u32(&message->data, at, out);
}

static int tell_error(const struct dbus_message *reply, const char *member, struct rt_error *err)
{
    size_t at = reply->body;
    const char *text = *reply->signature == 's' ? dbus_get_string(reply, &at) : NULL;
    return rt_fail_at(err, reply->error, "CGROUP_FAILED", 0, NULL, "systemd refuses %s: %s", member, text ? text : reply->error);
}

/* Takes the message over. */
static int keep_early(struct dbus *dbus, struct dbus_message *message, struct rt_error *err)
{
    struct dbus_message *early = message->type == MESSAGE_SIGNAL ? reallocarray(dbus->early, dbus->early_count + 1, sizeof *early) : NULL;
    if (!early) {
        bool lost = message->type == MESSAGE_SIGNAL;
        dbus_message_free(message);
        return lost ? rt_nomem(err) : 0;
    }
    dbus->early = early;
    early[dbus->early_count++] = *message;
    *message = (struct dbus_message){0};
    return 0;
}

int dbus_next_signal(struct dbus *dbus, struct dbus_message *out, struct rt_error *err)
{
    while (!dbus->early_count) {
        struct dbus_message message;
        if (receive(dbus, &message, err) || keep_early(dbus, &message, err)) return -1;
    }
    *out = dbus->early[0];
    memmove(dbus->early, dbus->early + 1, --dbus->early_count * sizeof *dbus->early);
    return 0;
}

int dbus_call(struct dbus *dbus, const char *destination, const char *path, const char *interface, const char *member, struct dbus_body *body, struct dbus_message *reply, struct rt_error *err)
{
    int result = send_call(dbus, destination, path, interface, member, body, err);
    if (body) buf_free(&body->data);
    while (!result) {
        if (receive(dbus, reply, err)) return -1;
        if (reply->reply_serial == dbus->serial) return reply->type == MESSAGE_ERROR ? tell_error(reply, member, err) : 0;
        result = keep_early(dbus, reply, err);
    }
    return -1;
}
