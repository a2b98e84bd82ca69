/* Messages that nobody here wrote: captures, other projects' vectors and fuzzers' finds, from
 * SALLYPORT_CORPORA (the folder with stun-captures, stun-fuzz and stun-vectors). Each is taken or refused, as
 * its manifest says, and what is taken can be written again. Skipped where the variable is not set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modules/stun/frame.h"
#include "modules/stun/stun.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *corpora;

struct file {
    uint8_t *mem; /* on the heap, exactly: reading past the end is seen */
    size_t n;
};

static struct file load(const char *path)
{
    struct file f = {.mem = malloc(1 << 20)};
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    f.n = fread(f.mem, 1, 1 << 20, in);
    fclose(in);
    f.mem = realloc(f.mem, f.n ? f.n : 1);
    return f;
}

/* Writing the attributes that count again gives the same bytes, but for padding, which becomes zeros. */
static void write_again(const struct stun_message *m)
{
    uint8_t *mem = malloc(m->end);
    struct stun_writer w;
    struct stun_message again;
    struct stun_attr a, b;
    size_t cursor = 0, other = 0;
    stun_begin(&w, mem, m->end, stun_type(m->class, m->method), m->id);
    while (stun_next(m, &cursor, &a))
        stun_put(&w, a.type, a.value);
    assert_int_equal(stun_end(&w), m->end);
    assert_int_equal(stun_read(bytes_of(mem, m->end), &again), 0);
    for (cursor = 0; stun_next(m, &cursor, &a);) {
        assert_true(stun_next(&again, &other, &b));
        assert_int_equal(a.type, b.type);
        assert_true(bytes_eq(a.value, b.value));
    }
    assert_memory_equal(again.id, m->id, STUN_ID);
    free(mem);
}

/* Everything that can be asked of a message, for the sanitizer to watch. */
static void ask_all(const struct stun_message *m)
{
    struct stun_attr a;
    struct addr addr;
    struct bytes reason;
    uint16_t unknown[8];
    for (size_t cursor = 0; stun_next(m, &cursor, &a);) {
        stun_xor_decode(a.value, m->id, &addr);
        stun_address_decode(a.value, &addr);
    }
    stun_error_code(m, &reason);
    stun_unknown(m, NULL, 0, unknown, 8);
    stun_integrity_ok(m, BYTES("key"));
    stun_integrity256_ok(m, BYTES("key"));
    stun_fingerprint_ok(m);
}

static bool is_stun(struct bytes b)
{
    struct stun_message m;
    if (stun_read(b, &m) < 0)
        return false;
    ask_all(&m);
    write_again(&m);
    return true;
}

enum verdict { EITHER, STUN_FRAME, CHANNEL_FRAME, NEITHER };

static enum verdict verdict_of(const char *text)
{
    if (strstr(text, "ChannelData"))
        return CHANNEL_FRAME;
    if (strstr(text, "does not match") || strstr(text, "malformed"))
        return NEITHER;
    if (strncmp(text, "valid", 5) == 0)
        return STUN_FRAME;
    return EITHER;
}

static void judge(const char *name, enum verdict want)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", corpora, name);
    struct file f = load(path);
    struct bytes b = bytes_of(f.mem, f.n);
    bool stun = is_stun(b);
    struct frame frame = frame_of_datagram(b);
    frame_of_stream(b);
    /* Classic STUN (RFC 3489) has no cookie and is not spoken here (RFC 8656 5). */
    bool classic = f.n >= 8 && load_u32(f.mem + 4) != STUN_MAGIC;
    if (want == STUN_FRAME && !classic && (!stun || frame.kind != FRAME_STUN))
        fail_msg("%s: valid, but refused", name);
    if (want == CHANNEL_FRAME && frame.kind != FRAME_CHANNEL)
        fail_msg("%s: ChannelData, but refused", name);
    if (want == NEITHER && stun)
        fail_msg("%s: malformed, but taken", name);
    free(f.mem);
}

static char *column(char **rest)
{
    return strsep(rest, "\t\n");
}

static void messages_of_others(void **state)
{
    char path[1024], *line = NULL;
    size_t cap = 0;
    unsigned seen = 0;
    snprintf(path, sizeof(path), "%s/MANIFEST.tsv", corpora);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (getline(&line, &cap, in) > 0) {
        char *rest = line, *name = column(&rest);
        column(&rest);
        column(&rest);
        column(&rest);
        char *expected = column(&rest);
        bool message = strncmp(name, "stun-", 5) == 0 && !strstr(name, ".txt");
        if (!message || !expected)
            continue;
        judge(name, verdict_of(expected));
        seen++;
    }
    free(line);
    fclose(in);
    print_message("%u messages\n", seen);
    assert_true(seen > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(messages_of_others)};
    corpora = getenv("SALLYPORT_CORPORA");
    if (!corpora || !*corpora) {
        printf("skipped: SALLYPORT_CORPORA is not set\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
