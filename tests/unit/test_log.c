#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Virtual time: this program's clock_gettime stands in front of the C library's. */
static struct timespec wall, mono;

int clock_gettime(clockid_t which, struct timespec *out)
{
    *out = which == CLOCK_REALTIME ? wall : mono;
    return 0;
}

struct desk {
    struct log log;
    int fd;
    char out[16384];
};

static struct desk *desk_open(enum log_format format)
{
    struct desk *d = calloc(1, sizeof *d);
    assert_non_null(d);
    d->fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(d->fd >= 0);
    wall = (struct timespec){.tv_sec = 1767323045, .tv_nsec = 678999999}; /* 2026-01-02T03:04:05.678Z */
    mono = (struct timespec){.tv_sec = 1000};
    log_init(&d->log, d->fd, LOG_DEBUG, format, "w0");
    return d;
}

static void desk_close(struct desk *d)
{
    close(d->fd);
    free(d);
}

/* What was written since the last call. */
static const char *said(struct desk *d)
{
    ssize_t n = pread(d->fd, d->out, sizeof d->out - 1, 0);
    assert_true(n >= 0);
    d->out[n] = '\0';
    assert_int_equal(ftruncate(d->fd, 0), 0);
    assert_int_equal(lseek(d->fd, 0, SEEK_SET), 0);
    return d->out;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

/* The one line that was said, as a JSON object whose keys are unique. */
static json_t *said_json(struct desk *d)
{
    json_error_t error;
    const char *line = said(d);
    assert_int_equal(count_lines(line), 1);
    json_t *o = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!o)
        fail_msg("%s: %s", error.text, line);
    return o;
}

static void text_line_format(void **state)
{
    struct desk *d = desk_open(LOG_TEXT);
    struct addr a;
    assert_true(addr_parse(BYTES("0.0.0.0:443"), 0, &a));
    log_info(&d->log, "door.listening", F_ADDR("addr", &a), F_INT("n", -3), F_UINT("max", UINT64_MAX),
             F_STR("note", "two words"), F_STR("empty", ""));
    assert_string_equal(said(d), "2026-01-02T03:04:05.678Z INFO door.listening addr=0.0.0.0:443 n=-3 "
                                 "max=18446744073709551615 note=\"two words\" empty=\"\" thread=w0\n");
    log_error(&d->log, "store.broken", F_ERRNO(-ENOENT));
    assert_string_equal(
        said(d),
        "2026-01-02T03:04:05.678Z ERROR store.broken error=\"No such file or directory\" thread=w0\n");
    log_warn(&d->log, "bare");
    assert_string_equal(said(d), "2026-01-02T03:04:05.678Z WARN bare thread=w0\n");
    desk_close(d);
}

static void json_line_format(void **state)
{
    struct desk *d = desk_open(LOG_JSON);
    struct addr a;
    assert_true(addr_parse(BYTES("[2001:db8::1]:5061"), 0, &a));
    log_warn(&d->log, "door.refused", F_ADDR("addr", &a), F_INT("n", INT64_MIN),
             F_BYTES("first", BYTES("GET")), F_STR("none", NULL), F_ADDR("nowhere", NULL));
    assert_string_equal(
        said(d), "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warn\",\"event\":\"door.refused\","
                 "\"addr\":\"[2001:db8::1]:5061\",\"n\":-9223372036854775808,\"first\":\"GET\",\"none\":\"\","
                 "\"nowhere\":\"-\",\"thread\":\"w0\"}\n");
    desk_close(d);
}

static void lower_levels_are_silent(void **state)
{
    struct desk *d = desk_open(LOG_TEXT);
    d->log.level = LOG_WARN;
    log_info(&d->log, "quiet");
    log_event(&d->log, LOG_DEBUG, "quiet", NULL, 0);
    assert_string_equal(said(d), "");
    log_warn(&d->log, "loud");
    assert_int_equal(count_lines(said(d)), 1);
    assert_true(d->log.dropped == 0);
    desk_close(d);
}

