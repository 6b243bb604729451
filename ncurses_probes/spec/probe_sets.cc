#include "ncurses_probes/spec/probe_sets.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::probes {

std::span<const ProbeSet> probe_sets() {
  static const std::vector<ProbeSet> kSets = {
      {"ncurses",
       "terminals set to NULL, deleted or not set up; the end of curses mode",
       {"libtinfo.so.6:set_curterm(TERMINAL *termp) if termp == NULL", "libtinfo.so.6:del_curterm(TERMINAL *termp)",
        // int setupterm(const char *, int, int *) gives ERR, -1; SCREEN *newterm(...) gives NULL (curs_terminfo(3X),
        // initscr(3X)).
        "libtinfo.so.6:setupterm%return(char *term, int fd) if ret == -1",
        "libncursesw.so.6:newterm%return(char *type) if ret == 0", "libncursesw.so.6:delscreen(SCREEN *screen)",
        "libncursesw.so.6:endwin", "libncurses.so.6:newterm%return(char *type) if ret == 0",
        "libncurses.so.6:delscreen(SCREEN *screen)", "libncurses.so.6:endwin"}},
      {"malloc",
       "damage that the C library finds, allocations that are huge or fail",
       {// Static in glibc (malloc/malloc.c), so it is found where the C library's symbols are installed.
        "libc.so.6:malloc_printerr(char *message)", "libc.so.6:malloc(size_t size) if size >= 1073741824",
        "libc.so.6:calloc(size_t count, size_t size) if count >= 1073741824 || size >= 1073741824",
        "libc.so.6:realloc(void *old, size_t size) if size >= 1073741824",
        "libc.so.6:malloc%return(size_t size) if ret == 0 && size != 0"}},
      {"cxx",
       "C++ exceptions thrown and thrown again, std::terminate",
       // Itanium C++ ABI, 2.4: __cxa_throw(void *thrown, std::type_info *, void (*destructor)(void *)).
       {"libstdc++.so.6:__cxa_throw(void *object, std::type_info *type)", "libstdc++.so.6:__cxa_rethrow",
        "libstdc++.so.6:std::terminate"}},
      {"node",
       "fatal errors, memory exhausted, process.exit and abort of Node.js",
       {"node:node::OnFatalError(char *location, char *message)", "node:node::OOMErrorHandler(char *location)",
        "node:node::FatalError(char *location, char *message)",
        "node:v8::internal::V8::FatalProcessOutOfMemory(void *isolate, char *location)", "node:node::ReallyExit",
        "node:node::Abort", "node:node::Assert"}},
      {"signals", "signals that kill, before the process dies", {"signal"}},
  };
  return kSets;
}

Result<std::vector<ProbeSpec>> parse_probes(const std::string& text) {
  std::vector<ProbeSpec> specs;
  if (!text.starts_with('@')) {
    auto spec = parse_probe(text);
    if (!spec) return std::move(spec).error();
    specs.push_back(std::move(*spec));
    return specs;
  }
  auto set = std::ranges::find(probe_sets(), std::string_view(text).substr(1), &ProbeSet::name);
  if (set == probe_sets().end()) {
    std::string known;
    for (const ProbeSet& one : probe_sets()) known += fmt::format("{}@{}", known.empty() ? "" : ", ", one.name);
    return usage_error(fmt::format("there is no set of probes {}", text), "there are " + known);
  }
  for (std::string_view probe : set->probes) {
    auto spec = parse_probe(std::string(probe));
    if (!spec) return std::move(spec).error();
    spec->is_optional = true;
    specs.push_back(std::move(*spec));
  }
  return specs;
}

}  // namespace inquest::probes
