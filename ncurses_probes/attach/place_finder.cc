#include "ncurses_probes/attach/place_finder.h"

#include <capstone/capstone.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "ncurses_probes/attach/struct_fields.h"
#include "ncurses_probes/attach/usdt_notes.h"
#include "postmortem/dwarf/code_places.h"
#include "postmortem/dwarf/debug_files.h"
#include "postmortem/dwarf/dwarf_debug_info.h"
#include "postmortem/dwarf/entry_parameters.h"
#include "postmortem/dwarf/live_process.h"
#include "postmortem/elf/elf_image.h"
#include "postmortem/model/demangle.h"

namespace inquest::probes {
namespace {

namespace fs = std::filesystem;
using elf::Bytes;

// Reading the debug information of more functions than this takes longer than anybody waits for arguments.
constexpr size_t kMaxDescribed = 1000;

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// "libtinfo" and "libtinfo.so" mean libtinfo.so.6 too.
bool names_file(const std::string& name, const std::string& file) {
  return file == name || file.starts_with(name + ".so") || (name.ends_with(".so") && file.starts_with(name + "."));
}

std::optional<std::string> find_in_process(const std::string& name, uint64_t pid) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::stringstream text;
  text << maps.rdbuf();
  std::string root = fmt::format("/proc/{}/root", pid);
  for (const dwarf::MapsLine& line : dwarf::parse_maps(text.str())) {
    if (!line.path.starts_with('/') || line.deleted || !names_file(name, base_name(line.path))) continue;
    return is_file(line.path) ? line.path : root + line.path;
  }
  return std::nullopt;
}

/// ld.so(8): LD_LIBRARY_PATH, the folders of /etc/ld.so.conf, the default ones.
std::vector<std::string> library_folders() {
  std::vector<std::string> folders;
  if (const char* path = std::getenv("LD_LIBRARY_PATH")) {
    std::stringstream words(path);
    for (std::string word; std::getline(words, word, ':');)
      if (!word.empty()) folders.push_back(word);
  }
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator("/etc/ld.so.conf.d", error)) files.push_back(entry.path());
  std::ranges::sort(files);
  for (const std::string& file : files) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with('/')) folders.push_back(line);
  }
  for (const char* folder : {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib",
                             "/usr/lib", "/usr/local/lib"})
    folders.push_back(folder);
  return folders;
}

std::optional<std::string> find_library(const std::string& name) {
  std::vector<std::string> folders = library_folders();
  for (const std::string& folder : folders) {
    if (is_file(folder + "/" + name)) return folder + "/" + name;
  }
  for (const std::string& folder : folders) {
    std::error_code error;
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      std::string file = entry.path().filename();
      // Not libtinfo.so, which may be a text for the linker.
      if (names_file(name, file) && !file.ends_with(".so") && is_file(entry.path())) found.push_back(entry.path());
    }
    if (!found.empty()) return *std::ranges::min_element(found);
  }
  return std::nullopt;
}

/// One file, opened for looking up places.
class CodeFile {
 public:
  static Result<CodeFile> open(const std::string& path) {
    int failure = 0;
    auto file = elf::MappedFile::open(path, &failure);
    if (!file) return unusable("cannot open " + path + ": " + dwarf::open_failure(failure));
    auto image = elf::ElfImage::from_file(std::move(file));
    if (!image) return unusable(path + " is no x86-64 program or library");
    dwarf::DebugFiles debug = dwarf::DebugFileFinder({}).find(image);
    CodeFile result;
    result.path_ = path;
    result.image_ = image;
    result.has_full_symbols_ = image->has_full_symbols() || debug.symbols != nullptr;
    result.symbols_ = elf::ElfImage::symbols(image, debug.symbols);
    result.debug_info_ =
        std::make_unique<dwarf::DwarfDebugInfo>(std::move(debug), result.symbols_, std::vector<std::string>{});
    return result;
  }

  const std::string& path() const { return path_; }
  bool has_full_symbols() const { return has_full_symbols_; }

