// check-debug-info: whether each module of a core, a process, or each file named, has debug information, where it lies,
// and what to do about those that have none.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

using Status = DebugInfoReport::Status;

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// The page of the kernel that every process of x86-64 has (arch/x86/include/uapi/asm/vsyscall.h).
constexpr Address kVsyscall{0xffffffffff600000};

bool lacks(const DebugInfoReport& module) { return !module.has_debug_info() && !module.of_kernel; }

/// "GNU C++17 12.2.0" of a producer with all its flags.
std::string compiler_of(const std::string& producer) { return producer.substr(0, producer.find(" -")); }

class ModulesBody : public ReportBody {
 public:
  ModulesBody(std::vector<DebugInfoReport> modules, bool verbose) : modules_(std::move(modules)), verbose_(verbose) {}

  void write_text(Output& output) const override {
    for (const DebugInfoReport& module : modules_) {
      if (!output.ok()) return;
      write_module(output, module);
    }
    write_summary(output);
  }

  void write_json(JsonWriter& json) const override {
    json.begin_rows("modules");
    for (const DebugInfoReport& module : modules_) write_module(json, module);
    json.end_array();
    json.begin_object("summary");
    json.field("modules", counted());
    json.field("with_debug_info", counted() - lacking());
    json.end_object();
  }

 private:
  static void line(Output& output, std::string_view what, std::string_view text) {
    if (!text.empty()) output.print("    {:<9} {}\n", what, escape_text(text));
  }

  void write_module(Output& output, const DebugInfoReport& module) const {
    std::string title = escape_text(module.path);
    bool nothing_inside =
        module.status == Status::kNone || module.status == Status::kSymbols || module.status == Status::kMiniDebugInfo;
    // The sentence of openresty-systemtap-toolkit's check-debug-info, which scripts look for.
    if (nothing_inside && lacks(module)) title = fmt::format("File {} has no debug info embedded.", title);
    output.print("{:<13} {}\n", module.of_kernel ? "vdso" : to_string(module.status), title);
    line(output, "where", where(module));
    if (!module.compression.empty()) line(output, "packed", module.compression);
    line(output, "why", module.reason);
    line(output, "fix", module.fix);
    for (const std::string& fact : module.facts) {
      bool notable = fact.starts_with("deleted") || fact.starts_with("not all") || fact.starts_with("the program");
      if (verbose_ || notable) line(output, "fact", fact);
    }
    if (!verbose_) return;
    if (module.end != 0) line(output, "mapped", fmt::format("{:#x}-{:#x}", module.start, module.end));
    line(output, "build-id", module.build_id.empty() ? "none" : module.build_id);
    if (module.file_build_id != module.build_id) line(output, "its file", module.file_build_id);
    if (module.file != module.path) line(output, "file", module.file);
    line(output, "dwz", module.alternate_file);
    line(output, "language", module.language);
    line(output, "producer", module.producer);
    for (const DebugInfoReport::Attempt& attempt : module.attempts)
      line(output, "tried", attempt.path + ": " + attempt.outcome);
  }

  /// "embedded; DWARF 5, GNU C++17 12.2.0"
  static std::string where(const DebugInfoReport& module) {
    if (!module.dwarf_version) return {};
    std::string text(to_string(module.source));
    if (module.debug_file != module.file && !module.debug_file.empty()) text += " " + module.debug_file;
    text += fmt::format("; DWARF {}", *module.dwarf_version);
    // What the compiler calls itself says more than DW_AT_language, which has no number for every standard.
    if (!module.producer.empty()) text += ", " + compiler_of(module.producer);
    return text;
  }

  size_t counted() const {
    auto counts = [](const DebugInfoReport& module) { return !module.of_kernel; };
    return static_cast<size_t>(std::ranges::count_if(modules_, counts));
  }
  size_t lacking() const { return static_cast<size_t>(std::ranges::count_if(modules_, lacks)); }

  void write_summary(Output& output) const {
    size_t all = counted(), without = lacking();
    if (without == 0) {
      output.print("\n{}\n",
                   all == 1 ? "The module has debug info." : fmt::format("All {} modules have debug info.", all));
      return;
    }
    std::vector<std::string> names;
    for (const DebugInfoReport& module : modules_) {
      if (lacks(module))
        names.push_back(fmt::format("{} ({})", escape_text(base_name(module.path)), to_string(module.status)));
    }
    output.print("\n{} of {} modules {} debug info: {}\n", without, all, without == 1 ? "lacks" : "lack",
                 fmt::join(names, ", "));
  }

  static void write_module(JsonWriter& json, const DebugInfoReport& module) {
    json.begin_object();
    json.field("path", module.path);
    json.field_if_known("build_id", module.build_id);
    json.field("status", to_string(module.status));
    json.field_if_known("source", to_string(module.source));
    json.field_if_known("debug_file", module.debug_file);
    if (module.dwarf_version) json.field("dwarf_version", *module.dwarf_version);
    json.field_if_known("producer", module.producer);
    json.field_if_known("reason", module.reason);
    json.field_if_known("fix", module.fix);
    json.field_if_known("file", module.file);
    json.field_if_known("file_build_id", module.file_build_id);
    json.field_if_known("alternate_file", module.alternate_file);
    json.field_if_known("language", module.language);
    json.field_if_known("compression", module.compression);
    if (module.end != 0) {
      json.field("start", Address(module.start));
      json.field("end", Address(module.end));
    }
    if (module.of_kernel) json.field("of_kernel", true);
    json.begin_array("facts");
    for (const std::string& fact : module.facts) json.element(fact);
    json.end_array();
    json.begin_array("attempts");
    for (const DebugInfoReport::Attempt& attempt : module.attempts) {
      json.begin_object();
      json.field("path", attempt.path);
      json.field("outcome", attempt.outcome);
      json.end_object();
    }
    json.end_array();
    json.end_object();
  }

