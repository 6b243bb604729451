#include "commands/backtrace_file/process_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "commands/backtrace_file/scan.h"

namespace inquest::commands::backtrace_file {
namespace {

constexpr uint64_t kPageMask = 4095;
/// Files that lines may name: a process has a few hundred, a damaged file could name any number.
constexpr size_t kMostObjects = 4096;
/// Mappings of one process; the kernel's own limit (vm.max_map_count) is 65,530 by default.
constexpr size_t kMostMappings = 1 << 20;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view without_deleted(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path;
}

/// Kernel code, the vdso, memory of no file: [kernel.kallsyms], [vdso], [unknown], //anon, anon_inode:...
bool is_no_file(std::string_view module) {
  return module.starts_with('[') || module.starts_with("//") || module.starts_with("anon_inode:") ||
         module == "kernel" || module == "inlined";
}

/// Whether `link_time` is where `address` may be loaded from: whole pages are mapped.
bool fits(const FrameLine& frame, uint64_t link_time) {
  return !frame.address || ((*frame.address - link_time) & kPageMask) == 0;
}

/// The address to ask about: the call before a return address.
uint64_t asked(const FrameLine& frame, uint64_t address) { return frame.exact ? address : address - 1; }

}  // namespace

std::optional<Error> ProcessMap::set_executable(const std::string& path) {
  auto file = session_.open_object(path);
  if (!file) return file.error();
  Object& object = objects_.emplace_back();
  object.name = path;
  object.file = std::move(file).value();
  executable_ = &object;
  return std::nullopt;
}

std::optional<Error> ProcessMap::add_maps(const std::string& path) {
  const char* hint = "give a copy of /proc/PID/maps";
  std::ifstream stream(path);
  if (!stream) return unusable("cannot open the memory map " + path, hint);
  std::string line;
  while (mappings_.size() < kMostMappings && std::getline(stream, line)) {
    // START-END PERMISSIONS OFFSET DEVICE INODE PATH
    Scan scan(line);
    Mapping mapping;
    auto start = scan.hex();
    if (!start || !scan.take("-")) continue;
    auto end = scan.hex();
    if (!end || scan.blanks() == 0 || scan.rest().size() < 5 || *end <= *start) continue;
    scan.take(scan.rest().substr(0, scan.rest().find(' ')));
    scan.blanks();
    auto offset = scan.hex();
    if (!offset) continue;
    for (int field = 0; field < 2; ++field) {
      scan.blanks();
      scan.take(scan.rest().substr(0, scan.rest().find(' ')));
    }
    scan.blanks();
    std::string_view file = without_deleted(scan.rest());
    if (!file.starts_with('/') || is_no_file(file)) continue;
    mappings_.push_back({*start, *end, *offset, std::string(file), nullptr});
  }
  if (mappings_.empty()) return unusable(path + " is not a memory map: no line maps a file", hint);
  std::ranges::sort(mappings_, {}, &Mapping::start);
  return std::nullopt;
}

void ProcessMap::add_core(Session& core) {
  core_files_ = &core.debug_info();
  for (const Module& module : core.target().modules()) {
    Object& object = objects_.emplace_back();
    object.name = module.path;
    object.module = &module;
    if (module.file.empty() && !module.symbols) {
      object.problem = "the file that the process had mapped is not on this machine";
    } else if (auto file = session_.open_object(module.file); file && !module.file.empty()) {
      object.file = std::move(file).value();
    }
    mappings_.push_back({module.start.value(), module.end.value(), 0, {}, &object});
    if (module.is_executable && executable_ == nullptr) executable_ = &object;
    by_module_.emplace(module.path, &object);
  }
  std::ranges::sort(mappings_, {}, &Mapping::start);
}

Object* ProcessMap::open_module(const std::string& name) {
  auto same_program = [&](const ObjectFile& file) {
    return executable_ != nullptr && executable_->file && !file.build_id.empty() &&
           executable_->file->build_id == file.build_id;
  };
  auto file = session_.open_object(name);
  if (file && same_program(*file)) return executable_;
  // The program may have been moved or renamed since; a library is never what the user means by the program.
  bool is_library = name.find(".so") != std::string::npos;
  bool has_path = name.find('/') != std::string::npos;
  if (!file && executable_ != nullptr && !is_library) return executable_;
  if (!file && !has_path) {
    for (const Mapping& mapping : mappings_) {
      std::string_view path = mapping.object != nullptr ? std::string_view(mapping.object->name) : mapping.path;
      if (base_name(path) == name) return mapping.object != nullptr ? mapping.object : object_of(path);
    }
  }
  if (objects_.size() >= kMostObjects) {
    refused_modules_ = true;
    return nullptr;
  }
  Object& object = objects_.emplace_back();
  object.name = name;
  if (file) {
    object.file = std::move(file).value();
  } else {
    object.problem = has_path ? file.error().what : "only its name is known, not where it lies";
  }
  return &object;
}

/// The object that a line means by `module`; null when it is no file.
Object* ProcessMap::object_of(std::string_view module) {
  module = without_deleted(module);
  if (module.empty()) return executable_;
  if (last_object_ != nullptr && module == last_module_) return last_object_;
  if (is_no_file(module)) return nullptr;
  std::string name(module);
  auto known = by_module_.find(name);
  if (known == by_module_.end()) {
    bool is_program = executable_ != nullptr && base_name(module) == base_name(executable_->name);
    Object* object = is_program ? executable_ : open_module(name);
    known = by_module_.emplace(name, object).first;
  }
  last_module_ = std::move(name);
  return last_object_ = known->second;
}

Object* ProcessMap::with_build_id(std::string_view build_id) {
  for (Mapping& mapping : mappings_)
    if (mapping.object == nullptr) mapping.object = object_of(mapping.path);
  for (Object& object : objects_)
    if (object.file && object.file->build_id == build_id) return &object;
  return nullptr;
}

bool ProcessMap::place_by_mapping(const FrameLine& frame, Placement& placement) {
  if (!frame.address || mappings_.empty()) return false;
  uint64_t address = asked(frame, *frame.address);
  auto next = std::ranges::upper_bound(mappings_, address, {}, &Mapping::start);
  if (next == mappings_.begin()) return false;
  Mapping& mapping = *std::prev(next);
  if (address >= mapping.end) return false;
  if (mapping.object == nullptr) mapping.object = object_of(mapping.path);
  Object* object = mapping.object;
  placement.object = object;
  if (object == nullptr) return true;
  if (object->module != nullptr && mapping.path.empty()) {
    placement.link_time = object->module->link_time(Address(*frame.address));
  } else if (object->file) {
    auto code = object->file->code_at_offset(address - mapping.start + mapping.offset);
    if (code) placement.link_time = *code + (*frame.address - address);
  }
  return true;
}

/// The one address that "symbol+offset" can mean in `object`, given that only whole pages are mapped.
std::optional<uint64_t> ProcessMap::by_symbol(Object& object, const FrameLine& frame) {
  if (!object.file->symbols || frame.symbol.empty() || !frame.symbol_offset) return std::nullopt;
  auto suits = [&](const Symbol& symbol) {
    bool inside = symbol.size == 0 || *frame.symbol_offset <= symbol.size;
    bool same_size = frame.symbol_size == 0 || symbol.size == 0 || frame.symbol_size == symbol.size;
    return inside && same_size && !symbol.is_tls && fits(frame, symbol.value + *frame.symbol_offset);
  };
  if (frame.address) {
    auto symbol = object.file->symbols->find(frame.symbol);
    if (symbol && suits(*symbol)) return symbol->value + *frame.symbol_offset;
    if (!symbol) return std::nullopt;
  }
  // Functions that are local to their files may share a name.
  if (object.by_name.empty()) {
    object.file->symbols->for_each_with_prefix("", [&](const Symbol& symbol) {
      if (symbol.is_function) object.by_name.push_back(symbol);
    });
    std::ranges::sort(object.by_name, {}, &Symbol::name);
  }
  std::optional<uint64_t> found;
  for (const Symbol& symbol : std::ranges::equal_range(object.by_name, frame.symbol, {}, &Symbol::name)) {
    if (!suits(symbol)) continue;
    uint64_t link_time = symbol.value + *frame.symbol_offset;
    if (found && *found != link_time) return std::nullopt;
    found = link_time;
  }
  return found;
}

void ProcessMap::place_in(Object& object, const FrameLine& frame, Placement& placement) {
  placement.object = &object;
  if (!object.file) return;
  const ObjectFile& file = *object.file;
  auto is_code = [&](uint64_t link_time) { return file.has_code_at(asked(frame, link_time)); };
  // As linked already: addresses of a program that is loaded where it was linked for, or made by a tool.
  if (frame.address && is_code(*frame.address)) {
    placement.link_time = frame.address;
    return;
  }
  if (frame.address && !file.position_independent) return;
  std::optional<uint64_t> link_time;
  if (frame.module_offset) {
    link_time = frame.build_id.empty() ? file.base() + *frame.module_offset : file.code_at_offset(*frame.module_offset);
  } else {
    link_time = by_symbol(object, frame);
  }
  if (link_time && is_code(*link_time) && fits(frame, *link_time)) {
    placement.link_time = link_time;
    if (frame.address) placement.bias = *frame.address - *link_time;
    return;
  }
  placement.wants_bias = frame.address.has_value();
}

/// Programs that are not position-independent lie below every library, so an address in one can only mean it, even
/// when the line names the file otherwise. Unless that other name is such a program too.
bool ProcessMap::is_executable_address(const FrameLine& frame, const Object* named) const {
  if (executable_ == nullptr || !executable_->file || executable_->file->position_independent) return false;
  if (!frame.address || !executable_->file->has_code_at(asked(frame, *frame.address))) return false;
  return named == nullptr || !named->file || named->file->position_independent;
}

Placement ProcessMap::place(const FrameLine& frame) {
  Placement placement;
  if (frame.inlined) return placement;
  if (place_by_mapping(frame, placement)) return placement;
  Object* object = frame.build_id.empty() ? object_of(frame.module) : with_build_id(frame.build_id);
  if (object != executable_ && is_executable_address(frame, object)) object = executable_;
  if (object == nullptr) {
    if (!is_no_file(frame.module)) ++in_no_module_;
    return placement;
  }
  if (frame.address || frame.module_offset || frame.symbol_offset) place_in(*object, frame, placement);
  return placement;
}

DebugInfo* ProcessMap::debug_info(Object& object) {
  if (object.info != nullptr || !object.problem.empty()) return object.info;
  if (object.module != nullptr) {
    object.info = &core_files_->of(*object.module);
  } else if (auto opened = files_->open(object.file->path)) {
    object.info = *opened;
  } else {
    object.problem = opened.error().line();
  }
  return object.info;
}

void ProcessMap::add_notes(Report& report) const {
  auto missing = [&](std::string text) {
    report.warn(std::move(text));
    report.incomplete = true;
  };
  auto addresses = [](uint64_t count) { return fmt::format("{} address{}", count, count == 1 ? "" : "es"); };
  for (const Object& object : objects_) {
    if (object.unplaced > 0 && !object.problem.empty()) {
      missing(fmt::format("{} in {} left as they are: {}", addresses(object.unplaced), object.name, object.problem));
    } else if (object.unplaced > 0 && object.file && object.file->position_independent) {
      missing(
          fmt::format("{} in {} left as they are: nothing says where it was loaded (give --maps with a copy of "
                      "/proc/PID/maps, or --core)",
                      addresses(object.unplaced), object.name));
    } else if (object.unplaced > 0 && !object.file) {
      missing(
          fmt::format("{} in {} left as they are: its file is not at hand", addresses(object.unplaced), object.name));
    } else if (object.unplaced > 0 && &object == executable_) {
      report.note(fmt::format("{} lie outside the code of {}", addresses(object.unplaced), object.name));
    }
    if (object.looked_up > 0 && object.with_line == 0) {
      std::string text = fmt::format(
          "{} in {} have no file and line: no debug information was found for it (try: "
          "inquest check-debug-info {})",
          addresses(object.looked_up), object.name, object.name);
      if (&object == executable_) {
        missing(std::move(text));
      } else {
        report.note(std::move(text));
      }
    }
    if (object.info == nullptr || object.looked_up == 0) continue;
    for (const std::string& note : object.info->notes()) missing(object.name + ": " + note);
  }
  if (in_no_module_ > 0) report.note(addresses(in_no_module_) + " of no known file left as they are");
  if (refused_modules_) missing(fmt::format("only the first {} files that lines name were looked at", kMostObjects));
}

}  // namespace inquest::commands::backtrace_file
