/* Which cgroups can be used on this host. */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Where the tree of a controller is mounted; "" stands for version 2. False when it is not. */
static bool find_mount(const char *controller, char *mount, size_t size) {
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char line[4096];
    bool is_found = false;
    while (mounts != NULL && !is_found && fgets(line, sizeof line, mounts) != NULL) {
        char place[1024], kind[64], options[1024];
        char *rest = strstr(line, " - ");
        if (rest == NULL || sscanf(line, "%*s %*s %*s %*s %1023s", place) != 1) continue;
        if (sscanf(rest, " - %63s %*s %1023s", kind, options) != 2) continue;
        if (strcmp(kind, *controller ? "cgroup" : "cgroup2") != 0) continue;
        char *left = NULL;
        char *option = *controller ? strtok_r(options, ",\n", &left) : NULL;
        while (option != NULL && strcmp(option, controller) != 0) option = strtok_r(NULL, ",\n", &left);
        if (*controller && option == NULL) continue;
        is_found = snprintf(mount, size, "%s", place) < (int)size;
    }
    if (mounts != NULL) fclose(mounts);
    return is_found;
}

/* The directory of our own cgroup in the tree of a controller. */
static bool find_own(const char *controller, char *directory, size_t size) {
    char mount[1024], line[4096];
    if (!find_mount(controller, mount, sizeof mount)) return false;
    FILE *own = fopen("/proc/self/cgroup", "re");
    bool is_found = false;
    while (own != NULL && !is_found && fgets(line, sizeof line, own) != NULL) {
        /* "5:cpu,cpuacct:/path", "0::/path" */
        char *names = strchr(line, ':');
        char *path = names ? strchr(names + 1, ':') : NULL;
        if (path == NULL) continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        char *left = NULL;
        char *name = strtok_r(names + 1, ",", &left);
        while (name != NULL && strcmp(name, controller) != 0) name = strtok_r(NULL, ",", &left);
        if (*controller ? name == NULL : names[1] != '\0') continue;
        is_found = snprintf(directory, size, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path) < (int)size;
    }
    if (own != NULL) fclose(own);
    return is_found;
}

static bool may_have_children(const char *directory) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/gatehouse-try-%d", directory, (int)getpid()) >= (int)sizeof path) return false;
    return mkdir(path, 0755) == 0 && rmdir(path) == 0;
}

static bool has_word(const char *directory, const char *name, const char *word) {
    char path[4096], text[1024] = "";
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return false;
    FILE *file = fopen(path, "re");
    bool is_found = false;
    while (file != NULL && !is_found && fscanf(file, "%1023s", text) == 1) is_found = strcmp(text, word) == 0;
    if (file != NULL) fclose(file);
    return is_found;
}

static bool put(const char *directory, const char *name, const char *text) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return false;
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    if (file >= 0) close(file);
    return is_written;
}

/* systemd marks what it leaves to a service; for an ordinary user, ownership is such a mark. */
static bool is_delegated(const char *directory) {
    char value[4] = "";
    static const char *const marks[] = {"trusted.delegate", "user.delegate"};
    for (size_t index = 0; index < 2; index++) {
        if (getxattr(directory, marks[index], value, sizeof value - 1) > 0 && value[0] == '1') return true;
    }
    struct stat status;
    return geteuid() != 0 && stat(directory, &status) == 0 && status.st_uid == geteuid();
}

/* A cgroup of version 2 whose children have controllers may have no processes of its own: the gateway moves into a child. */
static bool share_controllers(const char *directory) {
    if (has_word(directory, "cgroup.subtree_control", "memory")) return true;
    if (!has_word(directory, "cgroup.controllers", "memory") || !is_delegated(directory)) return false;
    char leaf[4096], pid[16];
    if (snprintf(leaf, sizeof leaf, "%s/gateway", directory) >= (int)sizeof leaf) return false;
    if (mkdir(leaf, 0755) != 0 && errno != EEXIST) return false;
    snprintf(pid, sizeof pid, "%d", (int)getppid());
    if (!put(leaf, "cgroup.procs", pid) || !put(leaf, "cgroup.procs", "0")) return false;
    return put(directory, "cgroup.subtree_control", "+memory +pids");
}

/* Version 2: the cgroup that was delegated, with its controllers; or any where processes can be killed together. */
static void tell_unified(void) {
    char directory[2048];
    if (!find_own("", directory, sizeof directory)) return;
    size_t length = strlen(directory);
    /* After a restart we are in the child already. */
    if (length > 8 && strcmp(directory + length - 8, "/gateway") == 0) {
        char parent[2048];
        snprintf(parent, sizeof parent, "%.*s", (int)(length - 8), directory);
        if (has_word(parent, "cgroup.subtree_control", "memory")) memcpy(directory, parent, length - 7);
    }
    bool has_controllers = share_controllers(directory);
    if (!may_have_children(directory)) return;
    if (has_controllers) printf("memory %s\npids %s\n", directory, directory);
    printf("kill %s\n", directory);
}

_Noreturn void tell_cgroups(void) {
    static const char *const controllers[] = {"memory", "pids", "freezer"};
    for (size_t index = 0; index < sizeof controllers / sizeof *controllers; index++) {
        char directory[2048];
        if (!find_own(controllers[index], directory, sizeof directory) || !may_have_children(directory)) continue;
        printf("%s %s\n", strcmp(controllers[index], "freezer") == 0 ? "kill" : controllers[index], directory);
    }
    tell_unified();
    exit(fflush(stdout) == 0 ? 0 : 74);
}
