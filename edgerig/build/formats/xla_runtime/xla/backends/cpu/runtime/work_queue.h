// Work that XLA would split among the threads of a pool, on the one thread that a program has here.

#ifndef EDGERIG_XLA_WORK_QUEUE_H_
#define EDGERIG_XLA_WORK_QUEUE_H_

#include <cstddef>

namespace Eigen {
class ThreadPoolInterface;
}

namespace xla::cpu {

struct Worker {
  template <typename Work>
  static void Parallelize(Eigen::ThreadPoolInterface*, size_t, size_t tasks, Work&& work) {
    for (size_t task = 0; task < tasks; ++task) work(task);
  }
};

}  // namespace xla::cpu

#endif  // EDGERIG_XLA_WORK_QUEUE_H_
