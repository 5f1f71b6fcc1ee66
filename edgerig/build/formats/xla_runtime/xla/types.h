// Of XLA's types a program's header uses what `convolution_lib.h` and `dot_lib.h` bring where they are wanted.

#include <cstdint>
