#include <sys/stat.h>

#include "base/util.h"
#include "data/file-mode.h"
#include "data/path-set.h"
#include "data/tar-number.h"
#include "tests/check.h"

static void check_tar_numbers(void)
{
    static const struct {
        const char *field;
        size_t size;
        bool good;
        int64_t value;
    } cases[] = {
        { "0000644\0", 8, true, 0644 },
        { "    644 ", 8, true, 0644 },
        { "\0\0\0\0\0\0\0\0", 8, true, 0 },
        { "        ", 8, true, 0 },
        { "77777777777\0", 12, true, 077777777777 },
        { "777777777777", 12, true, 0777777777777 },
        { "644\0rest", 8, true, 0644 },
        { "0000648\0", 8, false, 0 },
        { "-000001\0", 8, false, 0 },
        { "\x80\0\0\0\0\0\0\x05", 8, true, 5 },
        { "\xff\xff\xff\xff\xff\xff\xff\xfe", 8, true, -2 },
        { "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, true, INT64_MAX },
        { "\x80\0\0\0\x80\0\0\0\0\0\0\0", 12, false, 0 },
        { "\x81\0\0\0\0\0\0\0\0\0\0\0", 12, false, 0 },
        { "\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", 12, true, INT64_MIN },
        { "\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 12, false, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t value = 0;
        bool good = tar_number((const unsigned char *)cases[i].field, cases[i].size, &value);
        if (good != cases[i].good || (good && value != cases[i].value)) fprintf(stderr, "case %zu: %d %lld\n", i, good, (long long)value);
        CHECK(good == cases[i].good && (!good || value == cases[i].value));
    }
    const int64_t values[] = { 0, 1, 07777777, 010000000, INT64_MAX, -1, INT64_MIN };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        unsigned char field[12];
        int64_t back;
        tar_put_number(field, sizeof field, values[i]);
        CHECK(tar_number(field, sizeof field, &back) && back == values[i]);
    }
    CHECK(tar_fits_octal(07777777, 8) && !tar_fits_octal(010000000, 8) && !tar_fits_octal(-1, 8));
}

static void check_times(void)
{
    int64_t s;
    long ns;
    CHECK(tar_pax_time("12.5", &s, &ns) && s == 12 && ns == 500000000);
    CHECK(tar_pax_time("-12.25", &s, &ns) && s == -13 && ns == 750000000);
    CHECK(tar_pax_time("1.1234567899", &s, &ns) && ns == 123456789);
    const char *const bad[] = { "", ".5", "1.x", "1.5.5", "99999999999999999999", "0x10", " 1" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) CHECK(!tar_pax_time(bad[i], &s, &ns));
}

static void check_modes(void)
{
    static const struct {
        const char *text;
        mode_t before, after;
    } cases[] = {
        { "u+x", S_IFREG | 0644, 0744 },      { "a+X", S_IFREG | 0644, 0644 },      { "a+X", S_IFREG | 0744, 0755 },   { "a+X", S_IFDIR | 0644, 0755 },
        { "go-rwx", S_IFREG | 0777, 0700 },   { "u=rwX,go=rX", S_IFDIR | 0, 0755 }, { "g+s", S_IFREG | 0644, 02644 },  { "u+s", S_IFREG | 0644, 04644 },
        { "o+s", S_IFREG | 0644, 0644 },      { "+t", S_IFDIR | 0755, 01755 },      { "u=", S_IFREG | 04755, 055 },    { "=r", S_IFREG | 07777, 0444 },
        { "g=u", S_IFREG | 0604, 0664 },      { "o=g-r", S_IFREG | 0660, 0662 },    { "u+x-w", S_IFREG | 0644, 0544 }, { "a-w,u+w", S_IFREG | 0666, 0644 },
        { "-s", S_IFREG | 06755, 0755 },      { "g=", S_IFREG | 01770, 01700 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct mode_change change = { .kind = MODE_SYMBOLIC, .symbolic = cases[i].text };
        mode_t after = mode_change_apply(&change, cases[i].before);
        if (after != cases[i].after) fprintf(stderr, "%s: %o\n", cases[i].text, after);
        CHECK(after == cases[i].after);
    }
}

static void check_path_set(void)
{
    struct rt_error err;
    struct path_set set = { 0 };
    char path[32];
    for (int i = 0; i < 10000; i++) {
        int n = snprintf(path, sizeof path, "dir/%d", i);
        CHECK(!path_set_has(&set, path, (size_t)n) && path_set_add(&set, path, (size_t)n, &err) == 0);
    }
    for (int i = 0; i < 10000; i++) {
        int n = snprintf(path, sizeof path, "dir/%d", i);
        CHECK(path_set_has(&set, path, (size_t)n));
    }
    CHECK(set.count == 10000 && path_set_add(&set, path, strlen(path), &err) == 0 && set.count == 10000);
    path_set_free(&set);
}

int main(void)
{
    check_tar_numbers();
    check_times();
    check_modes();
    check_path_set();
    return 0;
}