  /// Start addresses and names of the functions that `wanted` accepts by name as shown and as linked.
  template <class Wanted>
  std::vector<std::pair<uint64_t, std::string>> functions(std::string_view prefix, Wanted wanted) const {
    std::set<std::pair<uint64_t, std::string>> found;
    if (!symbols_) return {};
    symbols_->for_each_with_prefix(prefix, [&](const Symbol& symbol) {
      if (!symbol.is_function || symbol.value == 0) return;
      std::string linked(symbol.name.substr(0, symbol.name.find('@')));
      // A part that was moved away is entered by jumps only; other clones ("f.constprop.0") are called.
      if (linked.find(".cold") != std::string::npos) return;
      std::string shown = linked.substr(0, linked.find('.', 1));
      if (linked.starts_with("_Z")) {
        if (auto text = demangle(linked)) shown = without_parameters(*text);
      }
      if (wanted(shown, linked)) found.emplace(symbol.value, shown);
    });
    // Aliases share their code.
    std::vector<std::pair<uint64_t, std::string>> result;
    for (const auto& entry : found) {
      if (result.empty() || result.back().first != entry.first) result.push_back(entry);
    }
    return result;
  }

  /// The parameters that come in general registers, as far as debug information tells.
  std::vector<Parameter> parameters(uint64_t function) const {
    std::vector<Parameter> result;
    for (dwarf::EntryParameter& from : dwarf::entry_parameters(debug_info_->function_at(function), function)) {
      if (!from.integer_register) continue;
      Parameter parameter{std::move(from.name), type_of(from), *from.integer_register};
      parameter.type.text = std::move(from.type);
      result.push_back(std::move(parameter));
    }
    return result;
  }

  dwarf::DwarfDebugInfo& debug_info() const { return *debug_info_; }
  const elf::ElfImage& image() const { return *image_; }

  /// Whether there is the nop of a static probe.
  bool has_nop(uint64_t offset) const {
    Bytes code = elf::slice(image_->bytes(), offset, 3);
    constexpr std::byte kNop{0x90}, kEscape{0x0f}, kLongNop{0x1f};
    return code.size() == 3 && (code[0] == kNop || (code[0] == kEscape && code[1] == kLongNop));
  }

  std::optional<Symbol> symbol_at(uint64_t address) const {
    return symbols_ ? symbols_->covering(address) : std::nullopt;
  }

  std::optional<uint64_t> code_offset(uint64_t address) const {
    for (const Elf64_Phdr& segment : image_->headers().segments) {
      bool holds =
          segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 && address - segment.p_vaddr < segment.p_filesz;
      if (holds) return segment.p_offset + (address - segment.p_vaddr);
    }
    return std::nullopt;
  }

  /// Whether an instruction begins at `address` when decoding begins at `start`; the text of the one around it if not.
  bool begins_instruction(uint64_t start, uint64_t address, std::string* around) const {
    auto offset = code_offset(start);
    if (!offset || address < start) return false;
    Bytes code = elf::slice(image_->bytes(), *offset, address - start + 16);
    csh handle = 0;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) return false;
    cs_insn* instruction = cs_malloc(handle);
    const auto* at = reinterpret_cast<const uint8_t*>(code.data());
    size_t left = code.size();
    uint64_t pc = start;
    bool decodes = true;
    while (pc < address && decodes) {
      decodes = cs_disasm_iter(handle, &at, &left, &pc, instruction);
      if (decodes)
        *around = fmt::format("{:#x}: {} {}", instruction->address, instruction->mnemonic, instruction->op_str);
    }
    if (!decodes) *around = "bytes that are no instruction";
    cs_free(instruction, 1);
    cs_close(&handle);
    return decodes && pc == address;
  }

  bool begins_with_endbr(uint64_t address) const {
    static constexpr unsigned char kEndbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    auto offset = code_offset(address);
    Bytes code = offset ? elf::slice(image_->bytes(), *offset, 4) : Bytes{};
    return code.size() == 4 && std::memcmp(code.data(), kEndbr64, 4) == 0;
  }

 private:
  static ParameterType type_of(const dwarf::EntryParameter& parameter) {
    using From = dwarf::TypeInfo::Kind;
    using To = ParameterType::Kind;
    auto size = static_cast<uint8_t>(std::min<uint64_t>(parameter.size, 8));
    switch (parameter.kind) {
      case From::kBool: return {To::kBool, 1, {}};
      case From::kSignedChar:
      case From::kUnsignedChar: return {To::kCharacter, 1, {}};
      case From::kPointer: return {parameter.is_text ? To::kText : To::kPointer, 8, {}};
      case From::kReference: return {To::kPointer, 8, {}};
      default: return {parameter.is_signed ? To::kSigned : To::kUnsigned, size, {}};
    }
  }

  std::string path_;
  std::shared_ptr<const elf::ElfImage> image_;
  std::shared_ptr<const SymbolSource> symbols_;
  std::unique_ptr<dwarf::DwarfDebugInfo> debug_info_;
  bool has_full_symbols_ = false;
};

