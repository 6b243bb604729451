#include "ncurses_probes/samplers/kernel_symbols.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string_view>
#include <utility>

namespace inquest::probes {
namespace {

// An address further from a function's start is behind the last one of its module.
constexpr uint64_t kMaxFunction = 1 << 20;

}  // namespace

KernelSymbols KernelSymbols::read() {
  std::ifstream lines("/proc/kallsyms");
  return parse(lines);
}

KernelSymbols KernelSymbols::parse(std::istream& lines) {
  KernelSymbols symbols;
  for (std::string line; std::getline(lines, line);) {
    uint64_t start = 0;
    char type = 0;
    int name = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 " %c %n", &start, &type, &name) < 2 || start == 0) continue;
    if (std::string_view("tTwW").find(type) == std::string_view::npos || static_cast<size_t>(name) >= line.size())
      continue;
    std::string text = line.substr(static_cast<size_t>(name)), module = "kernel";
    if (size_t tab = text.find('\t'); tab != std::string::npos) {
      size_t open = text.find('[', tab), close = text.find(']', tab);
      if (open != std::string::npos && close != std::string::npos && open < close)
        module = text.substr(open + 1, close - open - 1);
      text.resize(tab);
    }
    symbols.functions_.push_back({start, std::move(text), std::move(module)});
  }
  std::ranges::stable_sort(symbols.functions_, {}, &Function::start);
  return symbols;
}

KernelFunction KernelSymbols::at(Address pc) const {
  auto next = std::ranges::upper_bound(functions_, pc.value(), {}, &Function::start);
  if (next == functions_.begin()) return {};
  // Of several names for one address the first is the one that the table lists first.
  uint64_t start = std::prev(next)->start;
  auto function = std::ranges::lower_bound(functions_, start, {}, &Function::start);
  uint64_t end = next == functions_.end() ? start : next->start;
  if (pc.value() - start >= kMaxFunction) return {};
  return {.name = function->name, .module = function->module, .offset = pc.value() - start, .size = end - start};
}

}  // namespace inquest::probes
