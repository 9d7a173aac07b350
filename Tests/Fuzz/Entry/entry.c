// What libFuzzer calls. It is C because the fuzzer brings main() itself, and a Swift executable would have its own.
#include "entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gatehouse_fuzz(data, size);
    return 0;
}
