// The barest C++ loop over an ExecuTorch program: `executorch_loop FILE.pte RUNS WARMUP`, one thread.
//
// Loads method "forward" through ExecuTorch's own Module, sets every input to ones once, and times Method::execute()
// alone, one clock read on each side. Prints one JSON line with the nearest-rank median in milliseconds.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

// The wheel exports these but ships no header for them; declared as in executorch/extension/threadpool/threadpool.h.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t num_threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace {

using executorch::extension::Module;
using executorch::extension::TensorPtr;
using executorch::runtime::Error;
using executorch::runtime::Method;

void check(bool good, const char* what) {
  if (!good) {
    std::fprintf(stderr, "%s\n", what);
    std::exit(1);
  }
}

// Gives the method its inputs; the tensors must live as long as it runs.
std::vector<TensorPtr> set_inputs(Module& module) {
  const auto meta = module.method_meta("forward");
  check(meta.ok(), "the program has no method \"forward\"");
  std::vector<TensorPtr> tensors;
  for (size_t i = 0; i < meta->num_inputs(); ++i) {
    const auto info = meta->input_tensor_meta(i);
    check(info.ok(), "an input is not a tensor");
    const std::vector<executorch::aten::SizesType> sizes(info->sizes().begin(), info->sizes().end());
    tensors.push_back(executorch::extension::full(sizes, 1, info->scalar_type()));
    check(module.set_input(tensors.back(), i) == Error::Ok, "an input was refused");
  }
  return tensors;
}

long long execute(Method& method) {
  const auto start = std::chrono::steady_clock::now();
  const Error error = method.execute();
  const auto end = std::chrono::steady_clock::now();
  check(error == Error::Ok, "the execution failed");
  return std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  check(argc == 4, "usage: executorch_loop FILE.pte RUNS WARMUP");
  const long runs = std::strtol(argv[2], nullptr, 10);
  const long warmup = std::strtol(argv[3], nullptr, 10);
  check(runs > 0 && warmup >= 0, "RUNS must be positive and WARMUP not negative");

  auto* pool = executorch::extension::threadpool::get_threadpool();
  check(pool != nullptr && pool->_unsafe_reset_threadpool(1), "the thread pool cannot be held to one thread");
  Module module(argv[1], Module::LoadMode::Mmap);
  check(module.load_forward() == Error::Ok, "the program cannot be loaded");
  const std::vector<TensorPtr> inputs = set_inputs(module);
  const auto method = module.method("forward");
  check(method.ok(), "the method \"forward\" cannot be had");

  for (long i = 0; i < warmup; ++i) {
    execute(**method);
  }
  std::vector<long long> samples(static_cast<size_t>(runs));
  for (auto& sample : samples) {
    sample = execute(**method);
  }
  std::sort(samples.begin(), samples.end());
  std::printf("{\"p50_ms\": %.6f}\n", static_cast<double>(samples[(samples.size() - 1) / 2]) / 1e6);
  return 0;
}
