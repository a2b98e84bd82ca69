/* The n-th allocation fails: put in front of the C library's (and of a sanitizer's) for the whole program.
 *
 * One test program includes it once. ThreadSanitizer calls malloc before it is up, so there nothing can stand
 * in front of it: FAILING_MALLOC is not defined, and a program of such tests alone skips (77). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#ifndef __SANITIZE_THREAD__
#define FAILING_MALLOC

extern void *__interceptor_malloc(size_t n) __attribute__((weak));
extern void *__interceptor_calloc(size_t n, size_t size) __attribute__((weak));
extern void *__interceptor_realloc(void *p, size_t n) __attribute__((weak));
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static int countdown = -1; /* < 0: nothing fails */
static bool failed;

static bool fails(void)
{
    if (countdown < 0 || countdown-- > 0)
        return false;
    failed = true;
    return true;
}

void *malloc(size_t n)
{
    if (fails())
        return NULL;
    return __interceptor_malloc ? __interceptor_malloc(n) : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    if (fails())
        return NULL;
    return __interceptor_calloc ? __interceptor_calloc(n, size) : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    if (fails())
        return NULL;
    return __interceptor_realloc ? __interceptor_realloc(p, n) : __libc_realloc(p, n);
}
#endif
