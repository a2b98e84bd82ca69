#include "appliance/base/nearest.h"
#include <string.h>

#define LONGEST 48

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Levenshtein: how many letters to add, drop or change. */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[LONGEST + 1];
    size_t n = strlen(b);
    if (n > LONGEST || strlen(a) > LONGEST)
        return LONGEST;
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            unsigned above = row[j];
            unsigned changed = corner + (a[i - 1] != b[j - 1]);
            row[j] = least(changed, least(above, row[j - 1]) + 1);
            corner = above;
        }
    }
    return row[n];
}

const char *nearest_name(const char *name, const char *(*next)(void *arg), void *arg)
{
    const char *best = NULL;
    /* A third of the letters may be wrong; more would guess at random. */
    unsigned limit = (unsigned)strlen(name) / 3 + 1, best_distance = limit + 1;
    for (const char *c = next(arg); c; c = next(arg)) {
        unsigned d = edit_distance(name, c);
        if (d < best_distance) {
            best = c;
            best_distance = d;
        }
    }
    return best;
}
