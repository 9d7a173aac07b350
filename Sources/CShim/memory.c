#include "gatehouse_memory.h"

#include <malloc.h>

void gatehouse_return_large_memory(void) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void gatehouse_trim_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
