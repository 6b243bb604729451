#include "ncurses_probes/attach/bpf_support.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace inquest::probes {
namespace {

std::string last_message;  // of libbpf, for the one line that the user gets

int keep_message(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  int size = vsnprintf(line, sizeof line, format, arguments);
  if (size <= 0) return 0;
  std::string text(line, std::min<size_t>(static_cast<size_t>(size), sizeof line - 1));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty()) last_message = text;
  return 0;
}

}  // namespace

void keep_libbpf_messages() { libbpf_set_print(keep_message); }

Error missing_right(int error, const std::string& what) {
  if (error == EPERM || error == EACCES) {
    return unusable(fmt::format("{}: the kernel refuses it", what),
                    geteuid() == 0
                        ? "this machine or container does not allow BPF programs"
                        : "run it as root, or with the capabilities CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE");
  }
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
    return unusable(fmt::format("{}: {}", what, std::strerror(error)),
                    "the kernel has no BTF (/sys/kernel/btf/vmlinux); one built with CONFIG_DEBUG_INFO_BTF does");
  }
  return unusable(fmt::format("{}: {}", what, std::strerror(error)),
                  last_message.empty() ? "it needs Linux 6.0 or newer" : last_message);
}

RecordRing::~RecordRing() { ring_buffer__free(ring_); }

std::optional<Error> RecordRing::open(int map) {
  ring_ = ring_buffer__new(map, take, this, nullptr);
  if (ring_ == nullptr) return missing_right(errno, "cannot read the tracer's events");
  return std::nullopt;
}

void RecordRing::poll(int milliseconds, const RecordHandler& handler) {
  handler_ = &handler;
  // The program wakes nobody before much is there.
  if (ring_buffer__consume(ring_) == 0 && milliseconds > 0 && ring_buffer__poll(ring_, milliseconds) == 0)
    ring_buffer__consume(ring_);
  handler_ = nullptr;
}

int RecordRing::take(void* self, void* data, size_t size) {
  const RecordHandler& handler = *static_cast<RecordRing*>(self)->handler_;
  // A negative answer ends the reading behind this record (libbpf, ringbuf.c, ringbuf_process_ring).
  return handler({static_cast<const std::byte*>(data), size}) ? 0 : -1;
}

}  // namespace inquest::probes
