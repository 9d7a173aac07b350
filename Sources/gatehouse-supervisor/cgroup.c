/* Cgroups of a run: they hold all its processes to limits together, and none of them can leave. Version 2 needs a part of
 * the tree that was delegated to the gateway; of version 1 the gateway's own cgroups serve where it may write there. */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool write_file(const char *directory, const char *name, const char *text) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return false;
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool is_written = write(file, text, strlen(text)) == (ssize_t)strlen(text);
    close(file);
    return is_written;
}

static bool write_number(const char *directory, const char *name, rlim_t value) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return value == RLIM_INFINITY || write_file(directory, name, text);
}

static FILE *open_member(const char *directory, const char *name) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return NULL;
    return fopen(path, "re");
}

/* What is not there belongs to the other version, or to a controller that this cgroup does not have. */
static void set_limits(const struct options *options, const char *path) {
    write_number(path, "pids.max", options->tasks);
    write_number(path, "memory.max", options->memory);
    if (options->memory != RLIM_INFINITY) write_number(path, "memory.swap.max", 0);
    write_file(path, "memory.oom.group", "1");
    write_number(path, "memory.limit_in_bytes", options->memory);
    write_number(path, "memory.memsw.limit_in_bytes", options->memory);
}

void make_cgroups(const struct options *options, struct cgroups *cgroups) {
    const char *slash = options->directory ? strrchr(options->directory, '/') : NULL;
    const char *name = slash ? slash + 1 : "run";
    for (size_t index = 0; index < options->cgroup_count; index++) {
        char *path = NULL;
        if (asprintf(&path, "%s/gatehouse-%s", options->cgroups[index], name) < 0) die(71, "cgroup", ENOMEM);
        if (mkdir(path, 0755) != 0) die(71, "cgroup", errno);
        set_limits(options, path);
        cgroups->paths[cgroups->count++] = path;
    }
}

bool join_cgroups(const struct cgroups *cgroups) {
    for (size_t index = 0; index < cgroups->count; index++) {
        if (!write_file(cgroups->paths[index], "cgroup.procs", "0")) return false;
    }
    return true;
}

static void kill_members(const char *path) {
    FILE *members = open_member(path, "cgroup.procs");
    int pid = 0;
    while (members != NULL && fscanf(members, "%d", &pid) == 1) {
        if (pid > 1 && pid != getpid()) kill(pid, SIGKILL);
    }
    if (members != NULL) fclose(members);
}

void kill_cgroup(const char *path) {
    if (write_file(path, "cgroup.kill", "1")) return;
    /* Whoever is frozen starts nobody while the others are killed. */
    write_file(path, "freezer.state", "FROZEN");
    kill_members(path);
    write_file(path, "freezer.state", "THAWED");
}

/* A line "oom_kill N" in memory.events of version 2 and memory.oom_control of version 1. */
bool cgroup_had_no_memory(const struct cgroups *cgroups) {
    static const char *const names[] = {"memory.events", "memory.oom_control"};
    for (size_t index = 0; index < 2 * cgroups->count; index++) {
        FILE *events = open_member(cgroups->paths[index / 2], names[index % 2]);
        if (events == NULL) continue;
        char word[64];
        unsigned long long count = 0;
        bool is_found = false;
        while (fscanf(events, "%63s %llu", word, &count) == 2) is_found |= strcmp(word, "oom_kill") == 0 && count > 0;
        fclose(events);
        if (is_found) return true;
    }
    return false;
}

void remove_cgroup(const char *path) {
    const struct timespec moment = {.tv_nsec = 5000000L};
    /* It is busy for a moment after its last member has ended. */
    for (int attempt = 0; attempt < 100 && rmdir(path) != 0 && errno == EBUSY; attempt++) nanosleep(&moment, NULL);
}
