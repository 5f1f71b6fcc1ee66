// A program that XLA compiled ahead of time, with a C interface.
//
// TensorFlow's tfcompile writes, beside the object files, a header (EDGERIG_XLA_HEADER) with a class `edgerig::Program`:
// what the program's buffers are, and the calls of its kernels one after another. The class is derived from one of
// TensorFlow's runtime; `xla_runtime/` has that class as far as a program uses it, without Abseil, whose library neither
// TensorFlow's package nor a device brings.

#include <cstdint>
#include <new>
#include <string>

#include EDGERIG_XLA_HEADER

namespace {

// tfcompile names the feeds and fetches after the signature's tensors, which edgerig calls by their places.
int Find(const char** names, const char* stem, int place) {
  const std::string wanted = stem + std::to_string(place);
  for (int index = 0; names[index] != nullptr; ++index)
    if (wanted == names[index]) return index;
  return -1;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

// A program with buffers of its own; nullptr where there is no memory for them.
EXPORTED void* edgerig_xla_open() {
  auto* program = new (std::nothrow) edgerig::Program();
  if (program != nullptr && !program->allocated()) {
    delete program;
    return nullptr;
  }
  return program;
}

EXPORTED void edgerig_xla_close(void* program) { delete static_cast<edgerig::Program*>(program); }

// The buffer of the input at `place` and its bytes; nullptr where the network does not read it.
EXPORTED void* edgerig_xla_input(void* opened, int place, uint64_t* bytes) {
  auto* program = static_cast<edgerig::Program*>(opened);
  const int index = Find(program->arg_names(), "feed_input_", place);
  if (index < 0) return nullptr;
  *bytes = program->arg_size(index);
  return program->arg_data(index);
}

// The buffer of the output at `place` and its bytes; nullptr where there is none.
EXPORTED void* edgerig_xla_output(void* opened, int place, uint64_t* bytes) {
  auto* program = static_cast<edgerig::Program*>(opened);
  const int index = Find(program->result_names(), "fetch_output_", place);
  if (index < 0) return nullptr;
  *bytes = program->result_size(index);
  return program->result_data(index);
}

// One inference on the calling thread; 0 where a kernel failed.
EXPORTED int edgerig_xla_run(void* program) { return static_cast<edgerig::Program*>(program)->Run() ? 1 : 0; }