static void level_names_are_read_in_any_case(void **state)
{
    enum log_level level = LOG_ERROR;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse("WARN", &level));
    assert_int_equal(level, LOG_WARN);
    assert_false(log_level_parse("loud", &level));
    assert_false(log_level_parse("", &level));
    assert_false(log_level_parse(NULL, &level));
    assert_int_equal(level, LOG_WARN);
}

#define FORGED "x\n2026-01-02T03:04:05.678Z ERROR store.broken\r\n\" admin=\"yes\\"

static void text_cannot_be_forged(void **state)
{
    struct desk *d = desk_open(LOG_TEXT);
    log_info(&d->log, "e", F_STR("ua", FORGED));
    assert_string_equal(said(d), "2026-01-02T03:04:05.678Z INFO e ua=\"x\\n2026-01-02T03:04:05.678Z ERROR "
                                 "store.broken\\r\\n\\\" admin=\\\"yes\\\\\" thread=w0\n");
    log_info(&d->log, "e", F_STR("ua", "admin=yes")); /* "=" is not left bare */
    assert_non_null(strstr(said(d), " ua=\"admin=yes\" "));
    desk_close(d);
}

static void json_cannot_be_forged(void **state)
{
    struct desk *d = desk_open(LOG_JSON);
    log_info(&d->log, "e", F_STR("ua", FORGED), F_STR("ub", "\",\"level\":\"error"));
    json_t *o = said_json(d);
    assert_string_equal(json_string_value(json_object_get(o, "ua")), FORGED);
    assert_string_equal(json_string_value(json_object_get(o, "ub")), "\",\"level\":\"error");
    assert_string_equal(json_string_value(json_object_get(o, "level")), "info");
    json_decref(o);
    desk_close(d);
}

/* Every byte value alone, and between others: always one valid line of printable text. */
static void every_byte_is_safe(void **state)
{
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        struct desk *d = desk_open((enum log_format)format);
        d->log.burst = 0;
        for (int c = 0; c < 256; c++) {
            uint8_t raw[3] = {'a', (uint8_t)c, 'b'};
            log_info(&d->log, "e", F_BYTES("v", bytes_of(raw, 3)), F_BYTES("w", bytes_of(raw + 1, 1)));
            if (format == LOG_JSON)
                json_decref(said_json(d));
            else
                assert_int_equal(count_lines(said(d)), 1);
            for (const char *p = d->out; p[1] != '\0'; p++)
                assert_in_range((uint8_t)*p, ' ', '~');
        }
        desk_close(d);
    }
}

/* RFC 3629: what is valid passes, what is not is shown as such. */
static void utf8_is_checked(void **state)
{
    static const struct {
        const char *in, *text, *json;
    } want[] = {
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"", "\"gr\xc3\xbc\xc3\x9f\""},
        {"\xf0\x9f\x93\x9e", "\"\xf0\x9f\x93\x9e\"", "\"\xf0\x9f\x93\x9e\""},
        {"\xc3", "\"\\xc3\"", "\"\\ufffd\""},                                 /* cut */
        {"\xc3(", "\"\\xc3(\"", "\"\\ufffd(\""},                              /* no continuation */
        {"\xc0\xaf", "\"\\xc0\\xaf\"", "\"\\ufffd\\ufffd\""},                 /* overlong "/" */
        {"\xe0\x80\x8a", "\"\\xe0\\x80\\x8a\"", "\"\\ufffd\\ufffd\\ufffd\""}, /* overlong newline */
        {"\xed\xa0\x80", "\"\\xed\\xa0\\x80\"", "\"\\ufffd\\ufffd\\ufffd\""}, /* surrogate */
        {"\xf4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\"", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {"\xff", "\"\\xff\"", "\"\\ufffd\""},
        {"\xc2\x9b"
         "2J",
         "\"\\u009b2J\"", "\"\\u009b2J\""}, /* C1: a terminal would obey */
        {"\x1b[2J", "\"\\u001b[2J\"", "\"\\u001b[2J\""},
        {"\x7f", "\"\\u007f\"", "\"\\u007f\""},
        {"\xe2\x80\xa8", "\"\\u2028\"", "\"\\u2028\""}, /* LINE SEPARATOR */
        {"\xe2\x80\xae", "\"\\u202e\"", "\"\\u202e\""}, /* RIGHT-TO-LEFT OVERRIDE */
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        char line[128];
        struct desk *d = desk_open(LOG_TEXT);
        log_info(&d->log, "e", F_STR("v", want[i].in));
        (void)snprintf(line, sizeof line, "2026-01-02T03:04:05.678Z INFO e v=%s thread=w0\n", want[i].text);
        assert_string_equal(said(d), line);
        d->log.format = LOG_JSON;
        log_info(&d->log, "e", F_STR("v", want[i].in));
        (void)snprintf(line, sizeof line, "\"v\":%s,\"thread\"", want[i].json);
        assert_non_null(strstr(said(d), line));
        desk_close(d);
    }
}

