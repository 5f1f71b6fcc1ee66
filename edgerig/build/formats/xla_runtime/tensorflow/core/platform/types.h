// TensorFlow's names of numbers are the standard library's (xla_compiled_cpu_function.h has the one that is used).

#include <cstdint>
