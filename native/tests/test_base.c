#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/accept.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/util.h"
#include "tests/check.h"

static void check_numbers(void)
{
    int64_t i;
    uint64_t u;
    CHECK(parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i) && i == INT64_MIN);
    CHECK(parse_i64("0", 0, 0, &i) && !parse_i64("1", 0, 0, &i));
    const char *const bad[] = { "", "-", "+1", " 1", "1 ", "1x", "0x1", "9223372036854775808", "--1", "1.0" };
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) CHECK(!parse_i64(bad[k], INT64_MIN, INT64_MAX, &i));
    CHECK(parse_u64("18446744073709551615", UINT64_MAX, &u) && u == UINT64_MAX);
    CHECK(!parse_u64("18446744073709551616", UINT64_MAX, &u) && !parse_u64("-1", UINT64_MAX, &u) && !parse_u64("256", 255, &u));
    CHECK(parse_octal("7777", 07777, &u) && u == 07777 && !parse_octal("8", 07777, &u) && !parse_octal("10000", 07777, &u));
}

static void check_buffers(void)
{
    struct rt_error err = { 0 };
    auto_buf struct buf buf = { 0 };
    for (int i = 0; i < 1000; i++) CHECK(buf_printf(&buf, &err, "%d,", i) == 0);
    CHECK(buf.size == 3890 && buf.data[buf.size] == '\0');
    buf_cut(&buf, 2);
    CHECK_STR(buf.data, "0,");
    CHECK(buf_reserve(&buf, SIZE_MAX / 2, &err) == -1 && err.saved_errno == ENOMEM);
    int ends[2];
    auto_buf struct buf got = { 0 };
    CHECK(pipe(ends) == 0 && write_all(ends[1], "12345", 5) == 0 && close(ends[1]) == 0);
    CHECK(read_fd(ends[0], 4, &got, "PLAN_INVALID", "it", &err) == -1);
    CHECK_STR(err.code, "PLAN_INVALID");
}

static void check_base64(void)
{
    static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" } };
    char text[16];
    unsigned char data[16];
    size_t size;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        base64_encode((const unsigned char *)pairs[i][0], strlen(pairs[i][0]), text);
        CHECK_STR(text, pairs[i][1]);
        CHECK(base64_decode(text, strlen(text), data, &size) && size == strlen(pairs[i][0]) && memcmp(data, pairs[i][0], size) == 0);
    }
    const char *const bad[] = { "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "Zg==Zg==", "Zm 9", "Zm9v=", "====" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) CHECK(!base64_decode(bad[i], strlen(bad[i]), data, &size));
}

static void check_json(void)
{
    static const char text[] = "{\"s\":\"x\",\"n\":-3,\"b\":true,\"z\":null,\"a\":[\"1\",\"2\"],\"raw\":{\"b64\":\"/wA=\"},\"t\":\"123456789012345678\"}";
    struct rt_error err = { 0 };
    auto_json json_t *json = json_parse(text, sizeof text - 1, "PLAN_INVALID", "text", &err);
    const char *s = "default";
    int64_t n = 7, t = 0;
    bool b = false;
    CHECK(json && json_req_str(json, "s", &s, &err) == 0 && strcmp(s, "x") == 0);
    CHECK(json_opt_str(json, "z", &s, &err) == 0 && strcmp(s, "x") == 0 && json_opt_str(json, "none", &s, &err) == 0);
    CHECK(json_req_str(json, "z", &s, &err) == -1 && json_req_str(json, "n", &s, &err) == -1 && json_opt_str(json, "n", &s, &err) == -1);
    CHECK(json_req_i64(json, "n", -5, 5, &n, &err) == 0 && n == -3 && json_req_i64(json, "n", 0, 5, &n, &err) == -1);
    CHECK(json_req_bool(json, "b", &b, &err) == 0 && b && json_opt_time(json, "t", &t, &err) == 0 && t == 123456789012345678);
    CHECK(json_allow(json, &err, "s", "n", "b", "z", "a", "raw", "t", NULL) == 0 && json_allow(json, &err, "s", NULL) == -1);
    auto_free const char **strings = NULL;
    CHECK(json_req_strv(json, "a", &strings, &err) == 0 && strcmp(strings[1], "2") == 0 && !strings[2]);
    auto_free char *bytes = NULL;
    size_t size;
    CHECK(json_req_bytes(json, "raw", &bytes, &size, &err) == 0 && size == 2 && (unsigned char)bytes[0] == 0xff);
    CHECK(json_req_bytes(json, "raw", &bytes, NULL, &err) == -1);
    auto_json json_t *round = json_from_bytes("\xff", 1), *plain = json_from_bytes("\xc3\xa4", 2);
    CHECK(json_is_object(round) && json_is_string(plain));
    const char *const bad[] = { "", "{", "[1,]", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\"}", "01", "{\"a\":1e999}", "{\"a\":99999999999999999999}" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) CHECK(!json_parse(bad[i], strlen(bad[i]), "CODE", "text", &err));
    CHECK_STR(err.code, "CODE");
}

