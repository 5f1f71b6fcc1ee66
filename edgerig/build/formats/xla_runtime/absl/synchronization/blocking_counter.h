// As `notification.h`, of several parts.

#ifndef EDGERIG_XLA_BLOCKING_COUNTER_H_
#define EDGERIG_XLA_BLOCKING_COUNTER_H_

#include "absl/log/check.h"

namespace absl {

class BlockingCounter {
 public:
  explicit BlockingCounter(int parts) : parts_(parts) {}
  void DecrementCount() { --parts_; }
  void Wait() const { CHECK(parts_ == 0); }

 private:
  int parts_;
};

}  // namespace absl

#endif  // EDGERIG_XLA_BLOCKING_COUNTER_H_
