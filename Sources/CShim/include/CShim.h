#pragma once
#include "gatehouse_files.h"
#include "gatehouse_memory.h"
#include "gatehouse_terminal.h"