static void check_errors(void)
{
    struct rt_error err = { 0 }, got = { 0 };
    CHECK(rt_fail_at(&err, "/path", "NATIVE_FAILED", ENOSPC, "write", "cannot write '%s'", "x") == -1);
    CHECK_STR(err.code, "STORE_FULL");
    CHECK_STR(err.message, "cannot write 'x': No space left on device");
    CHECK(rt_wrap(&err, "step %d", 3) == -1 && strncmp(err.message, "step 3: cannot", 14) == 0);
    int ends[2];
    CHECK(pipe(ends) == 0 && rt_error_send(ends[1], &err) == 0 && close(ends[1]) == 0);
    CHECK(rt_error_recv(ends[0], &got) == 1 && memcmp(&got, &err, sizeof got) == 0 && rt_error_recv(ends[0], &got) == 0);
    char number[16];
    CHECK_STR(rt_errno_name(ENOENT, number), "ENOENT");
    CHECK_STR(rt_errno_name(9999, number), "E9999");
    char large[3000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    CHECK(rt_fail_at(&err, large, "CODE_THAT_IS_MUCH_LONGER_THAN_ANY_IN_THE_TABLE", EIO, "a_system_call_of_a_long_name", "%s", large) == -1);
    CHECK(rt_wrap(&err, "%s", large) == -1);
}

/* A loop that watches the listener would spin for a connection that stays in the queue. */
static void check_accept(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t size = sizeof address;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* unix(7), "autobind": an abstract address of the kernel's choice. */
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address.sun_family) == 0 && listen(listener, 8) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    accept_reserve();
    struct rlimit before, few;
    getrlimit(RLIMIT_NOFILE, &before);
    few = (struct rlimit){ .rlim_cur = 64, .rlim_max = before.rlim_max };
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    int taken[64], count = 0;
    while ((taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) count++;
    for (int round = 0; round < 2; round++) {
        struct pollfd waiting = { .fd = listener, .events = POLLIN };
        char byte;
        CHECK(connect(client, (struct sockaddr *)&address, size) == 0);
        CHECK(poll(&waiting, 1, 10000) == 1);
        CHECK(accept_or_refuse(listener) == -1 && errno == EMFILE);
        CHECK(poll(&waiting, 1, 0) == 0);
        CHECK(recv(client, &byte, 1, 0) <= 0);
        close(client);
        client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    while (count > 0) close(taken[--count]);
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(connect(client, (struct sockaddr *)&address, size) == 0);
    struct pollfd waiting = { .fd = listener, .events = POLLIN };
    CHECK(poll(&waiting, 1, 10000) == 1);
    int accepted = accept_or_refuse(listener);
    CHECK(accepted >= 0 && (fcntl(accepted, F_GETFD) & FD_CLOEXEC) && (fcntl(accepted, F_GETFL) & O_NONBLOCK));
    close(accepted);
    close(client);
    close(listener);
}

int main(void)
{
    check_accept();
    check_numbers();
    check_buffers();
    check_base64();
    check_json();
    check_errors();
    return 0;
}
