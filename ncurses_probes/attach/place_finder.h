// From the specification of a probe to places in files: where in which file an instruction begins that the kernel can
// put a breakpoint on.
//
// The kernel checks only that the bytes at an offset decode: a breakpoint inside an instruction changes what the
// program does. So every place that is not the start of a function is checked by decoding the function up to it, and
// refused where it does not begin an instruction or where no symbol says where to begin to decode.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ncurses_probes/attach/place.h"
#include "ncurses_probes/spec/probe_spec.h"
#include "postmortem/model/probe_event.h"
#include "postmortem/model/result.h"
#include "postmortem/model/trace_request.h"

namespace inquest::probes {

/// What decides which file a name like libtinfo.so.6 means.
struct SearchContext {
  std::optional<uint64_t> pid;  ///< what it has mapped
  std::string program;          ///< path of the program that will be run; may be empty
};

/// The error says which process or program there is not.
Result<SearchContext> search_context(const TraceRequest& request);

/// The file that `name` means: a path; what process `pid` has mapped under that name; the program; a library in
/// LD_LIBRARY_PATH or where the dynamic linker looks (ld.so(8)). A name without its version matches too (libtinfo).
Result<std::string> find_file(const std::string& name, const SearchContext& context);

/// At most this many: each is a breakpoint in a running program.
inline constexpr size_t kMaxPlaces = 20'000;

/// All places that `spec`, which is no signal, means. At least one, else an error. What debug information says of the
/// arguments is added to `spec` where it means one function, else to each place.
Result<std::vector<Place>> find_places(ProbeSpec& spec, const SearchContext& context);

/// The static probes of a file whose "PROVIDER:NAME" matches, each once, with what is known of their arguments.
Result<std::vector<ProbePlace>> static_probes(const std::string& file, const std::string& pattern);

/// The program that `command` means in PATH, as execvp finds it; empty when there is none.
std::string find_program(const std::string& command);

}  // namespace inquest::probes
