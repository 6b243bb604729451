#include "postmortem/dwarf/examiner.h"

#include <dwarf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "postmortem/dwarf/split_units.h"

namespace inquest::dwarf {
namespace {

using elf::Bytes;
using elf::ElfImage;
using elf::MappedFile;
using Source = DebugInfoReport::Source;
using Status = DebugInfoReport::Status;

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// The value that most units have; the first of them where two are equal.
template <class Value, class Get>
Value most_frequent(const std::vector<UnitSummary>& units, Get get) {
  std::map<Value, size_t> counts;
  size_t best = 0;
  for (const UnitSummary& unit : units) {
    if (get(unit) != Value{}) best = std::max(best, ++counts[get(unit)]);
  }
  for (const UnitSummary& unit : units) {
    if (get(unit) != Value{} && counts[get(unit)] == best) return get(unit);
  }
  return {};
}

void add_index_facts(DebugInfoReport& report, const ElfImage& debug) {
  for (const char* name : {"gdb_index", "debug_names", "debug_aranges"}) {
    const elf::ElfSection* section = debug.section(std::string(".") + name);
    if (section || debug.section(std::string(".z") + name)) report.facts.push_back(std::string(".") + name);
  }
}

std::string build_id_in_file(const std::string& path) {
  auto file = MappedFile::open(path, nullptr);
  auto image = file ? ElfImage::from_file(std::move(file)) : nullptr;
  return image ? build_id_of(*image) : "";
}

bool is_vdso(const std::string& path) { return path == "[vdso]" || path == "[vsyscall]"; }

}  // namespace

std::vector<std::string> facts_from_producer(const std::string& producer) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < producer.size();) {
    size_t end = std::min(producer.find(' ', begin), producer.size());
    if (end > begin) words.push_back(producer.substr(begin, end - begin));
    begin = end + 1;
  }
  // Compilers that do not write their flags tell nothing: clang without -grecord-command-line, and GNU as.
  bool has_flags = std::ranges::any_of(words, [](const std::string& word) { return word.starts_with("-"); });
  if (!has_flags || producer.starts_with("GNU AS")) return {};
  std::string level = "-O0";
  std::string frame_pointer;
  for (const std::string& word : words) {
    if (word == "-O" || (word.starts_with("-O") && word.size() <= 6)) level = word;
    if (word == "-fomit-frame-pointer") frame_pointer = "frame pointers omitted";
    if (word == "-fno-omit-frame-pointer") frame_pointer = "frame pointers kept";
  }
  // gcc -fomit-frame-pointer is part of -O1 and above (gcc manual, "Optimize Options").
  if (frame_pointer.empty()) frame_pointer = level == "-O0" ? "frame pointers kept" : "frame pointers omitted";
  std::vector<std::string> facts = {level == "-O0" ? "not optimised: -O0" : "optimised: " + level, frame_pointer};
  if (std::ranges::count(words, "-flto") > 0 || producer.starts_with("GNU GIMPLE")) {
    facts.emplace_back("link-time optimisation");
  }
  return facts;
}

