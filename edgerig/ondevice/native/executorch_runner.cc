// A C interface over ExecuTorch's C++ runtime, so that a .pte file runs without Python's torch.
//
// One Runner is one loaded method ("forward") with its memory. Nothing here is thread-safe. Functions that can fail
// return an ExecuTorch error code (executorch/runtime/core/error.h; 0 is success) and leave a text for
// edgerig_et_error(). The runtime's own error log is kept for that text instead of going to stderr.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <executorch/extension/data_loader/mmap_data_loader.h>
#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>
#include <executorch/runtime/core/event_tracer.h>
#include <executorch/runtime/core/exec_aten/util/dim_order_util.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#ifndef __GLIBCXX__
#error "ExecuTorch's prebuilt libraries have the libstdc++ ABI: compile with a compiler that uses libstdc++ (g++)"
#endif

// The wheel exports these but ships no header for them; declared as in executorch/extension/threadpool/threadpool.h.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(uint32_t num_threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace {

using executorch::aten::DimOrderType;
using executorch::aten::ScalarType;
using executorch::aten::SizesType;
using executorch::aten::StridesType;
using executorch::aten::Tensor;
using executorch::aten::TensorImpl;
using executorch::extension::MallocMemoryAllocator;
using executorch::extension::MmapDataLoader;
using executorch::runtime::AllocatorID;
using executorch::runtime::ChainID;
using executorch::runtime::DebugHandle;
using executorch::runtime::DelegateDebugIdType;
using executorch::runtime::DelegateDebugIntId;
using executorch::runtime::Error;
using executorch::runtime::EValue;
using executorch::runtime::EventTracer;
using executorch::runtime::EventTracerEntry;
using executorch::runtime::EventTracerFilterBase;
using executorch::runtime::HierarchicalAllocator;
using executorch::runtime::LoggedEValueType;
using executorch::runtime::MemoryManager;
using executorch::runtime::Method;
using executorch::runtime::MethodMeta;
using executorch::runtime::Program;
using executorch::runtime::Result;
using executorch::runtime::Span;
using executorch::runtime::Tag;
using executorch::runtime::TensorInfo;

constexpr size_t kAlignment = 64;      // a cache line, and the widest vector register XNNPACK loads
constexpr size_t kReadPastEnd = 128;   // XNNPACK's kernels may read, not use, bytes past a buffer (XNN_EXTRA_BYTES)
constexpr size_t kLogLimit = 4000;     // characters of the runtime's log kept for an error text

std::mutex log_mutex;  // kernels log from the thread pool's threads too
std::string runtime_log;
std::string error_text;

void keep_log(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, size_t, const char* message, size_t) {
  if (level != kError && level != kFatal) {
    return;
  }
  const std::lock_guard<std::mutex> lock(log_mutex);
  if (runtime_log.size() < kLogLimit) {
    runtime_log.append(runtime_log.empty() ? "" : "; ").append(message);
  }
  if (level == kFatal) {  // the process is about to abort: this is the last chance to say why
    std::fprintf(stderr, "ExecuTorch: %s\n", message);
  }
}

void start_runtime() {
  static const bool started = [] {
    executorch::runtime::register_pal(executorch::runtime::PalImpl::create(keep_log, __FILE__));
    executorch::runtime::runtime_init();
    return true;
  }();
  (void)started;
}

uint32_t fail(Error error, const std::string& what) {
  const std::lock_guard<std::mutex> lock(log_mutex);
  error_text = what + " (" + executorch::runtime::to_string(error) + ")";
  if (!runtime_log.empty()) {
    error_text += ": " + runtime_log;
    runtime_log.clear();
  }
  return static_cast<uint32_t>(error);
}

struct Free {
  void operator()(void* memory) const {
    std::free(memory);
  }
};
using Buffer = std::unique_ptr<uint8_t, Free>;

// Zeroed, aligned, readable for kReadPastEnd bytes past its end; throws std::bad_alloc.
Buffer make_buffer(size_t nbytes) {
  if (nbytes > SIZE_MAX - kReadPastEnd - kAlignment) {
    throw std::bad_alloc();
  }
  const size_t size = (nbytes + kReadPastEnd + kAlignment - 1) / kAlignment * kAlignment;
  Buffer buffer(static_cast<uint8_t*>(std::aligned_alloc(kAlignment, size)));
  if (buffer == nullptr) {
    throw std::bad_alloc();
  }
  std::memset(buffer.get(), 0, size);
  return buffer;
}

