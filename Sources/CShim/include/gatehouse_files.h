/* File work that needs _GNU_SOURCE or is shorter in C. */
#pragma once

/* Removes a directory with all it holds, whatever its depth: it needs no recursion and a fixed number of descriptors.
 * Links are removed, never followed. Answers 0 or an errno. */
int gatehouse_remove_tree(const char *path);
