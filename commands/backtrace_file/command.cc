#include "commands/backtrace_file/command.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "commands/backtrace_file/rewriter.h"
#include "commands/backtrace_file/scan.h"

namespace inquest::commands::backtrace_file {
namespace {

/// A file that is certainly something else, and what to do instead.
std::optional<Error> refuse_binary(std::string_view sample, const std::string& name) {
  if (sample.starts_with("\x7f"
                         "ELF"))
    return unusable(name + " is an ELF file, not a file of backtraces", "the backtraces come first, then the program");
  if (sample.starts_with("PERFILE2"))
    return unusable(name + " is perf's recording, not text",
                    "try: perf script -i FILE | inquest resolve-inlines - EXE");
  if (sample.starts_with("\x1f\x8b") || sample.starts_with("\x28\xb5\x2f\xfd"))
    return unusable(name + " is compressed", "unpack it, or pipe it through zcat or zstdcat and give - for the file");
  if (sample.find('\0') != std::string_view::npos)
    return unusable(name + " is a binary file, not a file of backtraces", "give the text that the sampling tool wrote");
  return std::nullopt;
}

Result<const Format*> choose_format(Input& input, const std::string& wanted) {
  if (wanted != "auto") return find_format(wanted);
  if (auto error = refuse_binary(input.sample(), input.name())) return *std::move(error);
  do {
    if (const Format* format = detect_format(input.sample())) return format;
  } while (input.grow_sample());
  // Nothing but blank lines is an answer: no samples were taken.
  if (input.sample().find_first_not_of(" \t\r\n") == std::string_view::npos) return find_format("bt");
  return unusable(fmt::format("{} holds no backtraces in a format that is known", input.name()),
                  "see --input for the formats; --input bt passes everything else through");
}

Names wanted_names(const Args& args) {
  std::string names = args.has("demangle") ? "full" : args.value("names").value_or("");
  if (names == "linkage") return Names::kLinkage;
  if (names == "short") return Names::kShort;
  if (names == "full") return Names::kFull;
  return Names::kFormat;
}

}  // namespace

std::vector<OptionSpec> rewrite_options() {
  using Kind = OptionSpec::Kind;
  return {
      {.long_name = "input",
       .kind = Kind::kChoice,
       .value_name = "FORMAT",
       .choices = {"auto", "bt", "perf", "bpftrace", "stack", "eu-stack", "gdb", "systemd", "glibc", "addresses",
                   "folded"},
       .default_value = "auto",
       .help = "what wrote the backtraces; found out from the text when not given"},
      {.long_name = "maps",
       .kind = Kind::kFile,
       .value_name = "FILE",
       .excludes = "map",
       .help = "where files were mapped: a copy of /proc/PID/maps made while the process ran"},
      {.short_name = 'c',
       .long_name = "core",
       .kind = Kind::kFile,
       .value_name = "CORE",
       .excludes = "map",
       .help = "where files were mapped: a core of the same process"},
      {.long_name = "folded", .help = "write folded stacks, one per line, for flame graphs"},
      {.long_name = "columns", .help = "write FILE:LINE:COLUMN where the column is known"},
      {.long_name = "full-paths", .help = "write the whole path of each source file, not only its name"},
      {.short_name = 'C',
       .long_name = "demangle",
       .excludes = "names",
       .help = "write C++ names with their parameter types, as addr2line -C does"},
      {.long_name = "names",
       .kind = Kind::kChoice,
       .value_name = "FORM",
       .choices = {"linkage", "short", "full"},
       .excludes = "names",
       .help = "write C++ names as the symbol table has them (the default for .bt files), demangled without parameter "
               "types (the default elsewhere), or demangled in full"},
  };
}

std::vector<PositionalSpec> rewrite_positionals() {
  return {
      {.name = "BT", .help = "file of backtraces, - for the standard input", .is_file = true},
      {.name = "EXE",
       .help = "the program that was running; with --maps or --core it may be left out",
       .required = false,
       .is_file = true},
  };
}

std::string rewrite_description() {
  return "Backtraces may come from sample-bt and other SystemTap scripts (.bt), perf script, bpftrace (ustack, in "
         "every "
         "mode), eu-stack, gdb, coredumpctl, sanitizers, glibc's backtrace_symbols, as folded stacks or as plain "
         "addresses, one per line. Lines that are no frames, and frames of which nothing is known, stay as they are. "
         "The input may be of any length.\n\n"
         "Where an address lies is told by a core or a copy of /proc/PID/maps; without them by the module on the line "
         "([/usr/lib/libz.so.1], with symbol+offset or the offset in the module), and by the other lines of the same "
         "stack. A program that is not position-independent needs none of this, nor do addresses as they were linked. "
         "What could not be placed is counted on the standard error, and the exit status is 1.\n\n"
         "The innermost frame of a stack is looked up at its address. All others hold return addresses and are looked "
         "up one byte before them, inside the call; so are all frames of backtrace_symbols. Plain addresses are taken "
         "as they are. In .bt files the innermost frame is the one after a line with a weight.";
}

Result<Report> rewrite(Session& session, const Args& args, bool every_line) {
  const std::string& executable = args.word(1);
  std::unique_ptr<Session> core;
  if (auto path = args.value("core")) {
    auto opened = session.open_other(*path);
    if (!opened) return std::move(opened).error();
    core = std::move(opened).value();
  }
  auto maps = args.value("maps");
  if (executable.empty() && !core && !maps && !session.has_target()) {
    return usage_error("no program was named", "give it after the file of backtraces, or use --core or --maps");
  }
  auto input = std::make_unique<Input>();
  if (auto error = input->open(args.word(0))) return *std::move(error);
  auto format = choose_format(*input, args.value("input").value_or("auto"));
  if (!format) return std::move(format).error();
  auto map = std::make_unique<ProcessMap>(session);
  if (!executable.empty()) {
    if (auto error = map->set_executable(executable)) return *std::move(error);
  }
  if (maps) {
    if (auto error = map->add_maps(*maps)) return *std::move(error);
  } else if (core) {
    map->add_core(*core);
  } else if (session.has_target()) {
    map->add_core(session);
  }
  RewriteOptions options;
  options.every_line = every_line;
  options.folded = args.has("folded");
  options.columns = args.has("columns");
  options.full_paths = args.has("full-paths");
  options.names = wanted_names(args);
  Report report;
  report.body = std::make_unique<Rewriter>(std::move(input), **format, std::move(core), std::move(map), options);
  return report;
}

}  // namespace inquest::commands::backtrace_file
