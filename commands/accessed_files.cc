// `accessed-files`: what a process reads and writes, by file.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "postmortem/model/kernel_watch.h"

namespace inquest::commands {
namespace {

struct Asked {
  uint64_t pid = 0, seconds = 0, limit = 0;
  bool reads = true, writes = true;

  std::string_view word() const { return reads && writes ? "reads/writes" : reads ? "reads" : "writes"; }
  uint64_t count(const FileAccess& file) const { return (reads ? file.reads : 0) + (writes ? file.writes : 0); }
  uint64_t bytes(const FileAccess& file) const {
    return (reads ? file.read_bytes : 0) + (writes ? file.written_bytes : 0);
  }
};

class FilesBody : public ReportBody {
 public:
  FilesBody(std::unique_ptr<FileWatch> watch, Asked asked) : watch_(std::move(watch)), asked_(asked) {}

  bool works_while_writing() const override { return true; }
  bool is_only_memory() const override { return false; }

  void write_text(Output& output) const override {
    output.print("Tracing {} ({})...\n", asked_.pid, escape_text(watch_->program()));
    if (asked_.seconds > 0) {
      output.print("Please wait for {} seconds.\n", asked_.seconds);
    } else {
      output.append("Hit Ctrl-C to end.\n");
    }
    output.flush();
    auto files = most_used();
    if (files.empty()) {
      output.print("No file {} observed so far.\n", asked_.word());
      return;
    }
    // Files of one name in several folders are told apart by those.
    std::multiset<std::string> names;
    for (const FileAccess& file : files) names.insert(file.name);
    output.print("\n=== Top {} file {} ===\n", asked_.limit, asked_.word());
    for (size_t i = 0; i < std::min<size_t>(files.size(), asked_.limit); ++i) {
      const FileAccess& file = files[i];
      bool is_shared = names.count(file.name) > 1 && !file.folder.empty();
      output.print("#{}: {} times, {} bytes {} in file {}{}{}.\n", i + 1, asked_.count(file), asked_.bytes(file),
                   asked_.word(), is_shared ? escape_text(file.folder) : "", is_shared ? "/" : "",
                   escape_text(file.name));
    }
  }

  void write_json(JsonWriter& json) const override {
    auto files = most_used();
    json.field("pid", asked_.pid);
    json.field("executable", watch_->program());
    json.field("files", files.size());
    json.begin_rows("rows");
    for (size_t i = 0; i < std::min<size_t>(files.size(), asked_.limit); ++i) {
      const FileAccess& file = files[i];
      json.begin_object();
      json.field("file", file.name);
      json.field_if_known("folder", file.folder);
      json.field("device", file.device);
      json.field("inode", file.inode);
      if (asked_.reads) json.field("reads", file.reads), json.field("read_bytes", file.read_bytes);
      if (asked_.writes) json.field("writes", file.writes), json.field("written_bytes", file.written_bytes);
      json.end_object();
    }
    json.end_array();
  }

  void add_late_notes(Report& report) const override {
    for (std::string& note : watch_->notes()) report.warn(std::move(note)), report.incomplete = true;
  }

 private:
  std::vector<FileAccess> most_used() const {
    auto files = watch_->finish();
    std::erase_if(files, [&](const FileAccess& file) { return asked_.count(file) == 0; });
    std::ranges::sort(files, [&](const FileAccess& a, const FileAccess& b) {
      return std::tuple(asked_.count(b), asked_.bytes(b), a.name) <
             std::tuple(asked_.count(a), asked_.bytes(a), b.name);
    });
    return files;
  }

  std::unique_ptr<FileWatch> watch_;
  Asked asked_;
};

/// What would be done.
class DryBody : public ReportBody {
 public:
  explicit DryBody(Asked asked) : asked_(asked) {}
  void write_text(Output& output) const override {
    output.print("tracepoint sys_exit, in process {}: {}{}{}\n", asked_.pid, asked_.reads ? kReads : "",
                 asked_.reads && asked_.writes ? ", " : "", asked_.writes ? kWrites : "");
    output.append("counted by file (regular files and devices): calls that moved at least one byte, and their bytes\n");
  }
  void write_json(JsonWriter& json) const override {
    json.field("dry_run", true);
    json.field("pid", asked_.pid);
    json.begin_array("tracepoints");
    json.element("sys_exit");
    json.end_array();
  }

 private:
  static constexpr std::string_view kReads = "read, pread64, readv, preadv, preadv2, sendfile, copy_file_range";
  static constexpr std::string_view kWrites = "write, pwrite64, writev, pwritev, pwritev2, sendfile, copy_file_range";
  Asked asked_;
};

class AccessedFiles : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto pid = args.number("pid");
    if (!pid || *pid == 0) return usage_error("accessed-files: no -p PID given", "the process that is to be watched");
    Asked asked{.pid = *pid,
                .seconds = args.number("time").value_or(0),
                .limit = args.number("limit").value_or(10),
                .reads = args.has("reads") || !args.has("writes"),
                .writes = args.has("writes") || !args.has("reads")};
    Report report;
    if (args.has("dry-run")) {
      report.body = std::make_unique<DryBody>(asked);
      return report;
    }
    auto watch = session.watch_files({.pid = asked.pid, .seconds = asked.seconds});
    if (!watch) return std::move(watch).error();
    report.body = std::make_unique<FilesBody>(std::move(*watch), asked);
    return report;
  }
};

}  // namespace

std::unique_ptr<const Command> make_accessed_files() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"accessed-files"},
      .summary = "the files that a process reads and writes most",
      .description =
          "Counts the calls of a running process that read or write at least one byte of a file, and the bytes, until "
          "Control-C, the end of the time, or the end of the process. Threads count, child processes do not. Without "
          "-r and -w both are counted.\n\n"
          "Files are regular files and devices, told apart by device and inode; the name is the last part of the path, "
          "with the folder's name before it where several have the same. What goes through mapped memory or io_uring "
          "is no such call and is not seen.\n\n"
          "JSON: pid, executable, files (how many), rows [{file, folder, device, inode, reads, read_bytes, writes, "
          "written_bytes}].",
      .examples = {{"accessed-files -p 4711 -r", "what it reads, until Control-C"},
                   {"accessed-files -p 4711 -w -l 20 -t 5", "the 20 files most written to in 5 seconds"}},
      .needs_core = false,
  };
  spec.options = {
      {.short_name = 'p', .long_name = "pid", .kind = Kind::kNumber, .value_name = "PID", .help = "watch this process"},
      {.short_name = 'r', .long_name = "reads", .help = "count what is read"},
      {.short_name = 'w', .long_name = "writes", .help = "count what is written"},
      {.short_name = 'l',
       .long_name = "limit",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "10",
       .help = "show N files"},
      {.short_name = 't',
       .long_name = "time",
       .kind = Kind::kNumber,
       .value_name = "SEC",
       .default_value = "0",
       .help = "end after SEC seconds, 0 for never"},
      {.short_name = 'd', .long_name = "dry-run", .help = "say what would be watched, and do nothing"},
  };
  return std::make_unique<AccessedFiles>(std::move(spec));
}

}  // namespace inquest::commands
