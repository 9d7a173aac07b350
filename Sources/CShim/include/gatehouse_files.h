/* File work that needs _GNU_SOURCE or is shorter in C. */
#pragma once

/* Removes a directory with all it holds, whatever its depth: it needs no recursion and a fixed number of descriptors.
 * Links are removed, never followed. Answers 0 or an errno. */
int gatehouse_remove_tree(const char *path);

/* A file without a name on the file system of `directory`, for reading and writing. Answers a descriptor or -errno. */
int gatehouse_open_draft(int directory);

/* Gives such a file its name, all at once. Answers 0 or an errno; EEXIST when there is one of this name. */
int gatehouse_link_draft(int draft, int directory, const char *name);

/* Opens a file below `directory` for reading; no link is followed on the way, and none leads out. Answers a descriptor or
 * -errno. */
int gatehouse_open_beneath(int directory, const char *path);
