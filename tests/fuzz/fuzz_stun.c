/* Fuzz target: any bytes as a STUN message. What is taken keeps its attributes inside itself and can be
 * written again. */
#include "modules/stun/stun.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

static void write_again(const struct stun_message *m)
{
    uint8_t *mem = malloc(m->end);
    struct stun_writer w;
    struct stun_message again;
    struct stun_attr a;
    if (!mem)
        return;
    stun_begin(&w, mem, m->end, stun_type(m->class, m->method), m->id);
    for (size_t cursor = 0; stun_next(m, &cursor, &a);)
        stun_put(&w, a.type, a.value);
    require(stun_end(&w) == m->end);
    require(stun_read(bytes_of(mem, m->end), &again) == 0);
    free(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stun_message m;
    struct stun_attr a;
    struct addr addr;
    struct bytes reason;
    uint16_t unknown[4];
    if (stun_read(bytes_of(data, size), &m) < 0)
        return 0;
    for (size_t cursor = 0; stun_next(&m, &cursor, &a);) {
        require(a.value.p >= data && a.value.p + a.value.n <= data + m.end);
        stun_xor_decode(a.value, m.id, &addr);
        stun_address_decode(a.value, &addr);
    }
    stun_error_code(&m, &reason);
    require(stun_unknown(&m, NULL, 0, unknown, 4) <= 4);
    stun_integrity_ok(&m, BYTES("key"));
    stun_integrity256_ok(&m, BYTES("key"));
    stun_fingerprint_ok(&m);
    write_again(&m);
    return 0;
}