enum EventKind : uint32_t { kKernel = 0, kDelegated = 1, kPartition = 2 };

// A call of an operator, or of a delegate's partition. A delegated operator's time is what its delegate tells, any
// other's the tracer's clock's.
struct Traced {
  std::string name;
  EventKind kind;
  int32_t call;         // of a partition and of what is in it: which run of one it is, counted from 0
  int64_t instruction;  // of a kernel and of a partition: its place in the method, by chain and instruction
  uint64_t ticks;
};

using Clock = uint64_t (*)();

// Keeps what the runtime tells of an execution while `recording`. Of scopes around scopes the innermost, which begin
// with "native_call_", are kernels; a delegate logs its operators when it has run. What it takes to log them, from the
// first to the last, is no part of its partition's time: without a tracer nothing is logged.
class OperatorTracer final : public EventTracer {
 public:
  explicit OperatorTracer(Clock now) : now_(now) {}

  void record(bool on) {
    recording_ = on;
    if (on) {
      events_.clear();
      calls_ = -1;
    }
  }

  const std::vector<Traced>& events() const {
    return events_;
  }

  EventTracerEntry start_profiling(const char* name, ChainID chain, DebugHandle handle) override {
    EventTracerEntry entry{-1, chain, handle, 0, DelegateDebugIdType::kNone};
    if (!recording_) {
      return entry;
    }
    if (std::strncmp(name, kNativeCall, sizeof kNativeCall - 1) == 0) {
      entry.event_id = static_cast<int64_t>(events_.size());
      events_.push_back(Traced{name, kKernel, 0, here(), 0});
    } else if (std::strcmp(name, "DELEGATE_CALL") == 0) {
      entry.event_id = static_cast<int64_t>(events_.size());
      events_.push_back(Traced{name, kPartition, ++calls_, here(), 0});
      first_log_ = last_log_ = 0;
    }
    entry.start_time = now_();
    return entry;
  }

  void end_profiling(EventTracerEntry entry) override {
    if (!recording_ || entry.event_id < 0 || static_cast<size_t>(entry.event_id) >= events_.size()) {
      return;
    }
    Traced& event = events_[static_cast<size_t>(entry.event_id)];
    event.ticks = now_() - entry.start_time - (event.kind == kPartition ? last_log_ - first_log_ : 0);
  }

  void log_profiling_delegate(const char* name, DelegateDebugIntId id, et_timestamp_t start, et_timestamp_t end,
                              const void*, size_t) override {
    if (recording_) {
      first_log_ = first_log_ == 0 ? now_() : first_log_;
      events_.push_back(Traced{name == nullptr ? std::to_string(id) : name, kDelegated, calls_, 0, end - start});
      last_log_ = now_();
    }
  }

  EventTracerEntry start_profiling_delegate(const char* name, DelegateDebugIntId id) override {
    EventTracerEntry entry{-1, chain_id_, debug_handle_, 0, DelegateDebugIdType::kInt};
    if (recording_) {
      entry.event_id = static_cast<int64_t>(events_.size());
      events_.push_back(Traced{name == nullptr ? std::to_string(id) : name, kDelegated, calls_, 0, 0});
      entry.start_time = now_();
    }
    return entry;
  }

  void end_profiling_delegate(EventTracerEntry entry, const void*, size_t) override {
    end_profiling(entry);
  }

  void create_event_block(const char*) override {}
  void track_allocation(AllocatorID, size_t) override {}
  AllocatorID track_allocator(const char*) override {
    return 0;
  }
  Result<bool> log_evalue(const EValue&, LoggedEValueType) override {
    return false;
  }
  Result<bool> log_intermediate_output_delegate(const char*, DelegateDebugIntId, const Tensor&) override {
    return false;
  }
  Result<bool> log_intermediate_output_delegate(const char*, DelegateDebugIntId,
                                                const executorch::runtime::ArrayRef<Tensor>) override {
    return false;
  }
  Result<bool> log_intermediate_output_delegate(const char*, DelegateDebugIntId, const int&) override {
    return false;
  }
  Result<bool> log_intermediate_output_delegate(const char*, DelegateDebugIntId, const bool&) override {
    return false;
  }
  Result<bool> log_intermediate_output_delegate(const char*, DelegateDebugIntId, const double&) override {
    return false;
  }
  void set_delegation_intermediate_output_filter(EventTracerFilterBase*) override {}

 private:
  static constexpr char kNativeCall[] = "native_call_";

  int64_t here() const {
    return (static_cast<int64_t>(chain_id_) << 32) | debug_handle_;
  }

