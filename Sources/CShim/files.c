#define _GNU_SOURCE
#include "gatehouse_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_dot(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

/* Opens a directory of `parent` for listing, and makes sure that we may change it. */
static DIR *open_directory(int parent, const char *name) {
    fchmodat(parent, name, 0700, 0);
    int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return NULL;
    DIR *directory = fdopendir(descriptor);
    if (directory == NULL) close(descriptor);
    return directory;
}

/* Moves a directory up into the root, under a name that is free there. */
static int move_up(int from, const char *name, int root, unsigned long *serial) {
    fchmodat(from, name, 0700, 0);
    char target[48];
    do {
        snprintf(target, sizeof target, ".removed-%lu", (*serial)++);
        if (renameat(from, name, root, target) == 0) return 0;
    } while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
    return errno;
}

/* Removes the files of one directory of the root, moves its directories up, and removes it. */
static int remove_directory(int root, const char *name, unsigned long *serial) {
    if (unlinkat(root, name, AT_REMOVEDIR) == 0) return 0;
    DIR *directory = open_directory(root, name);
    if (directory == NULL) return errno;
    int error = 0;
    struct dirent *entry;
    while (error == 0 && (entry = readdir(directory)) != NULL) {
        if (is_dot(entry->d_name) || unlinkat(dirfd(directory), entry->d_name, 0) == 0) continue;
        error = errno == EISDIR ? move_up(dirfd(directory), entry->d_name, root, serial) : errno;
    }
    closedir(directory);
    if (error != 0) return error;
    if (unlinkat(root, name, AT_REMOVEDIR) == 0) return 0;
    /* Not everything may have been listed while the directory changed: it is met again in the next round. */
    return errno == ENOTEMPTY ? 0 : errno;
}

/* One round over the root. Answers an errno; `*found` tells whether there was anything. */
static int remove_entries(DIR *root, bool *found, unsigned long *serial) {
    *found = false;
    rewinddir(root);
    struct dirent *entry;
    while ((entry = readdir(root)) != NULL) {
        if (is_dot(entry->d_name)) continue;
        *found = true;
        if (unlinkat(dirfd(root), entry->d_name, 0) == 0 || errno == ENOENT) continue;
        int error = errno == EISDIR ? remove_directory(dirfd(root), entry->d_name, serial) : errno;
        if (error != 0 && error != ENOENT) return error;
    }
    return 0;
}

int gatehouse_remove_tree(const char *path) {
    DIR *root = open_directory(AT_FDCWD, path);
    if (root == NULL) return errno;
    unsigned long serial = 0;
    bool found = true;
    int error = 0;
    while (found && error == 0) error = remove_entries(root, &found, &serial);
    closedir(root);
    if (error != 0) return error;
    return rmdir(path) == 0 ? 0 : errno;
}
