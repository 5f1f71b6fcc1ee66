// Of Abseil's logging XLA's runtime uses the checks, and the message that ends a process.

#ifndef EDGERIG_XLA_LOG_H_
#define EDGERIG_XLA_LOG_H_

#include "absl/log/check.h"

#define LOG(severity) ::edgerig::Fatal(#severity)

#endif  // EDGERIG_XLA_LOG_H_
