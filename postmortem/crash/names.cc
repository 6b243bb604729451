#include "postmortem/crash/names.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

namespace inquest::crash {
namespace {

constexpr size_t kMaxMangled = 4096;  // the demangler's effort grows fast with the length

std::string demangled(const char* name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 && text ? text.get() : "";
}

// Symbols that mark places in a section and are no variables.
bool is_mark(std::string_view name) {
  for (std::string_view mark :
       {"__bss_start", "_edata", "_end", "__data_start", "data_start", "_fini", "_init", "edata", "end", "__dso_handle",
        "__TMC_END__", "_GLOBAL_OFFSET_TABLE_", "_DYNAMIC", "__FRAME_END__"})
    if (name == mark) return true;
  return false;
}

}  // namespace

const Module* Names::module_of(Address address) const {
  const Module* best = nullptr;
  for (const Module& module : target_.modules()) {
    if (address < module.start || address >= module.end) continue;
    // Modules may enclose others (a hole between the segments of one); the tighter one is right.
    if (!best || module.end - module.start < best->end - best->start) best = &module;
  }
  return best;
}

std::optional<DataName> Names::data(Address address) const {
  const Module* module = module_of(address);
  if (!module || !module->symbols) return std::nullopt;
  uint64_t value = module->link_time(address);
  auto symbol = module->symbols->covering(value);
  if (!symbol || symbol->is_function || is_mark(symbol->name)) return std::nullopt;
  uint64_t offset = value - symbol->value;
  if (offset >= std::max<uint64_t>(symbol->size, 1)) return std::nullopt;
  return DataName{demangle(symbol->name), offset, module};
}

std::vector<CodeLocation> Names::locate(Address address) const {
  const Module* module = module_of(address);
  if (!module) return {};
  std::array<uint64_t, 1> wanted = {module->link_time(address)};
  CodeLocations found = debug_info_.of(*module).locate(wanted);
  auto locations = found.of(0);
  return {locations.begin(), locations.end()};
}

FunctionName Names::function(Address address) const {
  FunctionName result;
  result.module = module_of(address);
  auto locations = locate(address);
  if (locations.empty()) return result;
  const CodeLocation& outer = locations.back();
  result.name = std::string(outer.function);
  if (outer.from_symbol) result.name = demangle(result.name);
  const CodeLocation& inner = locations.front();
  result.file = std::string(outer.line ? outer.file : inner.file);
  result.line = outer.line ? outer.line : inner.line;
  if (locations.size() > 1 && outer.line && inner.line) {
    result.inlined_file = std::string(inner.file);
    result.inlined_line = inner.line;
  }
  return result;
}

std::optional<CodeRange> Names::range(Address address) const {
  const Module* module = module_of(address);
  if (!module) return std::nullopt;
  if (auto range = frame_entry_range(memory(), *module, address)) return range;
  if (!module->symbols) return std::nullopt;
  auto symbol = module->symbols->covering(module->link_time(address));
  if (!symbol || !symbol->is_function) return std::nullopt;
  Address start = module->runtime(symbol->value);
  Address end = symbol->size ? start + symbol->size : module->end;
  return CodeRange{start, end};
}

std::string Names::describe_code(Address address) const {
  FunctionName function = this->function(address);
  if (function.name.empty()) {
    if (!function.module) return fmt::format("{:#x}", address.value());
    return fmt::format("{:#x} in {}", address.value(), base_name(function.module->path));
  }
  std::string name = plain_name(function.name);
  if (function.line) {
    std::string inlined;
    if (function.inlined_line)
      inlined = fmt::format("; inlined {}:{}", base_name(function.inlined_file), function.inlined_line);
    return fmt::format("{} ({}:{}{})", name, base_name(function.file), function.line, inlined);
  }
  if (function.module && !function.module->is_executable)
    return fmt::format("{} in {}", name, base_name(function.module->path));
  return name;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string demangle(std::string_view name) {
  if (!name.starts_with("_Z") || name.size() > kMaxMangled) return std::string(name);
  std::string text = demangled(std::string(name).c_str());
  return text.empty() ? std::string(name) : text;
}

std::string demangle_type(const std::string& name) {
  if (name.empty() || name.size() > kMaxMangled) return name;
  std::string text = demangled(name.c_str());
  return text.empty() ? name : text;
}

std::string plain_name(std::string_view name) {
  static constexpr std::array<std::string_view, 12> kVariants = {"_avx",   "_sse",     "_evex",          "_erms",
                                                                 "_ssse3", "_avx512",  "_unaligned",     "_rtm",
                                                                 "_movbe", "_generic", "_no_vzeroupper", "_fma"};
  if (!name.starts_with("__")) return std::string(name);
  size_t cut = name.npos;
  for (std::string_view variant : kVariants) cut = std::min(cut, name.find(variant, 3));
  return std::string(cut == name.npos ? name : name.substr(2, cut - 2));
}

bool is_runtime_library(const Module& module) {
  std::string name = base_name(module.path);
  for (std::string_view prefix : {"libc.so", "libc-2", "libstdc++.so", "libc++.so", "libc++abi.so", "libgcc_s.so",
                                  "libm.so", "libpthread", "ld-linux", "ld-2", "ld-musl", "libunwind"})
    if (name.starts_with(prefix)) return true;
  return module.path == "[vdso]";
}

}  // namespace inquest::crash
