// The door to everything inquest knows about the V8 engine inside a dead process. commands/ sees this header and the
// ones it names; layouts, pages and the walk are behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/model/address.h"
#include "postmortem/model/result.h"
#include "postmortem/model/target.h"
#include "postmortem/model/unwinder.h"
#include "v8/async/async_report.h"
#include "v8/errors/error_report.h"
#include "v8/frames/v8_frame.h"
#include "v8/functions/function_report.h"
#include "v8/graph/reference_report.h"
#include "v8/inspect/heap_place.h"
#include "v8/inspect/value.h"
#include "v8/node/node_state.h"
#include "v8/reachability.h"
#include "v8/select/instance_reader.h"
#include "v8/select/selection.h"
#include "v8/strings/string_report.h"

namespace inquest::v8 {

/// One line of the capability report: a fact or ability, how it was obtained, whether it can be relied on.
struct Capability {
  enum class State : uint8_t { kWorks, kLimited, kMissing };
  std::string name;  ///< "object walk", "constructor names", "liveness", ...
  State state = State::kWorks;
  std::string source;  ///< "v8dbg", "table 12.4", "calibrated: 412 of 412 root maps", ...
  std::string detail;  ///< why it is limited or missing; may be empty
};

struct SpaceInfo {
  std::string name;  ///< V8's name: new_space, old_space, code_space, trusted_space, read_only_space, ...
  uint64_t pages = 0;
  uint64_t committed = 0;   ///< bytes of all its pages
  uint64_t area = 0;        ///< bytes in which objects can lie
  uint64_t walked = 0;      ///< bytes of the area that have been walked so far
  uint64_t not_parsed = 0;  ///< of these, bytes that could not be read as objects
  // As V8 counts them (v8.getHeapSpaceStatistics); missing where the core does not tell.
  std::optional<uint64_t> used = {};       ///< bytes of objects
  std::optional<uint64_t> available = {};  ///< bytes that can be allocated before it grows
  std::optional<uint64_t> physical = {};   ///< bytes of its pages that have been touched
};

struct IsolateInfo {
  uint32_t index = 0;  ///< 0 is the main thread's
  Address address;
  std::vector<uint64_t> threads;  ///< ids of the threads it was current on, may be empty
  std::vector<SpaceInfo> spaces;
};

struct RuntimeInfo {
  std::string node_version;  ///< "22.23.3", empty when unknown
  std::string v8_version;    ///< "12.4.254.21", empty when unknown
  std::string module;        ///< file that holds V8: the node program or libnode
  std::string layout;        ///< the layout table used, and whether it is exact or a neighbour's
  std::vector<IsolateInfo> isolates;
  std::vector<SpaceInfo> shared_spaces;  ///< the read-only heap that isolates share
  std::vector<Capability> capabilities;
};

struct CensusRow {
  std::string type;  ///< constructor name by V8's rule, "(String)", "(Array)" ..., see docs/histogram.md
  uint32_t isolate = 0;
  uint64_t count = 0;
  uint64_t size = 0;       ///< bytes: the objects and the backing stores only they own
  uint64_t self_size = 0;  ///< bytes: the objects alone, as V8 counts them
  Address sample;          ///< tagged address of one instance (the lowest)
  // Filled when grouped by shape only.
  uint32_t properties = 0;                  ///< named properties of each instance
  uint64_t elements = 0;                    ///< indexed elements of each instance (array length)
  std::vector<std::string> property_names;  ///< in definition order
};

struct CensusOptions {
  Reachability which = Reachability::kLive;
  bool by_shape = false;
};

struct Census {
  std::vector<CensusRow> rows;  ///< no particular order
  uint64_t count = 0;
  uint64_t size = 0;
  uint64_t self_size = 0;
};

struct Instance {
  Address address;  ///< tagged
  uint32_t isolate = 0;
  uint64_t size = 0;
  uint64_t self_size = 0;
};

struct InstanceOptions {
  Reachability which = Reachability::kLive;
  uint64_t skip = 0;      ///< instances to pass over, by address
  uint64_t limit = 0;     ///< 0: all
  Selection select = {};  ///< which of them, and in which order
};

struct Instances {
  std::vector<Instance> rows;  ///< by address, unless another order was asked for
  uint64_t total = 0;          ///< that were chosen, whatever the page
  uint64_t of_type = 0;        ///< of this type, chosen or not
  SelectionGaps gaps = {};
};

/// Called now and then from long work with what is done of what; returns false to stop it.
using Progress = std::function<bool(std::string_view what, uint64_t done, uint64_t total)>;

class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual const RuntimeInfo& info() const = 0;
  /// Walks the whole heap, unless it has been walked or is larger than `limit` bytes; true when it has been.
  virtual Result<bool> walk(uint64_t limit) = 0;
  /// Whole sentences about what could not be seen so far (pages missing from the dump, bytes not parsed, ...);
  /// grows as work is done. The bool says that part of the answer is missing (exit status 1).
  struct Note {
    bool incomplete = false;
    std::string text;
  };
  virtual std::vector<Note> notes() const = 0;