  Clock now_;
  bool recording_ = false;
  int32_t calls_ = -1;
  uint64_t first_log_ = 0, last_log_ = 0;  // of the partition that ran last; 0: it has logged nothing
  std::vector<Traced> events_;
};

struct Input {
  Buffer data;
  size_t nbytes = 0;
  size_t capacity = 0;  // the bytes of the largest tensor the program was exported for
  bool planned = false;  // the memory plan holds the input, and may reuse its place once it was read
  std::vector<SizesType> sizes;
  std::vector<DimOrderType> dim_order;
  std::vector<StridesType> strides;
  std::unique_ptr<TensorImpl> impl;
};

}  // namespace

// Members are destroyed last to first: the method before the memory and the program it points into.
struct Runner {
  std::optional<MmapDataLoader> loader;
  std::optional<Program> program;
  MallocMemoryAllocator method_memory;
  MallocMemoryAllocator temporary_memory;
  std::vector<Buffer> planned_buffers;
  std::vector<Span<uint8_t>> planned_spans;
  std::optional<HierarchicalAllocator> planned_memory;
  std::optional<MemoryManager> memory;
  std::vector<Input> inputs;
  std::vector<size_t> planned_inputs;
  std::vector<Buffer> output_buffers;
  std::unique_ptr<OperatorTracer> tracer;  // null unless the method was loaded to be looked into
  std::optional<Method> method;
};

