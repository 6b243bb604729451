#include "commands/crash_probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "commands/native_stack.h"
#include "commands/text_escape.h"
#include "postmortem/crash/explain.h"
#include "postmortem/crash/names.h"
#include "postmortem/crash/writers.h"
#include "postmortem/model/demangle.h"
#include "postmortem/model/probe_event.h"

namespace inquest::commands {
namespace {

constexpr size_t kMaxFrames = 50'000;  // as `why` unwinds
constexpr size_t kMaxNamed = 64;       // frames that get names
constexpr size_t kMaxStackFunctions = 8;
// Smaller values (null, small numbers, error codes) are the same in every run; addresses are not.
constexpr uint64_t kMaxComparable = 0x10000;

constexpr const char* kOtherBuild =
    "probes belong into the build that crashed: install that, or take a core of this one";

/// A function as a specification can name it: C++ functions by the name that `bt` shows where that has no blanks, which
/// end a place, else as linked.
std::string spec_name(const std::string& symbol) {
  auto text = demangle(symbol);
  if (!text) return symbol;
  std::string shown(without_parameters(*text));
  return shown.find_first_of(" ({") == std::string::npos ? shown : symbol;
}

/// "libtinfo.so.6" of "libtinfo.so.6.4"; the name itself where it is no such.
std::string short_name(const std::string& name) {
  size_t version = name.find(".so.");
  size_t end = version == std::string::npos ? std::string::npos : name.find('.', version + 4);
  return name.substr(0, end);
}

class Proposer {
 public:
  Proposer(const Session& session, Session& dead, const TraceRequest& request)
      : session_(session), dead_(dead), request_(request) {}

  Result<CrashProbes> propose() {
    const Thread* thread = dead_.selected_thread();
    if (!thread) return unusable("the core names no thread, so it has no crash to take probes from");
    Stack stack = dead_.unwinder().unwind(*thread, {.max_frames = kMaxFrames});
    if (stack.frames.empty()) return unusable("the thread of the core has no frame to take probes from");
    if (auto problem = check_builds(stack)) return *std::move(problem);
    crash::Explanation why = crash::explain(dead_.target(), dead_.debug_info(), *thread, stack);
    out_.cause = why.cause;
    out_.detail = why.detail;
    if (auto problem = add_writers(*thread, why)) return *std::move(problem);
    if (auto problem = add_stack(*thread, std::move(stack), why.frame)) return *std::move(problem);
    out_.probes.push_back({.probe = "signal", .reason = "the crash itself, with its stack", .kind = "signal"});
    return std::move(out_);
  }

 private:
  /// The files that the crash stack runs through: without them there is nothing to be found out.
  std::optional<Error> check_builds(const Stack& stack) {
    for (const Module& module : dead_.target().modules()) {
      bool is_on_stack = std::ranges::any_of(stack.frames, [&](const Frame& frame) {
        return frame.lookup_pc() >= module.start && frame.lookup_pc() < module.end;
      });
      if (is_on_stack && module.missing) {
        if (auto problem = refuse_missing(module)) return problem;
      }
    }
    return std::nullopt;
  }

  std::optional<Error> refuse_missing(const Module& module) {
    if (module.missing == FaultCause::kFileMismatch)
      return unusable(fmt::format("{} is another build than the one in the core (build-id {})", module.path,
                                  module.build_id.empty() ? "unknown" : module.build_id),
                      kOtherBuild);
    out_.notes.push_back(fmt::format("{} is not on this machine: its functions have no names.", module.path));
    return std::nullopt;
  }

  /// The name under which a tracer finds the very file that the core's module is.
  Result<std::string> file_name(const Module& module) {
    std::string name = crash::base_name(module.path), other, first_problem;
    for (const std::string& candidate : {short_name(name), name, module.path}) {
      // Any function will do: it is about the file.
      auto check = session_.check_probe(candidate + ":main", request_);
      if (!check && check.error().kind == Error::Kind::kUsage) continue;
      if (!check) {
        if (first_problem.empty()) first_problem = check.error().what;
        continue;
      }
      if (check->build_id == module.build_id || module.build_id.empty()) {
        if (module.build_id.empty())
          out_.notes.push_back(fmt::format("{} has no build-id in the core: whether {} is the same build is not known.",
                                           module.path, check->file));
        return candidate;
      }
      other = fmt::format("{} is another build (build-id {}) than the one in the core ({})", check->file,
                          check->build_id.empty() ? "none" : check->build_id, module.build_id);
    }
    if (!other.empty()) return unusable(other, kOtherBuild);
    return unusable(fmt::format("{}, which the core names, is not on this machine", module.path),
                    "trace where the program runs");
  }