  /// Walks the whole heap (first use only).
  virtual Result<Census> census(const CensusOptions& options) = 0;
  virtual Result<Instances> instances(std::string_view type, const InstanceOptions& options) = 0;
  /// One line for a tagged word in llnode's style: "<Object: Session>", "<String: \"abc\">", "<Smi: 1>".
  virtual std::string describe(uint64_t word) = 0;
  /// What `path` leads to from an object, for many objects alike: own members, found once per hidden class. Nothing
  /// when there is no such member.
  virtual std::optional<Value> member(uint64_t word, const MemberPath& path, const InspectOptions& options) = 0;
  /// The same for many objects by several threads, each with a reader of its own. It must not outlive the runtime.
  virtual std::unique_ptr<InstanceReader> instance_reader(std::vector<MemberPath> columns) = 0;

  /// The tree of a tagged word, or of what `path` leads to from there.
  virtual Result<Value> inspect(uint64_t word, std::span<const std::string> path, const InspectOptions& options) = 0;
  /// The bytes of a string (as UTF-8), ArrayBuffer, typed array or DataView; nothing for others, or when the core does
  /// not have them.
  virtual std::optional<std::string> bytes(uint64_t word) = 0;

  /// What of the heap lies at an address, tagged or not; nothing when it is no memory of V8's heap. Walks one page.
  virtual std::optional<HeapPlace> locate(Address address) = 0;

  /// Steps over frames of code made by V8. It lives as long as the runtime.
  virtual const FrameStepper& frame_stepper() = 0;
  /// The functions of a frame that the stepper owns, innermost first; at least one.
  virtual std::vector<V8Frame> describe_frame(const Frame& frame) = 0;
  /// More about one of these functions.
  virtual V8FrameDetails frame_details(const Frame&, const V8Frame&) { return {}; }
  /// A receiver or an argument, as describe() does; "<optimized out>" for what V8 does not keep.
  virtual std::string describe_value(const FrameValue& value) { return describe(value.word); }
  /// What the sourceMappingURL comment of a script says (V8Frame::script_word); "" when there is none.
  virtual std::string source_mapping_url(uint64_t /*script*/) { return {}; }

  /// What the process was waiting for. Walks the whole heap; live objects only unless told otherwise.
  virtual Result<AsyncReport> async_report(Reachability which) = 0;
  /// The async functions that wait for what an isolate was running, as Error.stack appends them: innermost first. Walks
  /// nothing. Empty when no promise job was running.
  virtual std::vector<AsyncFrame> running_async_tail(uint32_t isolate) = 0;

  /// Error objects with the stacks they captured. Walks the whole heap.
  virtual Result<ErrorReport> errors(Reachability which) = 0;
  /// Strings by text. Walks the whole heap.
  virtual Result<StringReport> strings(const StringOptions& options, Reachability which) = 0;
  /// What Node.js keeps outside of the heap. Walks nothing.
  virtual NodeState node_state() = 0;
  /// Every script with the length of its source. Walks the whole heap.
  virtual Result<std::vector<ScriptInfo>> scripts(Reachability which) = 0;
  /// Functions by file and place. Walks the whole heap.
  virtual Result<std::vector<FunctionInfo>> functions(const FunctionFilter& filter, Reachability which) = 0;
  /// Lines of a script. Walks the heap only for scripts that are given by name.
  virtual Result<SourceLines> source(const SourceRequest& request) = 0;

  /// Who refers to a value. The first search walks the whole heap and builds an index for those that follow.
  virtual Result<References> references(const ReferenceQuery& query) = 0;

  virtual void set_progress(Progress progress) = 0;
};

/// Finds V8 in the process and calibrates its layout; an error says why this is not a Node.js process or cannot be
/// used.
Result<std::unique_ptr<Runtime>> open_runtime(const Target& target);

}  // namespace inquest::v8
