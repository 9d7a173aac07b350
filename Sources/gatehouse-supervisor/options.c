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
        "usage: gatehouse-supervisor [OPTION VALUE]... -- COMMAND [ARG...]\n"
        "       gatehouse-supervisor --inside FD [OPTION VALUE]... -- COMMAND [ARG...]\n"
        "       gatehouse-supervisor --reap DIRECTORY [RUN]\n"
        "       gatehouse-supervisor --cgroups\n",
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

static const char *absolute(const char *path) {
    if (path == NULL || *path != '/') usage("an absolute path is missing");
    return path;
}

/* FD=PATH */
static void add_opened(struct options *options, const char *value) {
    const char *sign = value ? strchr(value, '=') : NULL;
    char digits[8];
    if (sign == NULL || sign == value || sign - value >= (ptrdiff_t)sizeof digits) usage("--open needs FD=PATH");
    memcpy(digits, value, (size_t)(sign - value));
    digits[sign - value] = '\0';
    unsigned long long descriptor = number(digits, OWN_FD - 1);
    if (descriptor <= STATUS_FD) usage("this descriptor has another use");
    if (options->opened_count == OPENED_LIMIT) usage("too many of --open");
    options->opened[options->opened_count++] =
        (struct opened){.descriptor = (int)descriptor, .path = absolute(sign + 1)};
}

static void add_cgroup(struct options *options, const char *value) {
    if (options->cgroup_count == CGROUP_LIMIT) usage("too many of --cgroup");
    options->cgroups[options->cgroup_count++] = absolute(value);
}

/* Whether `name` is an option with a number, and its place and largest value. */
static rlim_t *numeric(struct options *options, const char *name) {
    const struct {
        const char *name;
        rlim_t *value;
    } table[] = {
        {"--cpu-s", &options->cpu_seconds}, {"--nofile", &options->open_files}, {"--fsize", &options->file_size},
        {"--data", &options->data},         {"--nproc", &options->processes},   {"--memory", &options->memory},
        {"--tasks", &options->tasks},
    };
    for (size_t index = 0; index < sizeof table / sizeof *table; index++) {
        if (strcmp(name, table[index].name) == 0) return table[index].value;
    }
    return NULL;
}

static void read_option(struct options *options, const char *name, const char *value) {
    rlim_t *numbered = numeric(options, name);
    if (numbered != NULL) *numbered = number(value, 1ULL << 62);
    else if (strcmp(name, "--grace-ms") == 0) options->grace_ms = (long)number(value, 3600000);
    else if (strcmp(name, "--parent") == 0) options->parent = (pid_t)number(value, 4194304);
    else if (strcmp(name, "--run") == 0) options->directory = absolute(value);
    else if (strcmp(name, "--open") == 0) add_opened(options, value);
    else if (strcmp(name, "--cgroup") == 0) add_cgroup(options, value);
    else if (strcmp(name, "--inside") == 0 && number(value, STATUS_FD) == STATUS_FD) options->role = 'i';
    else usage("unknown option");
}

struct options parse_options(int argc, char **argv) {
    struct options options = {
        .grace_ms = 2000,
        .cpu_seconds = RLIM_INFINITY,
        .open_files = RLIM_INFINITY,
        .file_size = RLIM_INFINITY,
        .data = RLIM_INFINITY,
        .processes = RLIM_INFINITY,
        .memory = RLIM_INFINITY,
        .tasks = RLIM_INFINITY,
    };
    if (argc == 2 && strcmp(argv[1], "--cgroups") == 0) {
        options.role = 'c';
        return options;
    }
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "--reap") == 0) {
        options.role = 'r';
        options.directory = absolute(argv[2]);
        options.only = argc == 4 ? argv[3] : NULL;
        return options;
    }
    int index = 1;
    while (index < argc && strcmp(argv[index], "--") != 0) {
        if (strcmp(argv[index], "--sandboxed") == 0) {
            options.sandboxed = true;
            index += 1;
        } else if (strcmp(argv[index], "--terminal") == 0) {
            options.terminal = true;
            index += 1;
        } else {
            read_option(&options, argv[index], index + 1 < argc ? argv[index + 1] : NULL);
            index += 2;
        }
    }
    if (index + 1 >= argc) usage("no command");
    options.command = argv + index + 1;
    return options;
}
