#pragma once
#include <stddef.h>
#include <stdint.h>

/// Runs one input through the target that the environment variable GATEHOUSE_FUZZ names; traps when a promise is broken.
void gatehouse_fuzz(const uint8_t *data, size_t size);
