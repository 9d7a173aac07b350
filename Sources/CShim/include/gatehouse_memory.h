/* How this process deals with memory; what Swift's view of the C library leaves out. */
#pragma once

/* From now on pieces of a megabyte and more go back to the system when they are freed. By default the C library begins to
 * keep them once one was freed, in each of its arenas, so that a few long lines of an agent would cost memory for good. */
void gatehouse_return_large_memory(void);

/* Gives memory that is free back to the system, as far as whole pages of it are. */
void gatehouse_trim_memory(void);

/* Lets go of the program's own code that is in memory: what was needed to start is not needed again, and what is comes back
 * from the file's pages, which the system has. */
void gatehouse_forget_code(void);