  std::vector<DebugInfoReport> modules_;
  bool verbose_;
};

class CheckDebugInfo : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    Report report;
    std::vector<DebugInfoReport> modules;
    if (auto error = collect(session, args, modules, report)) return *std::move(error);
    report.incomplete |= std::ranges::any_of(modules, lacks);
    report.body = std::make_unique<ModulesBody>(std::move(modules), args.has("verbose"));
    return report;
  }

 private:
  static std::optional<Error> collect(Session& session, const Args& args, std::vector<DebugInfoReport>& modules,
                                      Report& report) {
    if (auto pid = args.number("pid")) {
      if (!args.words().empty()) return usage_error("check-debug-info: either -p PID or files, not both");
      auto process = session.examine_process(*pid);
      if (!process) return std::move(process).error();
      modules = std::move(process->modules);
      for (std::string& note : process->notes) report.note(std::move(note));
      return std::nullopt;
    }
    if (!args.words().empty()) return examine_files(session, args.words(), modules, report);
    if (!session.has_target()) {
      return usage_error("check-debug-info: neither a process, nor a file, nor a core was named",
                         "try: check-debug-info -p PID, check-debug-info FILE, check-debug-info -c CORE");
    }
    for (const Module& module : session.target().modules()) {
      if (!module.is_copy) modules.push_back(session.debug_info().examine(module));
    }
    note_code_without_file(session.target(), report);
    return std::nullopt;
  }

  /// One that cannot be used does not hide the others.
  static std::optional<Error> examine_files(Session& session, const std::vector<std::string>& files,
                                            std::vector<DebugInfoReport>& modules, Report& report) {
    std::optional<Error> failure;
    for (const std::string& file : files) {
      auto examined = session.debug_info().examine_file(file);
      if (examined) {
        modules.push_back(std::move(examined).value());
      } else {
        if (!failure) failure = examined.error();
        report.notes.push_back({Note::Severity::kError, examined.error().line()});
      }
    }
    if (modules.empty()) return failure;
    report.incomplete |= failure.has_value();
    return std::nullopt;
  }

  static void note_code_without_file(const Target& target, Report& report) {
    size_t count = 0;
    for (const MemoryRegion& region : target.memory().regions()) {
      auto holds = [&region](const Module& module) {
        return module.start < region.start + region.size && region.start < module.end;
      };
      bool vsyscall = region.start == kVsyscall;
      if (region.executable && !vsyscall && std::ranges::none_of(target.modules(), holds)) ++count;
    }
    if (count == 0) return;
    report.note(
        fmt::format("{} executable mapping{} of no file: code made at run time (JIT), which has no debug information",
                    count, count == 1 ? "" : "s"));
  }
};

}  // namespace

std::unique_ptr<const Command> make_check_debug_info() {
  return std::make_unique<CheckDebugInfo>(CommandSpec{
      .name = {"check-debug-info"},
      .summary = "which modules have debug information, and how to get the rest",
      .description =
          "For each program and library of a core, of a running process, or of the files named: whether there is debug "
          "information for it, and where. It is looked for in the file itself, by its build-id and its debuglink in "
          "/usr/lib/debug and every --debug-dir, in dwz, .dwo and .dwp files. A file of another build is refused, and "
          "the answer says so.\n\n"
          "full: functions, inlined calls, types, lines. line-tables: no types or variables. split: the .dwo files (or "
          "the dwz file) are missing. minidebuginfo, symbols: names of functions only. none: stripped. mismatch: the "
          "file on this machine is another build. missing: there is no such file.\n\n"
          "The exit status is 1 when a module lacks debug information; the vdso, which is a part of the kernel, does "
          "not count. Called as a program of its own it also takes --core, --exe, --sysroot, --debug-dir and "
          "--debuginfod of inquest.",
      .options = {{.short_name = 'p',
                   .long_name = "pid",
                   .kind = OptionSpec::Kind::kNumber,
                   .value_name = "PID",
                   .help = "the modules of this running process, which goes on running"},
                  {.short_name = 'v',
                   .long_name = "verbose",
                   .help = "every path tried and what became of it, build-ids, compilers with their flags"}},
      .positionals = {{.name = "FILE",
                       .help = "programs, libraries or debug files; without any, the modules of the core",
                       .required = false,
                       .is_file = true,
                       .repeats = true}},
      .examples = {{"check-debug-info", "the modules of the core"},
                   {"check-debug-info -p 4711", "the modules of a running process"},
                   {"check-debug-info -v /usr/bin/python3", "one file, with every place looked at"}},
      .needs_core = false,
      .is_program = true,
  });
}

}  // namespace inquest::commands