Error no_such_function(const CodeFile& file, const ProbeSpec& spec) {
  std::string what = fmt::format("there is no function {} in {}", spec.function, file.path());
  if (!file.has_full_symbols()) {
    return unusable(what, "it is stripped: only what it exports has a name here; its debug package may help");
  }
  std::string like;
  auto near = file.functions("", [&](const std::string& shown, const std::string&) {
    return shown.size() <= spec.function.size() + 20 && shown.find(spec.function) != std::string::npos;
  });
  for (size_t i = 0; i < near.size() && i < 3; ++i) like += (i > 0 ? ", " : "") + near[i].second;
  return unusable(what, like.empty() ? "inquest trace --list FILE shows what there is" : "there is: " + like);
}

/// The start of each function meant.
std::vector<std::pair<uint64_t, std::string>> functions_of(const CodeFile& file, const ProbeSpec& spec) {
  if (spec.is_glob()) {
    return file.functions("",
                          [&](const std::string& shown, const std::string&) { return matches(spec.function, shown); });
  }
  auto is_it = [&](const std::string& shown, const std::string& linked) {
    return shown == spec.function || linked == spec.function;
  };
  auto found = file.functions(spec.function, is_it);
  if (found.empty()) found = file.functions("_Z", is_it);
  return found;
}

/// `address` in `file` as a place, refused where it is inside an instruction.
Result<Place> checked_place(const CodeFile& file, uint64_t start, uint64_t address, const std::string& function) {
  auto offset = file.code_offset(address);
  if (!offset) return unusable(fmt::format("{:#x} is no code of {}", address, file.path()));
  std::string around;
  if (!file.begins_instruction(start, address, &around)) {
    return unusable(fmt::format("no instruction begins at {:#x} in {}", address, file.path()),
                    around.empty() ? "" : "the one around it is " + around);
  }
  return Place{.file = file.path(), .offset = *offset, .address = address, .function = function};
}

/// The function around `address`: where decoding can begin, and its name. Nothing without a symbol or debug
/// information.
std::optional<std::pair<uint64_t, std::string>> function_around(const CodeFile& file, uint64_t address) {
  auto locations = file.debug_info().locate(std::span(&address, 1));
  for (const CodeLocation& location : locations.of(0)) {
    if (!location.inlined && location.function_start != 0 && location.function_start <= address)
      return std::pair(location.function_start, std::string(locations.of(0)[0].function));
  }
  return std::nullopt;
}

/// Where calls of the function became part of others. Its arguments are in no fixed registers there, so a specification
/// that speaks of them means real calls only.
Result<std::vector<Place>> inlined_places(const CodeFile& file, const ProbeSpec& spec) {
  std::vector<Place> places;
  bool is_about_calls = spec.is_return || spec.offset != 0 || !spec.parameters.empty() || !spec.predicate.empty() ||
                        !spec.captures.empty();
  if (spec.is_glob() || is_about_calls || file.debug_info().file() == nullptr) return places;
  dwarf::FunctionNames names;
  for (const dwarf::InlinedCall& call : dwarf::inlined_calls(*file.debug_info().file(), names, spec.function)) {
    auto around = function_around(file, call.address);
    // What the linker left out has addresses, but no code.
    if (!around || !file.code_offset(call.address)) continue;
    auto place = checked_place(file, around->first, call.address, call.function);
    if (place) places.push_back(std::move(*place));
  }
  return places;
}

