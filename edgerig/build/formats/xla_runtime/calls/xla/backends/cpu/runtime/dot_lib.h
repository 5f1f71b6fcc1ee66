// What a program calls of XLA's matrix products, declared alone: their templates are compiled once, apart.

#ifndef EDGERIG_XLA_DOT_LIB_H_
#define EDGERIG_XLA_DOT_LIB_H_

#include <complex>
#include <cstdint>

#include "absl/functional/any_invocable.h"

namespace Eigen {
struct ThreadPoolDevice;
struct half;
}  // namespace Eigen

namespace xla::cpu::internal {

using DoneCallback = absl::AnyInvocable<void()>;

template <typename Lhs, typename Rhs, typename Out>
void TypedMatMul(const Eigen::ThreadPoolDevice*, void* out, void* lhs, void* rhs, int64_t m, int64_t n, int64_t k,
                 bool transpose_lhs, bool transpose_rhs, DoneCallback done);

}  // namespace xla::cpu::internal

#endif  // EDGERIG_XLA_DOT_LIB_H_
