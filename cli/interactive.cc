#include "cli/interactive.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

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

/// Why LLDB cannot open the file, where that can be said better than LLDB does.
std::optional<Error> check_core(const std::string& core) {
  std::ifstream file(core, std::ios::binary);
  if (!file || fs::is_directory(core)) {
    return unusable(
        fmt::format("cannot open {}: {}", core, fs::is_directory(core) ? "Is a directory" : std::strerror(errno)));
  }
  std::array<char, 4> magic{};
  file.read(magic.data(), magic.size());
  if (std::string_view(magic.data(), magic.size()) ==
      "\x7f"
      "ELF")
    return std::nullopt;
  return unusable(core + " is not an ELF core file, which LLDB needs for a session",
                  "decompress it first if it is compressed, or give a command");
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

Error run_lldb(const Options& options) {
  if (auto error = check_core(options.core)) return *error;
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
  export_options(options);
  std::vector<std::string> words = {*lldb, "-O", "plugin load " + lldb_word(*plugin)};
  if (!options.sysroot.empty()) {
    words.insert(words.end(), {"-O", "platform select --sysroot " + lldb_word(options.sysroot) + " remote-linux"});
  }
  for (const std::string& folder : options.debug_dirs) {
    words.insert(words.end(), {"-O", "settings append target.debug-file-search-paths " + lldb_word(folder)});
  }
  if (options.no_color) words.push_back("--no-use-colors");
  std::string create = "target create --core " + lldb_word(options.core);
  if (!options.executable.empty()) create += " " + lldb_word(options.executable);
  words.insert(words.end(), {"-o", create});

  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(lldb->c_str(), argv.data());
  return unusable(fmt::format("cannot start {}: {}", *lldb, std::strerror(errno)));
}

}  // namespace inquest::cli
