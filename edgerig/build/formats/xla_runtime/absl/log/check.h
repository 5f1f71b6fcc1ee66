// Abseil's checks as far as XLA's runtime has them, without its logging library: one that fails ends the process.

#ifndef EDGERIG_XLA_CHECK_H_
#define EDGERIG_XLA_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace edgerig {

// What follows a failed check with `<<`, which nothing evaluates further.
class Fatal {
 public:
  explicit Fatal(const char* condition) { std::fprintf(stderr, "XLA's runtime stops, which it should not: %s\n", condition); }
  ~Fatal() { std::abort(); }
  template <typename Any>
  Fatal& operator<<(const Any&) { return *this; }
};

}  // namespace edgerig

#define CHECK(condition) \
  if (condition) {       \
  } else                 \
    ::edgerig::Fatal(#condition)
#define CHECK_EQ(one, other) CHECK((one) == (other))
#define CHECK_LE(one, other) CHECK((one) <= (other))
#define DCHECK(condition) CHECK(true || (condition))
#define DCHECK_EQ(one, other) DCHECK((one) == (other))
#define DCHECK_LE(one, other) DCHECK((one) <= (other))
#define DCHECK_LT(one, other) DCHECK((one) < (other))
#define DCHECK_GT(one, other) DCHECK((one) > (other))

#endif  // EDGERIG_XLA_CHECK_H_
