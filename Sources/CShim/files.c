#define _GNU_SOURCE
#include "gatehouse_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

/* Where the file system has no files without names, one with a name that nobody else knows takes their place. */
int gatehouse_open_draft(int directory) {
    int draft = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return draft >= 0 ? draft : -errno;
}

int gatehouse_link_draft(int draft, int directory, const char *name) {
    char path[48];
    snprintf(path, sizeof path, "/proc/self/fd/%d", draft);
    return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* For kernels without openat2: each part is opened by itself, and none may be a link. */
static int open_by_parts(int directory, const char *path) {
    char part[256];
    int at = directory;
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length == 0 || length >= sizeof part) break;
        memcpy(part, path, length);
        part[length] = 0;
        if (is_dot(part)) break;
        bool is_last = path[length] == 0;
        int flags = is_last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY;
        int next = openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        if (at != directory) close(at);
        if (next < 0) return -error;
        if (is_last) return next;
        at = next;
        path += length + 1;
    }
    if (at != directory) close(at);
    return -EINVAL;
}

int gatehouse_open_beneath(int directory, const char *path) {
    struct open_how how = {
        .flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    long file = syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (file >= 0) return (int)file;
    /* Filters of containers answer EPERM to what they do not know. */
    return errno == ENOSYS || errno == EPERM ? open_by_parts(directory, path) : -errno;
}
