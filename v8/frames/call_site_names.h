// What Error.stack calls a frame: "fn", "Type.fn", "Type.fn [as alias]", "new Type", "async fn", "Type.<anonymous>".
//
// Upstream: src/objects/call-site-info.cc (GetFunctionName, GetMethodName, GetTypeName, AppendMethodCall,
// SerializeJSStackFrame); src/objects/stack-frame-info.cc before 9.5; JSStackFrame in src/execution/messages.cc in 7.x.
// The rules differ between versions, see the constants in the source file.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "v8/frames/script_reader.h"
#include "v8/objects/constructor_name.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

/// One call, as V8 captures it for a stack trace. Words are tagged; 0: not known.
struct CallSite {
  uint64_t function = 0;  ///< JSFunction; of an inlined call it may be unknown
  uint64_t shared = 0;    ///< SharedFunctionInfo
  std::optional<uint64_t> receiver;
  uint64_t receiver_map = 0;  ///< the Map (tagged) of a receiver that was not allocated and so has no word
  bool constructor = false;
  bool async = false;  ///< a function that awaits, below the ones that run
};

class CallSiteNames {
 public:
  CallSiteNames(const ObjectReader& objects, const ScriptReader& scripts, const FrameOffsets& offsets);

  /// The name in front of the location; "" where Error.stack writes the location alone. Without a receiver: the
  /// function's own name.
  std::string text(const CallSite& site) const;
  /// CallSiteInfo::GetFunctionName: the function's name, "eval" for nameless code of an eval; "" for none.
  std::string function_name(const CallSite& site) const;
  bool is_top_level(uint64_t receiver) const;
  /// Whether the function object itself has a name, which others with the same code may not have.
  bool has_own_name(uint64_t function) const { return own_name(function).has_value(); }

  /// Forgets what objects were called: those of a live process move and go.
  void clear();

 private:
  /// A name in a live process, where looking it up anew for each event would take most of the time. Another function or
  /// class in the same places is told by the words below; one that looks the same even so is gone a moment later.
  struct Remembered {
    std::chrono::steady_clock::time_point when;
    std::string text;
  };
  /// Function, SharedFunctionInfo, receiver, its map, and how it was called.
  using CallKey = std::array<uint64_t, 5>;
  CallKey key_of(const CallSite& site) const;
  std::string find_text(const CallSite& site) const;

  std::string type_name(uint64_t receiver) const;
  std::string type_name_by_map(uint64_t receiver_map) const;
  std::string method_name(const CallSite& site, uint64_t receiver) const;
  std::string find_method_name(const CallSite& site, uint64_t receiver) const;
  std::string initializer_name(uint64_t shared) const;
  std::optional<std::string> own_name(uint64_t function) const;
  bool holds(const ObjectReader::Property& property, uint64_t function) const;
  bool is_oddball(uint64_t word, const char* root) const;
  uint32_t isolate_of(uint64_t word) const;
  const ConstructorNames& constructor_names(uint32_t isolate) const;

  const ObjectReader& objects_;
  const ScriptReader& scripts_;
  const FrameOffsets& offsets_;
  mutable std::vector<std::unique_ptr<ConstructorNames>> constructor_names_;
  mutable std::map<std::pair<uint64_t, uint64_t>, std::string> method_names_;  ///< by function and receiver
  mutable std::map<CallKey, Remembered> remembered_;
};

}  // namespace inquest::v8
