// Of XLA's asynchronous values the one that its convolutions use: something is done when a number of parts are.

#ifndef EDGERIG_XLA_ASYNC_VALUE_REF_H_
#define EDGERIG_XLA_ASYNC_VALUE_REF_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace tsl {

template <typename Value>
class CountDownAsyncValueRef {
 public:
  explicit CountDownAsyncValueRef(size_t parts) : state_(std::make_shared<State>(State{parts, nullptr})) {}

  CountDownAsyncValueRef& AsPtr() { return *this; }

  template <typename Done>
  void AndThen(Done&& done) {
    auto kept = std::make_shared<std::decay_t<Done>>(std::forward<Done>(done));  // it may not be copied
    state_->done = [kept] { (*kept)(); };
  }

  void CountDown() {
    if (--state_->parts == 0 && state_->done) state_->done();
  }

 private:
  struct State {
    size_t parts;
    std::function<void()> done;
  };
  std::shared_ptr<State> state_;
};

}  // namespace tsl

#endif  // EDGERIG_XLA_ASYNC_VALUE_REF_H_
