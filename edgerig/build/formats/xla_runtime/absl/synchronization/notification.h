// What a program waits for when a part of it may run on other threads. Here none does: it is there when it is asked for.

#ifndef EDGERIG_XLA_NOTIFICATION_H_
#define EDGERIG_XLA_NOTIFICATION_H_

#include "absl/log/check.h"

namespace absl {

class Notification {
 public:
  void Notify() { notified_ = true; }
  void WaitForNotification() const { CHECK(notified_); }

 private:
  bool notified_ = false;
};

}  // namespace absl

#endif  // EDGERIG_XLA_NOTIFICATION_H_