  Result<std::string> cached_file_name(const Module& module) {
    for (const auto& [known, name] : names_)
      if (known == &module) return name;
    auto name = file_name(module);
    if (name) names_.emplace_back(&module, *name);
    return name;
  }

  std::optional<Error> add(const Module& module, const std::string& function, const std::string& rest,
                           ProposedProbe proposal, std::optional<int> argument = {}) {
    auto file = cached_file_name(module);
    if (!file) return std::move(file).error();
    std::string place = fmt::format("{}:{}", *file, function);
    if (!proposed_.insert(place).second) return std::nullopt;
    auto check = session_.check_probe(place, request_);
    std::string problem = !check ? check.error().what : check->problem;
    proposal.probe = place + rest;
    if (argument && (!check || !check->has_named_arguments)) {
      // Without debug information the names are those of the registers.
      std::string names;
      for (int i = 0; i <= *argument; ++i) names += fmt::format("{}arg{}", i > 0 ? ", " : "", i);
      proposal.probe = fmt::format("{}({}){}", place, names, rest);
    }
    if (problem.empty()) {
      out_.probes.push_back(std::move(proposal));
    } else {
      proposal.reason += "; left out: " + problem;
      out_.left_out.push_back(std::move(proposal));
    }
    return std::nullopt;
  }

  std::optional<Error> add_writers(const Thread& thread, const crash::Explanation& why) {
    if (!why.global) {
      out_.remarks.push_back("No bad value was loaded from a global variable, so there are no writers to be traced.");
      return std::nullopt;
    }
    const crash::GlobalVariable& variable = *why.global;
    crash::Names names(dead_.target(), dead_.debug_info());
    const Module* owner = names.module_of(variable.location);
    if (owner && owner->missing) {
      if (auto problem = refuse_missing(*owner)) return problem;
    }
    crash::WriterSearch search = crash::find_writers(names, thread, variable);
    std::string name =
        variable.name.empty() ? fmt::format("the variable at {:#x}", variable.location.value()) : variable.name;
    for (std::string& note : search.notes) out_.notes.push_back(std::move(note));
    for (const crash::Writer& writer : search.writers) {
      if (auto problem = add_writer(writer, name, variable.value)) return problem;
    }
    if (search.writers.empty())
      out_.notes.push_back(fmt::format("No code was found that writes {}: it may be written through pointers.", name));
    return std::nullopt;
  }

  std::optional<Error> add_writer(const crash::Writer& writer, const std::string& variable,
                                  std::optional<uint64_t> bad) {
    ProposedProbe proposal{.probe = {}, .reason = {}, .kind = "writer"};
    proposal.reason = writer.passes_to.empty() ? fmt::format("stores {} in {}", writer.source, variable)
                                               : fmt::format("passes {} on to {}", writer.source, writer.passes_to);
    proposal.reason += fmt::format(": {}", writer.instruction);
    if (writer.symbol.empty()) {
      proposal.probe =
          fmt::format("{}:{:#x}", crash::base_name(writer.module->path), writer.module->link_time(writer.function));
      proposal.reason += "; left out: the function has no name";
      out_.left_out.push_back(std::move(proposal));
      return std::nullopt;
    }
    std::string function = spec_name(writer.symbol);
    // What always stores something else has not left the bad value there.
    if (writer.constant && bad && *writer.constant != *bad) {
      proposal.probe = fmt::format("{}:{}", short_name(crash::base_name(writer.module->path)), function);
      proposal.reason += "; left out: that is not the bad value";
      out_.left_out.push_back(std::move(proposal));
      return std::nullopt;
    }
    if (!writer.argument || !bad || *bad >= kMaxComparable)
      return add(*writer.module, function, "", std::move(proposal));
    std::string rest = *bad == 0 ? fmt::format(" if arg{} == NULL", *writer.argument)
                                 : fmt::format(" if arg{} == {}", *writer.argument, *bad);
    return add(*writer.module, function, rest, std::move(proposal), writer.argument);
  }