static void long_values_are_cut_with_a_mark(void **state)
{
    char big[5000];
    struct desk *d = desk_open(LOG_JSON);
    memset(big, 'a', sizeof big);
    log_info(&d->log, "e", F_BYTES("big", bytes_of(big, sizeof big)), F_INT("after", 1));
    json_t *o = said_json(d);
    const char *v = json_string_value(json_object_get(o, "big"));
    assert_in_range(strlen(v), LOG_VALUE_MAX - 20, LOG_VALUE_MAX);
    assert_string_equal(v + strlen(v) - 4, "a...");
    assert_int_equal(json_integer_value(json_object_get(o, "after")), 1); /* one long value hides no other */
    assert_true(json_is_true(json_object_get(o, "cut")));
    json_decref(o);
    desk_close(d);
}

static void line_is_bounded_and_stays_whole(void **state)
{
    uint8_t nasty[5000];
    for (size_t i = 0; i < sizeof nasty; i++)
        nasty[i] = (uint8_t) "\x01\xff\"\\\xc3\xbc"[i % 6];
    for (size_t n = 0; n < 560; n++) { /* every way the end of the room can fall */
        struct desk *d = desk_open(LOG_JSON);
        struct bytes big = bytes_of(nasty, sizeof nasty);
        log_info(&d->log, "e", F_BYTES("a", big), F_BYTES("b", big), F_BYTES("c", big),
                 F_BYTES("pad", bytes_of("................................................................"
                                         "................................................................"
                                         "................................................................"
                                         "................................................................"
                                         "................................................................"
                                         "................................................................"
                                         "................................................................"
                                         "................................................................"
                                         "................................................................",
                                         n)),
                 F_BYTES("d", big), F_INT("x", -1234567), F_UINT("y", 7), F_BYTES("z", big));
        json_t *o = said_json(d);
        assert_true(strlen(d->out) <= LOG_LINE_MAX);
        assert_true(json_is_true(json_object_get(o, "cut")));
        assert_string_equal(json_string_value(json_object_get(o, "thread")), "w0");
        json_t *x = json_object_get(o, "x");
        assert_true(!x || json_integer_value(x) == -1234567); /* a number is whole or not there */
        json_decref(o);
        desk_close(d);
    }
}

static void rate_limit_holds_back_and_says_how_many(void **state)
{
    struct desk *d = desk_open(LOG_JSON);
    d->log.burst = 3;
    for (int i = 0; i < 10; i++)
        log_info(&d->log, "flood");
    assert_int_equal(count_lines(said(d)), 3);
    assert_true(d->log.dropped == 7);
    log_info(&d->log, "other"); /* has its own count */
    json_decref(said_json(d));
    mono.tv_sec++;
    log_info(&d->log, "flood");
    json_t *o = said_json(d);
    assert_int_equal(json_integer_value(json_object_get(o, "held")), 7);
    json_decref(o);
    log_info(&d->log, "flood");
    o = said_json(d);
    assert_null(json_object_get(o, "held")); /* said once */
    json_decref(o);
    desk_close(d);
}