namespace {

uint64_t steady_nanoseconds() {
  return static_cast<uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

Clock trace_clock = nullptr;  // what methods that are loaded from now on are traced by; null: none is traced

Error read_meta(const MethodMeta& meta, bool output, size_t index, std::optional<TensorInfo>* info) {
  const size_t count = output ? meta.num_outputs() : meta.num_inputs();
  if (index >= count) {
    return Error::InvalidArgument;
  }
  const Result<Tag> tag = output ? meta.output_tag(index) : meta.input_tag(index);
  if (!tag.ok()) {
    return tag.error();
  }
  if (tag.get() != Tag::Tensor) {
    return Error::NotSupported;
  }
  Result<TensorInfo> found = output ? meta.output_tensor_meta(index) : meta.input_tensor_meta(index);
  if (!found.ok()) {
    return found.error();
  }
  info->emplace(found.get());
  return Error::Ok;
}

std::string place(bool output, size_t index) {
  return std::string(output ? "output " : "input ") + std::to_string(index);
}

uint32_t plan_memory(Runner& runner, const MethodMeta& meta) {
  for (size_t i = 0; i < meta.num_memory_planned_buffers(); ++i) {
    const Result<int64_t> size = meta.memory_planned_buffer_size(i);
    if (!size.ok()) {
      return fail(size.error(), "the memory plan cannot be read");
    }
    if (size.get() < 0) {
      return fail(Error::InvalidProgram, "the memory plan has a buffer of negative size");
    }
    const size_t nbytes = static_cast<size_t>(size.get());
    runner.planned_buffers.push_back(make_buffer(nbytes));
    runner.planned_spans.emplace_back(runner.planned_buffers.back().get(), nbytes);
  }
  runner.planned_memory.emplace(Span<Span<uint8_t>>(runner.planned_spans.data(), runner.planned_spans.size()));
  runner.memory.emplace(&runner.method_memory, &*runner.planned_memory, &runner.temporary_memory);
  return 0;
}

uint32_t set_method_input(Runner& runner, size_t index) {
  const Error error = runner.method->set_input(EValue(Tensor(runner.inputs[index].impl.get())), index);
  return error == Error::Ok ? 0 : fail(error, place(false, index) + " was refused");
}

// Gives the input a tensor of its `sizes` over its memory, and that to the method.
uint32_t shape_input(Runner& runner, size_t index, ScalarType type) {
  Input& input = runner.inputs[index];
  const Error strided = executorch::runtime::dim_order_to_stride(
      input.sizes.data(), input.dim_order.data(), input.sizes.size(), input.strides.data());
  if (strided != Error::Ok) {
    return fail(strided, place(false, index) + " has an invalid dimension order");
  }
  input.impl = std::make_unique<TensorImpl>(
      type, static_cast<ssize_t>(input.sizes.size()), input.sizes.data(), input.data.get(), input.dim_order.data(),
      input.strides.data());
  return set_method_input(runner, index);
}

uint32_t bind_inputs(Runner& runner, const MethodMeta& meta) {
  runner.inputs.resize(meta.num_inputs());
  for (size_t i = 0; i < runner.inputs.size(); ++i) {
    std::optional<TensorInfo> info;
    const Error error = read_meta(meta, false, i, &info);
    if (error != Error::Ok) {
      return fail(error, place(false, i) + " is not a readable tensor");
    }
    Input& input = runner.inputs[i];
    input.nbytes = input.capacity = info->nbytes();
    input.planned = info->is_memory_planned();
    input.data = make_buffer(input.nbytes);
    input.sizes.assign(info->sizes().begin(), info->sizes().end());
    input.dim_order.assign(info->dim_order().begin(), info->dim_order().end());
    input.strides.resize(input.sizes.size());
    if (input.planned) {
      runner.planned_inputs.push_back(i);
    }
    if (const uint32_t refused = shape_input(runner, i, info->scalar_type())) {
      return refused;
    }
  }
  return 0;
}

uint32_t bind_outputs(Runner& runner, const MethodMeta& meta) {
  for (size_t i = 0; i < meta.num_outputs(); ++i) {
    std::optional<TensorInfo> info;
    const Error error = read_meta(meta, true, i, &info);
    if (error != Error::Ok) {
      return fail(error, place(true, i) + " is not a readable tensor");
    }
    if (info->is_memory_planned()) {
      continue;
    }
    // An output that passes an input through, or is a constant, has its memory already.
    const EValue& value = runner.method->get_output(i);
    if (value.isTensor() && value.toTensor().const_data_ptr() != nullptr) {
      continue;
    }
    runner.output_buffers.push_back(make_buffer(info->nbytes()));
    const Error bound = runner.method->set_output_data_ptr(runner.output_buffers.back().get(), info->nbytes(), i);
    if (bound != Error::Ok) {
      return fail(bound, place(true, i) + " cannot be given memory");
    }
  }
  return 0;
}

std::string method_names(const Program& program) {
  std::string names;
  for (size_t i = 0; i < program.num_methods(); ++i) {
    const Result<const char*> name = program.get_method_name(i);
    names.append(names.empty() ? "" : ", ").append(name.ok() ? name.get() : "?");
  }
  return names.empty() ? "none" : names;
}

uint32_t load(Runner& runner, const char* path, const char* name) {
  Result<MmapDataLoader> loader = MmapDataLoader::from(path, MmapDataLoader::MlockConfig::NoMlock);
  if (!loader.ok()) {
    return fail(loader.error(), "the file cannot be opened");
  }
  runner.loader.emplace(std::move(loader.get()));
  Result<Program> program = Program::load(&*runner.loader, Program::Verification::InternalConsistency);
  if (!program.ok()) {
    return fail(program.error(), "the file is not a sound ExecuTorch program");
  }
  runner.program.emplace(std::move(program.get()));
  const Result<MethodMeta> meta = runner.program->method_meta(name);
  if (!meta.ok()) {
    return fail(meta.error(), "it has no method \"" + std::string(name) + "\"; it has: " + method_names(*runner.program));
  }
  if (const uint32_t error = plan_memory(runner, meta.get())) {
    return error;
  }
  if (trace_clock != nullptr) {
    runner.tracer = std::make_unique<OperatorTracer>(trace_clock);
  }
  Result<Method> method = runner.program->load_method(name, &*runner.memory, runner.tracer.get());
  if (!method.ok()) {
    return fail(method.error(), "the method \"" + std::string(name) + "\" cannot be loaded");
  }
  runner.method.emplace(std::move(method.get()));
  if (const uint32_t error = bind_inputs(runner, meta.get())) {
    return error;
  }
  return bind_outputs(runner, meta.get());
}

}  // namespace

#define EDGERIG_EXPORT extern "C" __attribute__((visibility("default")))

constexpr size_t kMaxDimensions = 16;

// A tensor of the method: `dim_order` lists the axes from outermost to innermost as they lie in memory.
struct TensorMeta {
  uint64_t nbytes;
  uint32_t scalar_type;
  uint32_t planned;
  uint32_t ndim;
  int32_t sizes[kMaxDimensions];
  uint32_t dim_order[kMaxDimensions];
};

// The text of the last failure; valid until the next failing call.
EDGERIG_EXPORT const char* edgerig_et_error() {
  return error_text.c_str();
}

// The ExecuTorch version this library was compiled against.
EDGERIG_EXPORT const char* edgerig_et_version() {
  return EDGERIG_EXECUTORCH_VERSION;
}

// Holds the process's one thread pool to `count` threads; call it before loading.
EDGERIG_EXPORT uint32_t edgerig_et_set_threads(uint32_t count) {
  start_runtime();
  auto* pool = executorch::extension::threadpool::get_threadpool();
  if (pool == nullptr) {
    return fail(Error::NotSupported, "there is no thread pool: the processor could not be identified");
  }
  if (!pool->_unsafe_reset_threadpool(count)) {
    return fail(Error::Internal, "the thread pool cannot be set to " + std::to_string(count) + " threads");
  }
  return 0;
}

EDGERIG_EXPORT uint32_t edgerig_et_threads() {
  auto* pool = executorch::extension::threadpool::get_threadpool();
  return pool == nullptr ? 1 : static_cast<uint32_t>(pool->get_thread_count());
}

// Loads the file's method of that name. On success *out owns everything and must be given to edgerig_et_destroy.
EDGERIG_EXPORT uint32_t edgerig_et_load(const char* path, const char* method, Runner** out) {
  *out = nullptr;
  start_runtime();
  try {
    auto runner = std::make_unique<Runner>();
    if (const uint32_t error = load(*runner, path, method)) {
      return error;
    }
    *out = runner.release();
    return 0;
  } catch (const std::bad_alloc&) {
    return fail(Error::MemoryAllocationFailed, "the program asks for more memory than there is");
  } catch (const std::exception& error) {
    return fail(Error::Internal, error.what());
  }
}

EDGERIG_EXPORT void edgerig_et_destroy(Runner* runner) {
  delete runner;
}

EDGERIG_EXPORT size_t edgerig_et_method_count(const Runner* runner) {
  return runner->program->num_methods();
}

// The name of the program's method at `index`, null when there is none; lives as long as the runner.
EDGERIG_EXPORT const char* edgerig_et_method(const Runner* runner, size_t index) {
  const Result<const char*> name = runner->program->get_method_name(index);
  return name.ok() ? name.get() : nullptr;
}

EDGERIG_EXPORT size_t edgerig_et_count(const Runner* runner, uint32_t output) {
  return output != 0 ? runner->method->outputs_size() : runner->method->inputs_size();
}

EDGERIG_EXPORT uint32_t edgerig_et_tensor(const Runner* runner, uint32_t output, size_t index, TensorMeta* out) {
  std::optional<TensorInfo> info;
  const Error error = read_meta(runner->method->method_meta(), output != 0, index, &info);
  if (error != Error::Ok) {
    return fail(error, place(output != 0, index) + " is not a readable tensor");
  }
  const size_t ndim = info->sizes().size();
  if (ndim > kMaxDimensions) {
    return fail(Error::NotSupported, place(output != 0, index) + " has too many dimensions");
  }
  *out = TensorMeta{};
  out->nbytes = info->nbytes();
  out->scalar_type = static_cast<uint32_t>(info->scalar_type());
  out->planned = info->is_memory_planned() ? 1 : 0;
  out->ndim = static_cast<uint32_t>(ndim);
  for (size_t i = 0; i < ndim; ++i) {
    out->sizes[i] = info->sizes()[i];
    out->dim_order[i] = info->dim_order()[i];
  }
  return 0;
}

EDGERIG_EXPORT size_t edgerig_et_backend_count(const Runner* runner) {
  return runner->method->method_meta().num_backends();
}

// The name of a backend the method uses, null when there is none at `index`; lives as long as the runner.
EDGERIG_EXPORT const char* edgerig_et_backend(const Runner* runner, size_t index) {
  const Result<const char*> name = runner->method->method_meta().get_backend_name(index);
  return name.ok() ? name.get() : nullptr;
}

// Gives an input other sizes, as many axes as it has, within what the program was exported for.
EDGERIG_EXPORT uint32_t edgerig_et_resize(Runner* runner, size_t index, const int32_t* sizes, size_t ndim) {
  if (index >= runner->inputs.size() || ndim != runner->inputs[index].sizes.size()) {
    return fail(Error::InvalidArgument, "there is no " + place(false, index) + " of " + std::to_string(ndim) + " axes");
  }
  Input& input = runner->inputs[index];
  size_t nbytes = input.impl->element_size();
  for (size_t i = 0; i < ndim; ++i) {
    if (sizes[i] < 1 || __builtin_mul_overflow(nbytes, static_cast<size_t>(sizes[i]), &nbytes)) {
      return fail(Error::InvalidArgument, place(false, index) + " has no such sizes");
    }
  }
  if (nbytes > input.capacity) {
    return fail(Error::InvalidArgument, place(false, index) + " takes " + std::to_string(input.capacity) +
                                            " bytes at most, these sizes are of " + std::to_string(nbytes));
  }
  const ScalarType type = input.impl->scalar_type();
  input.sizes.assign(sizes, sizes + ndim);
  input.nbytes = nbytes;
  return shape_input(*runner, index, type);
}

// The sizes an output has since the last execution, at most `capacity` of them; `ndim` is how many there are.
EDGERIG_EXPORT uint32_t edgerig_et_output_sizes(
    const Runner* runner, size_t index, int32_t* sizes, size_t capacity, size_t* ndim) {
  if (index >= runner->method->outputs_size() || !runner->method->get_output(index).isTensor()) {
    return fail(Error::InvalidArgument, "there is no tensor " + place(true, index));
  }
  const auto found = runner->method->get_output(index).toTensor().sizes();
  if (found.size() > capacity) {
    return fail(Error::NotSupported, place(true, index) + " has too many dimensions");
  }
  *ndim = found.size();
  std::copy(found.begin(), found.end(), sizes);
  return 0;
}

// Copies `nbytes` bytes, which must be the tensor's size, into the runner's own buffer; kept until replaced.
EDGERIG_EXPORT uint32_t edgerig_et_set_input(Runner* runner, size_t index, const void* data, size_t nbytes) {
  if (index >= runner->inputs.size()) {
    return fail(Error::InvalidArgument, "there is no " + place(false, index));
  }
  Input& input = runner->inputs[index];
  if (nbytes != input.nbytes) {
    return fail(Error::InvalidArgument, place(false, index) + " takes " + std::to_string(input.nbytes) +
                                            " bytes, not " + std::to_string(nbytes));
  }
  std::memcpy(input.data.get(), data, nbytes);
  return 0;
}

// One inference. Inputs inside the memory plan are put back first: the plan may give their place to an intermediate.
EDGERIG_EXPORT uint32_t edgerig_et_execute(Runner* runner) {
  for (const size_t index : runner->planned_inputs) {
    if (const uint32_t error = set_method_input(*runner, index)) {
      return error;
    }
  }
  const Error error = runner->method->execute();
  return error == Error::Ok ? 0 : fail(error, "the execution failed");
}

// Copies an output of the last execution; `nbytes` must be its size.
EDGERIG_EXPORT uint32_t edgerig_et_get_output(const Runner* runner, size_t index, void* data, size_t nbytes) {
  if (index >= runner->method->outputs_size()) {
    return fail(Error::InvalidArgument, "there is no " + place(true, index));
  }
  const EValue& value = runner->method->get_output(index);
  if (!value.isTensor()) {
    return fail(Error::InvalidType, place(true, index) + " is not a tensor");
  }
  const Tensor& tensor = value.toTensor();
  if (tensor.nbytes() != nbytes) {
    return fail(Error::InvalidArgument, place(true, index) + " has " + std::to_string(tensor.nbytes()) +
                                            " bytes, not " + std::to_string(nbytes));
  }
  if (nbytes != 0 && tensor.const_data_ptr() == nullptr) {
    return fail(Error::InvalidState, place(true, index) + " has no data: nothing was executed");
  }
  if (nbytes != 0) {
    std::memcpy(data, tensor.const_data_ptr(), nbytes);
  }
  return 0;
}

// One operator's call, as `Traced`; `name` lives until the next recording.
struct TracedEvent {
  const char* name;
  uint32_t kind;
  int32_t call;
  int64_t instruction;
  uint64_t ticks;
};

// Has methods that are loaded from now on traced, by the clock `now` (null: one of nanoseconds).
EDGERIG_EXPORT void edgerig_et_trace(uint64_t (*now)()) {
  trace_clock = now == nullptr ? steady_nanoseconds : now;
}

// Begins a recording, which forgets the one before, or ends it. Nothing for a method that is not traced.
EDGERIG_EXPORT void edgerig_et_record(Runner* runner, uint32_t on) {
  if (runner->tracer != nullptr) {
    runner->tracer->record(on != 0);
  }
}

EDGERIG_EXPORT size_t edgerig_et_event_count(const Runner* runner) {
  return runner->tracer == nullptr ? 0 : runner->tracer->events().size();
}

// The event at `index`, below the count.
EDGERIG_EXPORT void edgerig_et_event(const Runner* runner, size_t index, TracedEvent* out) {
  const Traced& event = runner->tracer->events()[index];
  *out = TracedEvent{event.name.c_str(), event.kind, event.call, event.instruction, event.ticks};
}
