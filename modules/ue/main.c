/* The UE's side as a program: sallyport-ue. */
#include <stdio.h>
#include <string.h>

static int usage(FILE *to, int rc)
{
    fputs("usage: sallyport-ue --version | --help\n", to);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("sallyport-ue " SALLYPORT_VERSION) < 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    return usage(stderr, 2);
}