static void rate_limit_goes_by_name_not_by_literal(void **state)
{
    struct desk *d = desk_open(LOG_TEXT);
    char one[] = "same.name", two[] = "same.name";
    d->log.burst = 1;
    log_info(&d->log, one);
    log_info(&d->log, two);
    assert_int_equal(count_lines(said(d)), 1);
    desk_close(d);
}

static void a_wall_clock_set_back_does_not_silence(void **state)
{
    struct desk *d = desk_open(LOG_TEXT);
    d->log.burst = 1;
    log_info(&d->log, "e");
    wall.tv_sec -= 3600;
    mono.tv_sec++;
    log_info(&d->log, "e");
    assert_int_equal(count_lines(said(d)), 2);
    desk_close(d);
}

static void more_names_than_rows_are_all_said(void **state)
{
    static char names[4 * LOG_RATE_SLOTS][16];
    struct desk *d = desk_open(LOG_TEXT);
    d->log.burst = 1;
    for (size_t i = 0; i < 4 * LOG_RATE_SLOTS; i++) {
        (void)snprintf(names[i], sizeof names[i], "name.%zu", i);
        log_info(&d->log, names[i]);
        assert_int_equal(count_lines(said(d)), 1);
    }
    desk_close(d);
}

static void no_burst_no_limit(void **state)
{
    struct desk *d = desk_open(LOG_TEXT);
    assert_int_equal(d->log.burst, LOG_BURST);
    d->log.burst = 0;
    for (int i = 0; i < 2 * LOG_BURST; i++)
        log_info(&d->log, "e");
    assert_int_equal(count_lines(said(d)), 2 * LOG_BURST);
    desk_close(d);
}

/* Nobody reads the other end: every line that does not fit is lost, and nobody waits. */
static void fill_up(const int ends[2])
{
    struct log log;
    log_never_blocks(ends[1]);
    log_init(&log, ends[1], LOG_INFO, LOG_TEXT, "w0");
    log.burst = 0;
    errno = EPROTO;
    for (int i = 0; i < 8000; i++)
        log_info(&log, "a.line.that.nobody.reads");
    assert_int_equal(errno, EPROTO);
    assert_true(log.dropped > 0 && log.dropped < 8000);
    close(ends[0]);
    close(ends[1]);
}

static void a_full_pipe_does_not_block_and_errno_stays(void **state)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int shared = dup(ends[1]); /* of another program: it wants to wait */
    fill_up(ends);
    assert_int_equal(fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
    close(shared);
}

static void a_full_socket_does_not_block(void **state)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fill_up(ends);
}

static void each_line_is_an_event(void **state)
{
    struct desk *d = desk_open(LOG_TEXT);
    d->log.level = LOG_INFO;
    log_lines(&d->log, LOG_WARN, "two.lines", "text", BYTES("first\n\nand second\n"));
    log_lines(&d->log, LOG_DEBUG, "two.lines", "text", BYTES("below the level\n"));
    const char *text = said(d);
    assert_int_equal(count_lines(text), 2);
    assert_non_null(strstr(text, "WARN two.lines text=first"));
    assert_non_null(strstr(text, "WARN two.lines text=\"and second\""));
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_line_format),
        cmocka_unit_test(json_line_format),
        cmocka_unit_test(lower_levels_are_silent),
        cmocka_unit_test(level_names_are_read_in_any_case),
        cmocka_unit_test(text_cannot_be_forged),
        cmocka_unit_test(json_cannot_be_forged),
        cmocka_unit_test(every_byte_is_safe),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(long_values_are_cut_with_a_mark),
        cmocka_unit_test(line_is_bounded_and_stays_whole),
        cmocka_unit_test(rate_limit_holds_back_and_says_how_many),
        cmocka_unit_test(rate_limit_goes_by_name_not_by_literal),
        cmocka_unit_test(a_wall_clock_set_back_does_not_silence),
        cmocka_unit_test(more_names_than_rows_are_all_said),
        cmocka_unit_test(no_burst_no_limit),
        cmocka_unit_test(each_line_is_an_event),
        cmocka_unit_test(a_full_pipe_does_not_block_and_errno_stays),
        cmocka_unit_test(a_full_socket_does_not_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