  /// From the innermost function out to the first one of another file: behind that come programs whose functions are
  /// called all the time (interpreters), and the start of the program.
  std::optional<Error> add_stack(const Thread& thread, Stack stack, size_t first) {
    stack.frames.erase(stack.frames.begin(), stack.frames.begin() + static_cast<ptrdiff_t>(first));
    if (stack.frames.size() > kMaxNamed) stack.frames.resize(kMaxNamed);
    NativeStack named = name_stack(dead_, thread, std::move(stack), WithArguments::kNo);
    const Module* died_in = nullptr;
    bool leaves = false;
    size_t added = 0;
    for (const NativeFrame& frame : named.frames) {
      if (!frame.module || frame.module->path.starts_with('[') || named.physical(frame).signal_trampoline) continue;
      if (crash::is_runtime_library(*frame.module)) continue;
      if (!died_in) died_in = frame.module;
      if (leaves && frame.module == died_in) break;
      leaves |= frame.module != died_in;
      std::string function(frame.location.function);
      if (frame.location.from_symbol || function.find_first_of(" ({") != std::string::npos)
        function = symbol_at(*frame.module, named.physical(frame), function);
      if (function.empty() || function == "_start") continue;
      std::string where = added == 0 ? "where it died" : fmt::format("caller number {} of that", added);
      if (frame.location.inlined) where += ", inlined";
      if (auto problem = add(*frame.module, function, "", {.probe = {}, .reason = std::move(where), .kind = "stack"}))
        return problem;
      if (++added == kMaxStackFunctions || (leaves && !frame.location.inlined)) break;
    }
    if (added == 0) out_.notes.push_back("No function of the crash stack has a name that could be traced.");
    return std::nullopt;
  }

  static std::string symbol_at(const Module& module, const Frame& frame, const std::string& shown) {
    auto symbol = module.symbols ? module.symbols->covering(module.link_time(frame.lookup_pc())) : std::nullopt;
    if (!symbol || !symbol->is_function) return shown.find_first_of(" ({") == std::string::npos ? shown : "";
    std::string name(symbol->name.substr(0, symbol->name.find('@')));
    return spec_name(name.substr(0, name.find(".cold")));
  }

  const Session& session_;
  Session& dead_;
  const TraceRequest& request_;
  CrashProbes out_;
  std::vector<std::pair<const Module*, std::string>> names_;
  std::set<std::string> proposed_;  ///< places
};

class ProposalsBody : public ReportBody {
 public:
  explicit ProposalsBody(CrashProbes proposals) : proposals_(std::move(proposals)) {}

  void write_text(Output& output) const override {
    output.print("# from the core {}\n# {}\n", escape_text(proposals_.core), escape_text(proposals_.cause));
    if (!proposals_.detail.empty()) output.print("# {}\n", escape_text(proposals_.detail));
    for (const ProposedProbe& one : proposals_.probes)
      output.print("{}  # {}\n", escape_text(one.probe), escape_text(one.reason));
    for (const ProposedProbe& one : proposals_.left_out)
      output.print("# {}  # {}\n", escape_text(one.probe), escape_text(one.reason));
  }
  void write_json(JsonWriter& json) const override {
    json.field("core", proposals_.core);
    json.field("cause", proposals_.cause);
    json.field_if_known("detail", proposals_.detail);
    write_rows(json, "rows", proposals_.probes);
    write_rows(json, "left_out", proposals_.left_out);
  }

 private:
  static void write_rows(JsonWriter& json, std::string_view key, const std::vector<ProposedProbe>& rows) {
    json.begin_rows(key);
    for (const ProposedProbe& one : rows) {
      json.begin_object();
      json.field("probe", one.probe);
      json.field("kind", one.kind);
      json.field("reason", one.reason);
      json.end_object();
    }
    json.end_array();
  }

  CrashProbes proposals_;
};

}  // namespace

Result<CrashProbes> propose_probes(const Session& session, const std::string& core, const TraceRequest& request) {
  auto dead = session.open_other(core);
  if (!dead) return std::move(dead).error();
  auto proposals = Proposer(session, **dead, request).propose();
  if (proposals) proposals->core = core;
  return proposals;
}

std::unique_ptr<const ReportBody> make_proposals_body(CrashProbes proposals) {
  return std::make_unique<ProposalsBody>(std::move(proposals));
}

}  // namespace inquest::commands
