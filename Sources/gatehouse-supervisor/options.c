#include "supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void usage(const char *problem) {
    dprintf(
        STDERR_FILENO,
        "gatehouse-supervisor: %s\n"
        "usage: gatehouse-supervisor [--grace-ms N] [--cpu-s N] [--nofile N] [--fsize N] [--data N] [--parent PID]"
        " -- COMMAND [ARG...]\n",
        problem);
    _exit(64);
}

static unsigned long long number(const char *text, unsigned long long limit) {
    if (text == NULL || *text < '0' || *text > '9') usage("a number is missing or wrong");
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > limit) usage("a number is missing or wrong");
    return value;
}

struct options parse_options(int argc, char **argv) {
    struct options options = {
        .grace_ms = 2000,
        .cpu_seconds = RLIM_INFINITY,
        .open_files = RLIM_INFINITY,
        .file_size = RLIM_INFINITY,
        .data = RLIM_INFINITY,
    };
    const unsigned long long size_limit = 1ULL << 62;
    int index = 1;
    for (; index < argc && strcmp(argv[index], "--") != 0; index += 2) {
        const char *name = argv[index];
        const char *value = index + 1 < argc ? argv[index + 1] : NULL;
        if (strcmp(name, "--grace-ms") == 0) options.grace_ms = (long)number(value, 3600000);
        else if (strcmp(name, "--cpu-s") == 0) options.cpu_seconds = number(value, size_limit);
        else if (strcmp(name, "--nofile") == 0) options.open_files = number(value, size_limit);
        else if (strcmp(name, "--fsize") == 0) options.file_size = number(value, size_limit);
        else if (strcmp(name, "--data") == 0) options.data = number(value, size_limit);
        else if (strcmp(name, "--parent") == 0) options.parent = (pid_t)number(value, 4194304);
        else usage("unknown option");
    }
    if (index + 1 >= argc) usage("no command");
    options.command = argv + index + 1;
    return options;
}