/// One place for each function, or inlined call, that has code of the line: where that begins.
Result<std::vector<Place>> line_places(const CodeFile& file, const ProbeSpec& spec) {
  std::string where = fmt::format("{}:{}", spec.source, spec.line);
  if (file.debug_info().file() == nullptr) {
    return unusable(fmt::format("{} has no debug information, so it is not known where {} is", file.path(), where),
                    "name a function, or install its debug symbols");
  }
  dwarf::LinePlaces lines = dwarf::places_of_line(*file.debug_info().file(), spec.source, spec.line);
  if (!lines.knows_file) return unusable(fmt::format("{} has no code of a file {}", file.path(), spec.source));
  auto located = file.debug_info().locate(lines.addresses);
  std::set<std::pair<uint64_t, uint64_t>> taken;  // function or inlined call, and where that begins
  std::vector<Place> places;
  for (size_t i = 0; i < lines.addresses.size(); ++i) {
    uint64_t address = lines.addresses[i];
    auto around = function_around(file, address);
    if (!around || located.of(i).empty() || !file.code_offset(address)) continue;
    const CodeLocation& innermost = located.of(i)[0];
    if (!taken.emplace(innermost.die, innermost.function_start).second) continue;
    auto place = checked_place(file, around->first, address, std::string(innermost.function));
    if (!place) return std::move(place).error();
    places.push_back(std::move(*place));
  }
  if (!places.empty()) return places;
  return unusable(fmt::format("there is no code at {} in {}", where, file.path()),
                  lines.next_line != 0 ? fmt::format("the next line with code is {}", lines.next_line) : "");
}

std::optional<Error> find_fields(const CodeFile& file, ProbeSpec& spec,
                                 const std::vector<std::pair<uint64_t, std::string>>& functions) {
  auto find = [&](Comparison& comparison, FieldUse use, int32_t* add) -> std::optional<Error> {
    if (comparison.fields.empty()) return std::nullopt;
    if (functions.size() != 1)
      return usage_error(fmt::format("probe '{}': {} functions have that name", spec.text, functions.size()),
                         "members are known of arguments of one function only");
    auto field = find_field(file.debug_info().function_at(functions[0].first), comparison, use);
    if (!field) return usage_error(fmt::format("probe '{}': {}", spec.text, field.error().what), field.error().hint);
    comparison.offsets = field->offsets;
    comparison.field_type = field->type;
    if (add) *add = field->add;
    return std::nullopt;
  };
  for (Comparison& comparison : spec.predicate) {
    if (auto problem = find(comparison, FieldUse::kCompare, nullptr)) return problem;
  }
  for (Capture& capture : spec.captures) {
    if (auto problem = find(capture.place, FieldUse::kRecord, &capture.add)) return problem;
  }
  return std::nullopt;
}

