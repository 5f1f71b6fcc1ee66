// The value of what has none, but an end.

#ifndef EDGERIG_XLA_CHAIN_H_
#define EDGERIG_XLA_CHAIN_H_

namespace tsl {
struct Chain {};
}  // namespace tsl

#endif  // EDGERIG_XLA_CHAIN_H_
