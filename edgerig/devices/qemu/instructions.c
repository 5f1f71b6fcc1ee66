// A plugin of QEMU's user mode (TCG plugin API version 1) that counts the instructions a guest program executes.
//
// The guest asks for the count with prctl(kMark, fd): the number of instructions executed so far is written to `fd`
// as one line of text. A guest of the user mode shares its file descriptors with QEMU, so a pipe made by the guest
// carries the counts back to it. A real kernel answers such a prctl with EINVAL.
//
// The counter is one plain integer for all threads of the guest: it is exact while one thread executes.
// With the argument `check=on` nothing is run: QEMU ends with exit code 0 if it takes this plugin.
// Debian packages no qemu-plugin.h, so the functions used are declared here.

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum {
  kPrctl = 167,        // the system call's number on aarch64
  kMark = 0x45524947,  // "ERIG", no option of Linux's prctl; the same in edgerig/ondevice/markers.py
  kAddU64 = 0,         // QEMU_PLUGIN_INLINE_ADD_U64
};

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;

// The beginning of qemu_info_t, as far as it is read here.
struct qemu_info {
  const char* target_name;
  struct {
    int min;
    int cur;
  } version;
  bool system_emulation;
};

typedef void (*translation_callback)(qemu_plugin_id_t id, struct qemu_plugin_tb* block);
typedef void (*syscall_callback)(qemu_plugin_id_t id, unsigned int vcpu, int64_t number, uint64_t a1, uint64_t a2,
                                 uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translation_callback callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, int operation, void* counter,
                                              uint64_t amount);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id, syscall_callback callback);

EXPORT int qemu_plugin_version = 1;

static uint64_t executed;

// Every execution of a translated block adds the number of instructions in it.
static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, kAddU64, &executed, qemu_plugin_tb_n_insns(block));
}

static void on_syscall(qemu_plugin_id_t id, unsigned int vcpu, int64_t number, uint64_t option, uint64_t fd,
                       uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)vcpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number == kPrctl && option == kMark) {
    dprintf((int)fd, "%" PRIu64 "\n", executed);  // a line that does not arrive is the guest's to notice
  }
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info* info, int argc, char** argv) {
  if (info->system_emulation || strcmp(info->target_name, "aarch64") != 0) {
    fputs("this plugin counts in QEMU's user mode for aarch64 only\n", stderr);
    return 1;
  }
  if (argc == 1 && strcmp(argv[0], "check=on") == 0) {
    _exit(0);
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
  return 0;
}
