#pragma once
#include "gatehouse_files.h"
