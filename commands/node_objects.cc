#include "commands/node_objects.h"

#include <algorithm>
#include <charconv>

namespace inquest::commands {
namespace {

constexpr uint64_t kMaxText = 1 << 16;
constexpr size_t kWordsOfWorker = 160;  ///< node::worker::Worker has at most 90 in the versions 12 to 26

class ObjectReader {
 public:
  explicit ObjectReader(v8::Runtime& runtime) : runtime_(runtime) {
    options_.depth = 1;
    options_.max_text = kMaxText;
  }

  std::optional<v8::Value> member(Address object, const v8::MemberPath& path) const {
    return runtime_.member(object.value(), path, options_);
  }
  std::optional<std::string> text(Address object, const v8::MemberPath& path) const {
    auto value = member(object, path);
    const auto* found = value ? std::get_if<std::string>(&value->value) : nullptr;
    return found != nullptr && value->kind == v8::ValueKind::kString ? std::optional(*found) : std::nullopt;
  }
  std::optional<uint64_t> number(Address object, const v8::MemberPath& path) const {
    auto value = member(object, path);
    const auto* found = value ? std::get_if<double>(&value->value) : nullptr;
    return found != nullptr && *found >= 0 && *found < 1e15 ? std::optional(static_cast<uint64_t>(*found))
                                                            : std::nullopt;
  }
  /// An object that a property named by a symbol leads to.
  Address by_symbol(Address object, std::string_view description) const {
    auto value = runtime_.inspect(object.value(), {}, options_);
    if (!value) return {};
    for (const v8::NamedValue& property : value->properties)
      if (property.symbol && property.name == description) return property.value.address;
    return {};
  }
  /// What native code has hung on it.
  std::vector<Address> native_parts(Address object) const {
    std::vector<Address> parts;
    auto value = runtime_.inspect(object.value(), {}, options_);
    if (!value) return parts;
    for (const v8::NamedValue& field : value->internal) {
      const auto* text = std::get_if<std::string>(&field.value.value);
      if (field.value.kind != v8::ValueKind::kExternal || text == nullptr || !text->starts_with("0x")) continue;
      uint64_t address = 0;
      std::from_chars(text->data() + 2, text->data() + text->size(), address, 16);
      if (address >= 0x10000 && address % 8 == 0) parts.emplace_back(address);
    }
    return parts;
  }

 private:
  v8::Runtime& runtime_;
  v8::InspectOptions options_;
};

std::optional<SocketFacts::Endpoint> endpoint(const ObjectReader& objects, Address owner, const char* cache) {
  auto address = objects.text(owner, {cache, "address"});
  if (!address) return std::nullopt;
  return SocketFacts::Endpoint{*address, objects.text(owner, {cache, "family"}).value_or(""),
                               objects.number(owner, {cache, "port"})};
}

/// server._connectionKey (lib/net.js, setupListenHandle): "4:127.0.0.1:8080", the address that was asked for. Of port 0
/// the kernel has chosen another.
std::optional<SocketFacts::Endpoint> listening_at(const std::string& key) {
  size_t last = key.rfind(':');
  bool internet = key.starts_with("4:") || key.starts_with("6:");
  if (!internet || last == std::string::npos || last < 2) return std::nullopt;
  uint64_t port = 0;
  auto [end, error] = std::from_chars(key.data() + last + 1, key.data() + key.size(), port);
  if (error != std::errc() || end != key.data() + key.size() || port > 0xffff) return std::nullopt;
  SocketFacts::Endpoint result{key.substr(2, last - 2), key[0] == '4' ? "IPv4" : "IPv6", std::nullopt};
  if (port != 0) result.port = port;
  if (result.address == "null") return std::nullopt;  // any address, of a family that is not told
  return result;
}

}  // namespace

Result<std::vector<WorkerFacts>> find_workers(v8::Runtime& runtime, const Target& target, v8::Reachability which) {
  const auto& isolates = runtime.info().isolates;
  std::vector<WorkerFacts> workers;
  if (isolates.size() < 2) return workers;
  std::map<uint64_t, size_t> by_isolate;
  for (const v8::IsolateInfo& isolate : isolates) {
    if (isolate.index == 0) continue;
    if (!isolate.address.is_null()) by_isolate.emplace(isolate.address.value(), workers.size());
    WorkerFacts worker;
    worker.isolate = isolate.index;
    worker.threads = isolate.threads;
    workers.push_back(std::move(worker));
  }
  auto found = runtime.instances("Worker", {.which = which});
  if (!found) return std::move(found).error();
  ObjectReader objects(runtime);
  for (const v8::Instance& instance : found->rows) {
    auto id = objects.number(instance.address, {"threadId"});
    if (!id) continue;
    for (Address part : objects.native_parts(instance.address)) {
      auto bytes = target.memory().view(part, kWordsOfWorker * 8);
      for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
        auto isolate = by_isolate.find(target.memory().read_u64(part + at).value_or(0));
        if (isolate == by_isolate.end()) continue;
        WorkerFacts& worker = workers[isolate->second];
        // Where objects that are not live are looked at, one of a worker that has ended may name the same memory.
        if (worker.thread_id && *worker.thread_id > *id) break;
        worker.thread_id = *id;
        worker.parent = instance.isolate;
        worker.name = objects.text(instance.address, {"threadName"});
        worker.object = instance.address;
        break;
      }
    }
  }
  std::ranges::sort(workers, {}, [](const WorkerFacts& worker) {
    return std::pair(worker.thread_id.value_or(UINT64_MAX), worker.isolate);
  });
  return workers;
}

Result<std::map<uint64_t, SocketFacts>> find_sockets(v8::Runtime& runtime, const v8::NodeState& state,
                                                     v8::Reachability which) {
  std::map<uint64_t, uint64_t> handles;  // by what they point to
  for (const auto& loop : state.loops) {
    if (!loop) continue;
    for (const v8::LoopHandle& handle : loop->handles)
      if (handle.type == "tcp" && !handle.data.is_null()) handles.emplace(handle.data.value(), handle.address.value());
  }
  std::map<uint64_t, SocketFacts> sockets;
  if (handles.empty()) return sockets;
  auto found = runtime.instances("TCP", {.which = which});
  if (!found) return std::move(found).error();
  ObjectReader objects(runtime);
  for (const v8::Instance& instance : found->rows) {
    for (Address part : objects.native_parts(instance.address)) {
      auto handle = handles.find(part.value());
      if (handle == handles.end()) continue;
      Address owner = objects.by_symbol(instance.address, "owner_symbol");
      if (owner.is_null()) owner = objects.by_symbol(instance.address, "owner");
      if (owner.is_null()) break;
      SocketFacts facts{endpoint(objects, owner, "_sockname"), endpoint(objects, owner, "_peername")};
      auto key = objects.text(owner, {"_connectionKey"});
      if (key && !facts.local) facts.local = listening_at(*key);
      if (facts.local || facts.remote) sockets.emplace(handle->second, std::move(facts));
      break;
    }
  }
  return sockets;
}

}  // namespace inquest::commands
