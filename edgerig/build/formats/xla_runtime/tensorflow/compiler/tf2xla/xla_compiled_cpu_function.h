// The class that a program of tfcompile's is derived from, in place of TensorFlow's: the same buffers, allocated the same
// way (tensorflow/compiler/tf2xla/allocator.cc), run on the calling thread alone, without Abseil's library. What tfcompile
// tells beyond that (symbols, shapes, profiles) is taken and left.

#ifndef EDGERIG_XLA_COMPILED_CPU_FUNCTION_H_
#define EDGERIG_XLA_COMPILED_CPU_FUNCTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/dynamic_annotations.h"
#include "absl/base/optimization.h"
#include "tensorflow/compiler/tf2xla/encoded_buffer_allocation_info.h"
#include "xla/backends/cpu/buffer_allocation_info.h"

namespace absl {
template <typename Key, typename Value>
using flat_hash_map = std::unordered_map<Key, Value>;
}  // namespace absl

namespace Eigen {
struct ThreadPoolDevice;
}  // namespace Eigen

namespace xla {

class ProgramShapeProto;
class HloProfilePrinterData;

class ExecutableRunOptions {
 public:
  const Eigen::ThreadPoolDevice* intra_op_thread_pool() const { return nullptr; }
};

namespace cpu {
class CompilationResultProto;
class RngState {};  // of networks that draw random numbers, none of which is compiled here
}  // namespace cpu

}  // namespace xla

namespace tensorflow {

using int32 = int32_t;

class XlaCompiledCpuFunction {
 public:
  using RandomStates = std::vector<std::unique_ptr<xla::cpu::RngState>>;
  using Thunks = std::function<bool(void** buffers, xla::ExecutableRunOptions*, RandomStates&)>;
  using Buffer = xla::cpu::BufferAllocationInfo;

  struct ShapeInfo {
    const int32_t* dimensions = nullptr;
    int32_t num_dimensions = 0;
  };

  struct StaticData {
    Thunks thunks;
    std::vector<std::pair<uint64_t, char*>> constants;
    const Buffer* buffers = nullptr;
    size_t buffer_count = 0;
    const int32_t* results = nullptr;
    const int32_t* arguments = nullptr;
    const char** argument_names = nullptr;
    const char** result_names = nullptr;
  };

  enum class AllocMode { ARGS_VARIABLES_RESULTS_PROFILES_AND_TEMPS, RESULTS_PROFILES_AND_TEMPS_ONLY };

  XlaCompiledCpuFunction(const StaticData& data, AllocMode) : data_(data), table_(data.buffer_count) {
    size_t total = 0;
    for (size_t index = 0; index < data.buffer_count; ++index)
      if (Allocated(index)) total += Aligned(data.buffers[index].size());
    if (total > 0) memory_.reset(static_cast<char*>(std::aligned_alloc(kAlign, total)));
    char* next = memory_.get();
    allocated_ = total == 0 || next != nullptr;
    size_t constant = 0;
    for (size_t index = 0; allocated_ && index < data.buffer_count; ++index) {
      if (Allocated(index)) {
        table_[index] = next;
        next += Aligned(data.buffers[index].size());
      } else if (data.buffers[index].is_constant() && data.buffers[index].size() > 0) {  // empty ones are not kept
        table_[index] = data.constants.at(constant++).second;
      }
    }
  }
  virtual ~XlaCompiledCpuFunction() = default;

  bool allocated() const { return allocated_; }
  bool Run() { return data_.thunks(table_.data(), &options_, states_); }

  void* arg_data(size_t index) { return table_[data_.arguments[index]]; }
  const void* arg_data(size_t index) const { return table_[data_.arguments[index]]; }
  uint64_t arg_size(size_t index) const { return data_.buffers[data_.arguments[index]].size(); }
  void set_arg_data(size_t index, const void* data) { table_[data_.arguments[index]] = const_cast<void*>(data); }
  void* result_data(size_t index) { return table_[data_.results[index]]; }
  const void* result_data(size_t index) const { return table_[data_.results[index]]; }
  uint64_t result_size(size_t index) const { return data_.buffers[data_.results[index]].size(); }
  const char** arg_names() const { return data_.argument_names; }
  const char** result_names() const { return data_.result_names; }

 protected:
  virtual bool is_thunk_mode() const { return true; }
  void** buffer_table() { return table_.data(); }
  const xla::ExecutableRunOptions* run_options() const { return &options_; }

  static void set_static_data_thunk_run_impl(StaticData* data, Thunks thunks) { data->thunks = std::move(thunks); }
  static void set_static_data_embedded_constant_buffers(
      StaticData* data, std::vector<std::pair<uint64_t, char*>> constants) {
    data->constants = std::move(constants);
  }
  static void set_static_data_buffer_infos(StaticData* data, const Buffer* buffers) { data->buffers = buffers; }
  static void set_static_data_num_buffers(StaticData* data, size_t count) { data->buffer_count = count; }
  static void set_static_data_result_index_table(StaticData* data, const int32_t* table) { data->results = table; }
  static void set_static_data_arg_index_table(StaticData* data, const int32_t* table) { data->arguments = table; }
  static void set_static_data_arg_names(StaticData* data, const char** names) { data->argument_names = names; }
  static void set_static_data_result_names(StaticData* data, const char** names) { data->result_names = names; }

  static void set_static_data_function_library_symbol_map(StaticData*, absl::flat_hash_map<std::string, void*>) {}
  static void set_static_data_compilation_result_proto(StaticData*, const xla::cpu::CompilationResultProto*) {}
  static void set_static_data_rng_state_deltas(StaticData*, std::vector<int64_t>) {}
  static void set_static_data_num_results(StaticData*, int64_t) {}
  static void set_static_data_num_args(StaticData*, int64_t) {}
  static void set_static_data_num_variables(StaticData*, int64_t) {}
  static void set_static_data_temp_allocation_index(StaticData*, std::optional<size_t>) {}
  static void set_static_data_arg_shape_infos(StaticData*, const ShapeInfo*) {}
  static void set_static_data_result_shape_infos(StaticData*, const ShapeInfo*) {}
  static void set_static_data_variable_names(StaticData*, const char**) {}
  static void set_static_data_program_shape(StaticData*, const xla::ProgramShapeProto*) {}

 private:
  static constexpr size_t kAlign = 64;  // xla::cpu::Align()
  static size_t Aligned(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

  bool Allocated(size_t index) const {
    const Buffer& buffer = data_.buffers[index];
    return buffer.is_temp() || buffer.is_result() || buffer.is_entry_parameter();
  }

  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  const StaticData& data_;
  std::unique_ptr<char, Free> memory_;
  std::vector<void*> table_;
  bool allocated_ = false;
  xla::ExecutableRunOptions options_;
  RandomStates states_;
};

}  // namespace tensorflow

#endif  // EDGERIG_XLA_COMPILED_CPU_FUNCTION_H_
