#include "cli/interactive.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "postmortem/elf/compressed_core.h"
#include "postmortem/elf/decompress.h"
#include "postmortem/elf/mapped_file.h"

namespace inquest::cli {
namespace {

namespace fs = std::filesystem;

/// The file `name` as the shell would find it, or nothing.
std::optional<std::string> find_program(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (name.find('/') != std::string::npos) {
    return ::access(name.c_str(), X_OK) == 0 ? std::optional(name) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    fs::path candidate = fs::path(folder.empty() ? "." : folder) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.string();
  }
  return std::nullopt;
}

std::optional<std::string> find_lldb() {
  if (const char* named = std::getenv("INQUEST_LLDB")) return find_program(named);
  // The LLDB of the build, by path and then by name, since programs move between machines.
  fs::path built_for = INQUEST_LLDB;
  for (const std::string& name : {built_for.string(), built_for.filename().string(), std::string("lldb")}) {
    if (auto found = find_program(name)) return found;
  }
  return std::nullopt;
}

/// Beside this program: ../lib/libinquest.so, in the build tree as where it is installed.
std::optional<std::string> find_plugin() {
  std::error_code error;
  if (const char* named = std::getenv("INQUEST_PLUGIN")) {
    return fs::exists(named, error) ? std::optional<std::string>(named) : std::nullopt;
  }
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  fs::path plugin = self.parent_path().parent_path() / "lib" / "libinquest.so";
  return fs::exists(plugin, error) ? std::optional(plugin.string()) : std::nullopt;
}

/// A word as LLDB's command line reads it.
std::string lldb_word(const std::string& word) {
  std::string out = "\"";
  for (char character : word) {
    if (character == '"' || character == '\\' || character == '`' || character == '$') out += '\\';
    out += character;
  }
  return out + "\"";
}

/// The core as LLDB can read it: the file itself, or what it unpacks to.
Result<std::string> core_for_lldb(const std::string& core, Terminal& terminal) {
  int failure = 0;
  auto file = elf::MappedFile::open(core, &failure);
  if (!file) return unusable(fmt::format("cannot open {}: {}", core, std::strerror(failure)));
  auto compression = elf::detect_compression(file->bytes());
  if (!compression) return core;
  v8::Progress progress = terminal.progress();
  auto unpacked = elf::unpack_core(
      *file, *compression, [progress](uint64_t done, uint64_t total) { progress("unpacking the core", done, total); });
  terminal.clear_progress();
  if (!unpacked) return std::move(unpacked).error();
  if (!unpacked->note.empty()) terminal.show(std::vector{commands::Note{.text = unpacked->note}});
  return unpacked->path;
}

/// The plugin opens the core itself and takes over the options from the environment.
void export_options(const Options& options) {
  auto set = [](const char* name, const std::string& value) {
    if (!value.empty()) ::setenv(name, value.c_str(), 1);
  };
  set("INQUEST_SYSROOT", options.sysroot);
  set("INQUEST_EXE", options.executable);
  set("INQUEST_DEBUG_DIRS", fmt::format("{}", fmt::join(options.debug_dirs, ":")));
}

}  // namespace

Error run_lldb(const Options& options, Terminal& terminal) {
  auto lldb = find_lldb();
  if (!lldb) {
    return unusable("an interactive session needs LLDB, which was not found",
                    "install lldb-19 or name it in INQUEST_LLDB, or give a command: inquest help");
  }
  auto plugin = find_plugin();
  if (!plugin) {
    return unusable("the LLDB plugin libinquest.so was not found beside this program",
                    "name it in INQUEST_PLUGIN, or give a command: inquest help");
  }
  auto core = core_for_lldb(options.core, terminal);
  if (!core) return std::move(core).error();
  export_options(options);
  std::vector<std::string> words = {*lldb, "-O", "plugin load " + lldb_word(*plugin)};
  if (!options.sysroot.empty()) {
    words.insert(words.end(), {"-O", "platform select --sysroot " + lldb_word(options.sysroot) + " remote-linux"});
  }
  for (const std::string& folder : options.debug_dirs) {
    words.insert(words.end(), {"-O", "settings append target.debug-file-search-paths " + lldb_word(folder)});
  }
  if (options.no_color) words.push_back("--no-use-colors");
  std::string create = "target create --core " + lldb_word(*core);
  if (!options.executable.empty()) create += " " + lldb_word(options.executable);
  words.insert(words.end(), {"-o", create});

  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::signal(SIGPIPE, SIG_DFL);  // ignored signals stay ignored over exec
  ::execv(lldb->c_str(), argv.data());
  return unusable(fmt::format("cannot start {}: {}", *lldb, std::strerror(errno)));
}

}  // namespace inquest::cli
