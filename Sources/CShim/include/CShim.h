#pragma once
#include "gatehouse_files.h"
#include "gatehouse_memory.h"
