#include "commands/isolate_title.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::commands {

std::string isolate_title(const v8::IsolateInfo& isolate) {
  std::string title = fmt::format("Isolate {} ({:#x}", isolate.index, isolate.address.value());
  if (!isolate.threads.empty()) {
    title +=
        fmt::format(", {} {}", isolate.threads.size() == 1 ? "thread" : "threads", fmt::join(isolate.threads, ", "));
  }
  return title + ")";
}

std::string isolate_title(const v8::RuntimeInfo& info, uint32_t index) {
  auto isolate = std::ranges::find(info.isolates, index, &v8::IsolateInfo::index);
  return isolate == info.isolates.end() ? fmt::format("Isolate {}", index) : isolate_title(*isolate);
}

}  // namespace inquest::commands
