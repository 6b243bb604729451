#include "engine/hooks.h"

#include <filesystem>
#include <memory>

#include "ncurses_probes/events/event_file.h"
#include "ncurses_probes/samplers/accessed_files.h"
#include "ncurses_probes/samplers/sampler.h"
#include "ncurses_probes/samplers/tcp_queues.h"
#include "ncurses_probes/tracer.h"
#include "postmortem/dwarf/debug_files.h"
#include "postmortem/dwarf/debug_info_source.h"
#include "postmortem/dwarf/live_process.h"
#include "postmortem/elf/core_target.h"
#include "postmortem/elf/object_file.h"
#include "postmortem/unwind/core_unwinder.h"
#include "v8/runtime.h"

namespace inquest::engine {

commands::SessionHooks make_hooks(const EngineOptions& options) {
  dwarf::SearchOptions search = {
      .sysroot = options.sysroot, .debug_dirs = options.debug_dirs, .debuginfod = options.debuginfod};
  commands::SessionHooks hooks = {
      .open_runtime = v8::open_runtime,
      .open_core =
          [options](const std::string& core) {
            std::error_code error;
            auto full = std::filesystem::absolute(core, error).lexically_normal();
            return elf::open_core({.core = error ? core : full.string(),
                                   .executable = {},
                                   .sysroot = options.sysroot,
                                   .debug_dirs = options.debug_dirs,
                                   .progress = {}});
          },
      .open_unwinder =
          [search](const Target& target) {
            auto finder = std::make_shared<dwarf::DebugFileFinder>(search);
            return unwind::make_unwinder(target, [finder](const Module& module) { return finder->find(module).debug; });
          },
      .open_debug_info = [search](const Target* target) { return dwarf::make_debug_info_source(target, search); },
      .examine_process = [search](uint64_t pid) { return dwarf::examine_process(pid, search); },
      .open_object =
          [options](const std::string& path) {
            return elf::open_object_file(path, options.sysroot, options.debug_dirs);
          },
      .open_events = probes::open_event_file,
  };
#ifdef INQUEST_TRACER
  hooks.list_probes = probes::list_probes;
  hooks.check_probe = probes::check_probe;
  if (options.live_tracing) {
    hooks.start_trace = probes::start_trace;
    hooks.start_sampling = probes::start_sampling;
    hooks.watch_files = probes::watch_files;
    hooks.watch_tcp = probes::watch_tcp;
  }
#else
  auto no_tracer = [](auto&&...) {
    return unusable("this build has no tracer", "build it where libbpf-dev, bpftool and clang are installed");
  };
  hooks.list_probes = no_tracer;
  hooks.check_probe = no_tracer;
  hooks.start_trace = no_tracer;
  hooks.start_sampling = no_tracer;
  hooks.watch_files = no_tracer;
  hooks.watch_tcp = no_tracer;
#endif
  return hooks;
}

}  // namespace inquest::engine
