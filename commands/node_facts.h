// What a Node.js process was: versions, arguments, modules, memory limits, event loop. Shared by the forms of `v8
// nodeinfo`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands/report.h"
#include "commands/session.h"
#include "v8/runtime.h"

namespace inquest::commands {

struct LoadedModule {
  std::string path;  ///< file, or URL of modules of ECMAScript
  bool ecmascript = false;
  std::string_view format;       ///< Node.js's word: "commonjs", "module", "json", "addon", "wasm"
  bool loaded = true;            ///< false: it was still running
  std::optional<uint64_t> size;  ///< bytes of the source in the heap; nothing for addons and JSON
  uint32_t isolate = 0;
};

/// A thread that runs JavaScript beside the main one (worker_threads).
struct WorkerFacts {
  uint32_t isolate = 0;
  std::optional<uint32_t> parent;     ///< isolate of the thread that made it
  std::optional<uint64_t> thread_id;  ///< worker_threads.threadId
  std::optional<std::string> name;    ///< threadName; nothing where Node.js does not keep it in JavaScript
  std::vector<uint64_t> threads;      ///< ids of the system
  Address object;                     ///< tagged: the internal object of the thread that made it
};

/// Where the JavaScript side of a socket has noted its addresses. Only the kernel knows them all.
struct SocketFacts {
  struct Endpoint {
    std::string address;
    std::string family;  ///< "IPv4" or "IPv6"
    std::optional<uint64_t> port;
  };
  std::optional<Endpoint> local, remote;
};

struct NodeFacts {
  template <class Item>
  struct Part {
    Address address;  ///< tagged; null when there is none
    std::vector<Item> items;
  };
  using Table = Part<std::pair<std::string, std::string>>;
  using List = Part<std::string>;

  Address process;  ///< tagged: the object `process` of the main thread
  uint64_t pid = 0;
  std::string platform, architecture, version, executable, argv0, title, directory;
  Table versions;  ///< by name
  Table release;
  List arguments, node_arguments;
  v8::NodeState state;
  std::vector<LoadedModule> modules;  ///< the largest first
  uint64_t builtin_scripts = 0, builtin_size = 0;
  std::vector<v8::HandleGroup> handles;  ///< as JavaScript objects
  std::vector<v8::TimerGroup> timers;
  std::vector<WorkerFacts> workers;         ///< by threadId
  std::map<uint64_t, SocketFacts> sockets;  ///< by the address of the handle; filled for reports only
};

/// Walks the heap. What is missing is said in `report`. An error when no object `process` is found.
Result<NodeFacts> gather_node_facts(v8::Runtime& runtime, const Target& target, v8::Reachability which, Report& report);

}  // namespace inquest::commands