Error not_usable(const std::string& path) {
  int failure = 0;
  auto file = MappedFile::open(path, &failure);
  if (!file) return unusable(fmt::format("cannot open {}: {}", path, open_failure(failure)));
  Bytes bytes = file->bytes();
  if (bytes.empty()) return unusable(path + " is empty");
  if (bytes.size() < EI_NIDENT || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
    return unusable(path + " is not an ELF file", "name a program, a library or a .debug file");
  if (std::to_integer<int>(bytes[EI_CLASS]) == ELFCLASS32)
    return unusable(path + " is a 32-bit ELF file", "64-bit files of x86-64 can be read");
  auto machine = elf::load<uint16_t>(bytes, offsetof(Elf64_Ehdr, e_machine));
  if (!machine || bytes.size() < sizeof(Elf64_Ehdr)) return unusable(path + " is cut short within its ELF header");
  return unusable(fmt::format("{} is an ELF file for another machine (number {})", path, *machine),
                  "64-bit files of x86-64 can be read");
}

Examiner::Examiner(const SearchOptions& options) : finder_(options), packages_(finder_.options().sysroot) {}

DebugInfoReport Examiner::examine(const Module& module) {
  DebugInfoReport report;
  report.path = module.path;
  report.file = module.file;
  report.build_id = module.build_id;
  report.start = module.start.value();
  report.end = module.end.value();
  DebugFiles files = finder_.find(module);
  if (module.missing) {
    bool other_build = *module.missing == FaultCause::kFileMismatch;
    report.status = other_build ? Status::kMismatch : Status::kMissing;
    // The file that was refused is the first one that exists.
    for (const auto& attempt : other_build ? files.attempts : std::vector<DebugInfoReport::Attempt>{}) {
      report.file_build_id = build_id_in_file(attempt.path);
      if (report.file_build_id.empty()) continue;
      report.reason = fmt::format("{}: {}", attempt.path, attempt.outcome);
      break;
    }
    if (report.reason.empty())
      report.reason = other_build ? "the file on this machine is another build" : "the file is not on this machine";
  }
  fill(report, files);
  return report;
}

Result<DebugInfoReport> Examiner::examine_file(const std::string& path) {
  std::error_code error;
  auto absolute = std::filesystem::absolute(path, error).lexically_normal();
  std::string full = error ? path : absolute.string();
  auto file = MappedFile::open(full, nullptr);
  auto image = file ? ElfImage::from_file(std::move(file)) : nullptr;
  if (!image) return not_usable(path);
  if (image->headers().header.e_type == ET_CORE) {
    return unusable(path + " is a core file", "put it behind --core: its modules are examined then");
  }
  DebugInfoReport report;
  report.path = report.file = full;
  report.build_id = build_id_of(*image);
  fill(report, finder_.find(image));
  return report;
}

void Examiner::fill(DebugInfoReport& report, const DebugFiles& files) {
  report.attempts = files.attempts;
  report.source = files.source;
  report.of_kernel = is_vdso(report.path);
  if (files.image && report.file_build_id.empty()) report.file_build_id = build_id_of(*files.image);
  if (files.debug) {
    if (files.debug->file()) report.debug_file = files.debug->file()->path();
    if (files.alternate && files.alternate->file()) report.alternate_file = files.alternate->file()->path();
    describe_units(report, files);
    if (!files.image) report.facts.emplace_back("the program or library itself is not on this machine");
  } else if (files.image || files.symbols) {
    bool own = files.image && files.image->has_full_symbols();
    if (own || files.symbols) {
      report.status = files.symbols_are_mini ? Status::kMiniDebugInfo : Status::kSymbols;
      if (!own && files.symbols->file()) report.debug_file = files.symbols->file()->path();
      if (files.symbols_are_mini) report.debug_file = report.file;
    } else {
      report.status = Status::kNone;
    }
  }
  explain(report, files);
}

void Examiner::describe_units(DebugInfoReport& report, const DebugFiles& files) {
  UnitReader reader(*files.debug, files.alternate.get(), false);
  UnitSurvey survey = reader.survey();
  report.compression = reader.compression();
  add_index_facts(report, *files.debug);
  if (files.alternate) report.source = Source::kDwz;
  size_t skeletons = static_cast<size_t>(std::ranges::count(survey.units, true, &UnitSummary::skeleton));
  if (skeletons > 0) describe_split(report, files, survey);
  for (const UnitSummary& unit : survey.units) {
    report.dwarf_version = std::max(report.dwarf_version.value_or(0), unit.version);
  }
  report.producer = most_frequent<std::string>(survey.units, [](const auto& unit) { return unit.producer; });
  report.language =
      language_name(most_frequent<uint64_t>(survey.units, [](const auto& unit) { return unit.language; }));
  for (std::string& fact : facts_from_producer(report.producer)) report.facts.push_back(std::move(fact));
  // Assembler has lines and nothing else to describe; dwz's partial units are parts of others.
  auto whole = [](const UnitSummary& unit) {
    return !unit.skeleton && !unit.partial && unit.language != DW_LANG_Mips_Assembler;
  };
  auto lines_only = [whole](const UnitSummary& unit) { return whole(unit) && !unit.describes_types; };
  auto units = static_cast<size_t>(std::ranges::count_if(survey.units, whole));
  auto bare = static_cast<size_t>(std::ranges::count_if(survey.units, lines_only));
  report.facts.push_back(fmt::format("{}{} units", survey.all ? "" : "more than ", survey.units.size()));
  if (report.status != Status::kSplit) {
    report.status = bare == units ? Status::kLineTables : Status::kFull;
    if (bare > 0 && bare < units) report.facts.push_back(fmt::format("{} units with lines only", bare));
  }
  if (!survey.failure.empty()) {
    report.facts.push_back("not all could be read: " + survey.failure);
    // Not one readable unit is no debug information, whatever the section's name says.
    if (survey.units.empty()) {
      report.status =
          files.symbols || (files.image && files.image->has_full_symbols()) ? Status::kSymbols : Status::kNone;
      report.source = Source::kNone;
      report.debug_file.clear();
      report.reason = "its debug information cannot be read: " + survey.failure;
    }
  }
  if (!files.missing_alternate.empty()) {
    report.status = Status::kSplit;
    report.source = Source::kDwz;
    report.reason =
        fmt::format("parts that dwz moved to {} are unknown: that file is not there", files.missing_alternate);
  }
}

void Examiner::describe_split(DebugInfoReport& report, const DebugFiles& files, UnitSurvey& survey) {
  SplitUnits split = find_split_units(files, report.path, survey.units, finder_);
  report.source = Source::kDwo;
  report.attempts.insert(report.attempts.end(), split.attempts.begin(), split.attempts.end());
  if (!split.package.empty()) {
    report.debug_file = split.package;
  } else if (!split.first_found.empty()) {
    report.debug_file = split.first_found;
  }
  size_t found = split.wanted - split.missing;
  report.facts.push_back(fmt::format("{} of {} split units found{}", found, split.wanted,
                                     split.package.empty() ? "" : " in " + base_name(split.package)));
  survey.units.insert(survey.units.end(), split.units.begin(), split.units.end());
  if (split.missing == 0) return;
  report.status = Status::kSplit;
  report.reason = split.wanted == 1 ? split.first_missing + " is missing"
                                    : fmt::format("{} of {} .dwo files are missing, the first is {}", split.missing,
                                                  split.wanted, split.first_missing);
  if (!split.first_refusal.empty()) report.reason += "; " + split.first_refusal;
  report.reason += ": types, parameters and inlined functions are unknown";
}

void Examiner::explain(DebugInfoReport& report, const DebugFiles& files) {
  if (report.of_kernel) {
    if (!report.has_debug_info()) report.reason = "code of the kernel, in no file";
    return;
  }
  if (!report.has_debug_info()) {
    auto add = [&report](const std::string& text) { report.reason += (report.reason.empty() ? "" : "; ") + text; };
    if (!files.debug) {
      if (report.status == Status::kNone) add("stripped");
      if (report.status == Status::kSymbols) add("names of functions only (.symtab)");
      if (report.status == Status::kMiniDebugInfo) add("names of functions only (.gnu_debugdata)");
      for (const std::string& refusal : files.refused) add(refusal);
      bool link = files.image && files.image->section(".gnu_debuglink");
      if (report.build_id.empty() && !link && files.image) add("no build-id and no debuglink to find a debug file by");
      if (files.refused.empty() && (!report.build_id.empty() || link) && files.image) {
        add("no separate debug file for it was found");
      }
    }
    report.fix = advice(report);
  } else {
    report.reason = report.status == Status::kLineTables ? "lines and functions, no types or variables (-g1)" : "";
  }
}

std::string Examiner::advice(const DebugInfoReport& report) {
  std::string path = report.path;
  if (const std::string& sysroot = finder_.options().sysroot; !sysroot.empty() && path.starts_with(sysroot + "/")) {
    path.erase(0, sysroot.size());
  }
  if (report.status == Status::kMismatch || report.status == Status::kMissing) {
    std::string id = report.build_id.empty() ? "" : fmt::format(" with build-id {}", report.build_id);
    return fmt::format(
        "get the {}{} that the process ran, and name its folder with --debug-dir (a whole file system: "
        "--sysroot)",
        base_name(path), id);
  }
  if (report.status == Status::kSplit && report.source == Source::kDwo) {
    return fmt::format(
        "put the .dwo files where they were compiled, or pack them into {}.dwp (dwp -e), or name their "
        "folder with --debug-dir",
        base_name(path));
  }
  std::string package = packages_.owner_of(path);
  if (package.empty()) {
    std::error_code error;
    auto real = std::filesystem::canonical(report.file.empty() ? path : report.file, error);
    if (!error && finder_.options().sysroot.empty()) package = packages_.owner_of(real.string());
  }
  if (!package.empty()) return packages_.debug_package_advice(package);
  if (report.status == Status::kSplit) return "put the dwz file where it was, or name its folder with --debug-dir";
  return "build it with -g, or put its unstripped file (or .debug file) into a folder named with --debug-dir";
}

}  // namespace inquest::dwarf
