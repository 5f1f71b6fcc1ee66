// Of Abseil's logging XLA's runtime uses the checks alone.

#include "absl/log/check.h"