Result<std::vector<Place>> function_places(const CodeFile& file, ProbeSpec& spec) {
  auto functions = functions_of(file, spec);
  auto inlined = inlined_places(file, spec);
  if (!inlined) return std::move(inlined).error();
  if (functions.empty() && inlined->empty()) return no_such_function(file, spec);
  std::vector<Place> places;
  for (const auto& [start, name] : functions) {
    uint64_t address = start + spec.offset;
    // endbr64 changes nothing but is slow to step over, and a push often follows, which the kernel emulates.
    if (spec.offset == 0 && !spec.is_return && file.begins_with_endbr(start)) address += 4;
    if (spec.offset != 0) {
      auto symbol = file.symbol_at(start);
      if (symbol && symbol->size != 0 && spec.offset >= symbol->size) {
        return unusable(fmt::format("{} has only {} bytes", name, symbol->size));
      }
    }
    auto place = checked_place(file, start, address, name);
    // Of many functions those that are no code (variables of assembly) are passed over.
    if (!place && spec.is_glob()) continue;
    if (!place) return std::move(place).error();
    // Elsewhere the registers hold something else.
    if (spec.offset == 0 && spec.parameters.empty() && functions.size() <= kMaxDescribed)
      place->parameters = file.parameters(start);
    places.push_back(std::move(*place));
    places.back().is_return = spec.is_return;
  }
  // What text points to can be followed, and a predicate can name arguments, where they are the same everywhere.
  places.insert(places.end(), inlined->begin(), inlined->end());
  auto problem = complete(spec, places.size() == 1 ? std::move(places[0].parameters) : std::vector<Parameter>{});
  if (problem) return *std::move(problem);
  if (auto unknown = find_fields(file, spec, functions)) return *std::move(unknown);
  return places;
}

Result<std::vector<Place>> static_places(const CodeFile& file, const ProbeSpec& spec) {
  std::vector<Place> places;
  std::string known;
  size_t others = 0;
  for (const UsdtProbe& probe : usdt_probes(file.image())) {
    if (!matches(spec.source, probe.provider) || !matches(spec.function, probe.name)) {
      if (++others <= 3) known += fmt::format("{}{}:{}", others > 1 ? ", " : "", probe.provider, probe.name);
      continue;
    }
    auto offset = file.code_offset(probe.location);
    // The note may be damaged: a breakpoint inside an instruction changes what the program does.
    if (!offset || !file.has_nop(*offset)) continue;
    Place place{.file = file.path(), .offset = *offset, .address = probe.location, .function = probe.name};
    place.operands = parse_operands(probe.arguments);
    if (probe.semaphore != 0) place.semaphore = file.image().headers().offset_of(probe.semaphore).value_or(0);
    places.push_back(std::move(place));
  }
  if (places.size() > INQUEST_MAX_STATIC) return unusable(fmt::format("{} static probes are too many", places.size()));
  if (!places.empty()) return places;
  return unusable(fmt::format("there is no static probe {}:{} in {}", spec.source, spec.function, file.path()),
                  known.empty() ? "it has none" : "there is: " + known);
}

/// Arguments without names in the specification: by number, as wide as the note says.
void describe(Place& place) {
  using Kind = ParameterType::Kind;
  for (size_t i = 0; i < place.operands.size(); ++i) {
    const inquest_operand& operand = place.operands[i];
    ParameterType type{operand.is_signed != 0 ? Kind::kSigned
                       : operand.size == 8    ? Kind::kUnknown
                                              : Kind::kUnsigned,
                       operand.size,
                       {}};
    place.parameters.push_back({fmt::format("arg{}", i), std::move(type), static_cast<uint8_t>(i)});
  }
}

bool have_same_arguments(const std::vector<Place>& places) {
  auto is_alike = [](const inquest_operand& a, const inquest_operand& b) {
    return a.size == b.size && a.is_signed == b.is_signed;
  };
  return std::ranges::all_of(
      places, [&](const Place& place) { return std::ranges::equal(place.operands, places[0].operands, is_alike); });
}

Result<std::vector<Place>> address_places(const CodeFile& file, const ProbeSpec& spec) {
  auto symbol = file.symbol_at(spec.address);
  bool inside = symbol && symbol->is_function && spec.address >= symbol->value;
  if (!inside && file.code_offset(spec.address)) {
    return unusable(fmt::format("no symbol covers {:#x} in {}, so it is not known where instructions begin",
                                spec.address, file.path()),
                    "install its debug symbols");
  }
  uint64_t start = inside ? symbol->value : spec.address;
  std::string name = inside ? std::string(symbol->name) : "";
  if (auto shown = demangle(name)) name = without_parameters(*shown);
  auto place = checked_place(file, start, spec.address, name);
  if (!place) return std::move(place).error();
  return std::vector{std::move(*place)};
}

}  // namespace

