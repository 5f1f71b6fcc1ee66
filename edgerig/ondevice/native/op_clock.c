// A clock that runs 1000 times as fast, for named libraries alone, and one that counts guest instructions.
//
// XNNPACK's profiler and ONNX Runtime's tell whole microseconds of the monotonic or the system's clock. Where that clock
// runs 1000 times as fast, their microseconds are nanoseconds; where it tells instructions, they are instructions. Only
// the slots through which the named libraries call the clock are changed (ELF specification, "Global Offset Table"): the
// rest of the process keeps its own.
//
// Instructions are asked of QEMU's counting plugin as ondevice/markers.py does: prctl(kMark, fd), answered by a line.
// What asking itself takes is counted too; edgerig_clock_count() measures it, and each later answer is less it.

#define _GNU_SOURCE
#include <elf.h>
#include <inttypes.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum {
  kMark = 0x45524947,  // the same in edgerig/ondevice/markers.py
  kFaster = 1000,
  kTries = 15,
  kReadings = 64,
  kLine = 64,
};

#if defined(__x86_64__)
enum { kJumpSlot = R_X86_64_JUMP_SLOT, kGlobalData = R_X86_64_GLOB_DAT };
#elif defined(__aarch64__)
enum { kJumpSlot = R_AARCH64_JUMP_SLOT, kGlobalData = R_AARCH64_GLOB_DAT };
#else
#error "the kinds of relocation are known for x86-64 and aarch64"
#endif

static int reader = -1, writer = -1;   // of the pipe that instructions are told through; -1: time is told
static uint64_t cost, answers;         // instructions one answer takes, and how many were given
static uint64_t base;

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t instructions(void) {
  char line[kLine];
  prctl(kMark, (unsigned long)writer, 0, 0, 0);
  const ssize_t length = read(reader, line, sizeof line - 1);
  if (length <= 0) {
    return 0;
  }
  line[length] = '\0';
  return strtoull(line, NULL, 10) - cost * answers++;
}

// Nanoseconds, or instructions, since some moment.
EXPORT uint64_t edgerig_clock_now(void) {
  return writer < 0 ? nanoseconds() : instructions();
}

static int ascending(const void* one, const void* other) {
  const uint64_t a = *(const uint64_t*)one, b = *(const uint64_t*)other;
  return (a > b) - (a < b);
}

// What asking takes in instructions: the median of answers one behind the other.
static uint64_t asking(void) {
  uint64_t found[kTries];
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = instructions();
    found[i] = instructions() - before;
  }
  qsort(found, kTries, sizeof *found, ascending);
  return found[kTries / 2];
}

// From now on the clock tells instructions, through a pipe whose reading end does not block. 0: nothing counts them.
EXPORT int edgerig_clock_count(int read_end, int write_end) {
  reader = read_end, writer = write_end, cost = 0, answers = 0;
  if (instructions() == 0) {
    reader = writer = -1;
    return 0;
  }
  const uint64_t taken = asking();
  answers = 0;
  cost = taken;
  return 1;
}

static uint64_t fast(void) {
  return (edgerig_clock_now() - base) * kFaster;
}

static int fast_gettime(clockid_t clock, struct timespec* out) {
  if (clock != CLOCK_MONOTONIC) {
    return clock_gettime(clock, out);
  }
  const uint64_t now = fast();
  out->tv_sec = (time_t)(now / 1000000000u);
  out->tv_nsec = (long)(now % 1000000000u);
  return 0;
}

// Nanoseconds a reading of the faster clock takes: the median of runs of them, for one is no longer than the clock's step.
EXPORT uint64_t edgerig_clock_cost(void) {
  uint64_t found[kTries];
  struct timespec told;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = nanoseconds();
    for (int reading = 0; reading < kReadings; ++reading) {
      fast_gettime(CLOCK_MONOTONIC, &told);
    }
    found[i] = (nanoseconds() - before + kReadings / 2) / kReadings;
  }
  qsort(found, kTries, sizeof *found, ascending);
  return found[kTries / 2];
}

// libstdc++'s std::chrono::system_clock::now() and steady_clock::now() give their nanoseconds in a register.
static int64_t fast_now(void) {
  return (int64_t)fast();
}

struct wanted {
  const char* library;
  int changed;
};

static const char* file_of(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static void* instead_of(const char* symbol) {
  if (strcmp(symbol, "clock_gettime") == 0) {
    return (void*)fast_gettime;
  }
  const int chrono = strcmp(symbol, "_ZNSt6chrono3_V212system_clock3nowEv") == 0 ||
                     strcmp(symbol, "_ZNSt6chrono3_V212steady_clock3nowEv") == 0;
  return chrono ? (void*)fast_now : NULL;
}

static int change(uintptr_t slot, void* function) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  void* start = (void*)(slot & ~(page - 1));
  if (mprotect(start, page, PROT_READ | PROT_WRITE) != 0) {  // it is read-only where all was bound at loading
    return 0;
  }
  *(void**)slot = function;
  return 1;
}

static int change_all(ElfW(Addr) at, const ElfW(Rela)* entries, size_t bytes, const ElfW(Sym)* symbols,
                      const char* names) {
  int changed = 0;
  for (size_t i = 0; entries != NULL && i < bytes / sizeof *entries; ++i) {
    const uint64_t type = ELF64_R_TYPE(entries[i].r_info);
    if (type != kJumpSlot && type != kGlobalData) {
      continue;
    }
    void* function = instead_of(names + symbols[ELF64_R_SYM(entries[i].r_info)].st_name);
    if (function != NULL) {
      changed += change(at + entries[i].r_offset, function);
    }
  }
  return changed;
}

static int visit(struct dl_phdr_info* info, size_t size, void* data) {
  (void)size;
  struct wanted* wanted = data;
  const char* file = file_of(info->dlpi_name);
  if (strncmp(file, wanted->library, strlen(wanted->library)) != 0) {
    return 0;
  }
  const ElfW(Dyn)* entry = NULL;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) {
      entry = (const ElfW(Dyn)*)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    }
  }
  uintptr_t found[DT_JMPREL + 1] = {0};
  for (; entry != NULL && entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag > 0 && entry->d_tag <= DT_JMPREL) {
      found[entry->d_tag] = entry->d_un.d_val;
    }
  }
  static const int addresses[] = {DT_SYMTAB, DT_STRTAB, DT_RELA, DT_JMPREL};
  for (size_t i = 0; i < sizeof addresses / sizeof *addresses; ++i) {  // glibc has made them absolute, musl has not
    uintptr_t* address = &found[addresses[i]];
    *address += *address != 0 && *address < info->dlpi_addr ? info->dlpi_addr : 0;
  }
  const ElfW(Sym)* symbols = (const ElfW(Sym)*)found[DT_SYMTAB];
  const char* names = (const char*)found[DT_STRTAB];
  if (symbols != NULL && names != NULL) {
    wanted->changed += change_all(info->dlpi_addr, (void*)found[DT_JMPREL], found[DT_PLTRELSZ], symbols, names);
    wanted->changed += change_all(info->dlpi_addr, (void*)found[DT_RELA], found[DT_RELASZ], symbols, names);
  }
  return 0;
}

// Has every loaded library whose file's name begins with `library` read this clock. How many of its calls were changed.
EXPORT int edgerig_clock_speed_up(const char* library) {
  struct wanted wanted = {library, 0};
  base = edgerig_clock_now();
  dl_iterate_phdr(visit, &wanted);
  return wanted.changed;
}