std::string find_program(const std::string& command) {
  if (command.find('/') != std::string::npos) {
    std::error_code error;
    auto full = fs::absolute(command, error);
    return !error && is_file(full) ? full.lexically_normal().string() : "";
  }
  const char* path = std::getenv("PATH");
  std::stringstream words(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(words, folder, ':');) {
    std::string candidate = (folder.empty() ? "." : folder) + "/" + command;
    if (is_file(candidate) && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

Result<SearchContext> search_context(const TraceRequest& request) {
  SearchContext context{.pid = request.pid, .program = {}};
  if (!request.command.empty()) {
    context.program = find_program(request.command[0]);
    if (context.program.empty()) return unusable(fmt::format("there is no program {}", request.command[0]));
  } else if (request.pid) {
    std::error_code error;
    context.program = fs::read_symlink(fmt::format("/proc/{}/exe", *request.pid), error);
  }
  return context;
}

Result<std::string> find_file(const std::string& name, const SearchContext& context) {
  std::error_code error;
  if (name.find('/') != std::string::npos) {
    auto full = fs::absolute(name, error).lexically_normal();
    if (error || !is_file(full)) return unusable(fmt::format("there is no file {}", name));
    return full.string();
  }
  if (context.pid) {
    if (auto found = find_in_process(name, *context.pid)) return *found;
  }
  if (!context.program.empty() && names_file(name, base_name(context.program))) return context.program;
  if (auto found = find_library(name)) return fs::absolute(*found, error).lexically_normal().string();
  std::string program = find_program(name);
  if (!program.empty()) return program;
  return unusable(fmt::format("no file {} is found", name),
                  context.pid ? fmt::format("process {} has not mapped it, and it is no library of this system: give "
                                            "its path",
                                            *context.pid)
                              : "give its path");
}

Result<std::vector<ProbePlace>> static_probes(const std::string& name, const std::string& pattern) {
  auto path = find_file(name, {});
  if (!path) return std::move(path).error();
  auto file = CodeFile::open(*path);
  if (!file) return std::move(file).error();
  std::vector<ProbePlace> found;
  for (const UsdtProbe& probe : usdt_probes(file->image())) {
    std::string label = probe.provider + ":" + probe.name;
    if (!matches(pattern, label) && !matches(pattern, probe.name)) continue;
    std::string detail =
        fmt::format("static probe at {:#x}{}{}{}", probe.location, probe.arguments.empty() ? "" : ", arguments ",
                    probe.arguments, probe.semaphore != 0 ? ", with a semaphore" : "");
    found.push_back({.probe = fmt::format("{}:{}", name, label), .detail = std::move(detail)});
  }
  return found;
}

Result<std::vector<Place>> find_places(ProbeSpec& spec, const SearchContext& context) {
  auto path = find_file(spec.file, context);
  if (!path) return std::move(path).error();
  auto file = CodeFile::open(*path);
  if (!file) return std::move(file).error();
  auto places = [&]() -> Result<std::vector<Place>> {
    switch (spec.kind) {
      case ProbeSpec::Kind::kFunction: return function_places(*file, spec);
      case ProbeSpec::Kind::kAddress: return address_places(*file, spec);
      case ProbeSpec::Kind::kLine: return line_places(*file, spec);
      case ProbeSpec::Kind::kStatic: {
        auto found = static_places(*file, spec);
        if (!found || !spec.parameters.empty()) return found;
        std::ranges::for_each(*found, describe);
        // A predicate needs to know the width and the sign.
        if (have_same_arguments(*found)) spec.parameters = found->front().parameters;
        return found;
      }
      case ProbeSpec::Kind::kSignal: break;
    }
    return unusable("a signal has no place");
  }();
  if (places && places->size() > kMaxPlaces) {
    return unusable(fmt::format("{} places in {} are too many", places->size(), *path), "a narrower pattern");
  }
  return places;
}

}  // namespace inquest::probes
