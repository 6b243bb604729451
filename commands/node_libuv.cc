#include "commands/node_libuv.h"

#include <fmt/format.h>

#include <algorithm>

#include "postmortem/model/signal_name.h"

namespace inquest::commands {
namespace {

std::string report_address(Address address) { return fmt::format("{:#018x}", address.value()); }

/// The host by its address: its name came from a resolver.
void endpoint(JsonWriter& json, std::string_view key, const SocketFacts::Endpoint& endpoint) {
  json.begin_object(key);
  json.field("host", endpoint.address);
  json.field(endpoint.family == "IPv6" ? "ip6" : "ip4", endpoint.address);
  if (endpoint.port) json.field("port", *endpoint.port);
  json.end_object();
}

void endpoints(JsonWriter& json, const v8::LoopHandle& handle, const std::map<uint64_t, SocketFacts>& sockets) {
  if (auto facts = sockets.find(handle.address.value()); facts != sockets.end()) {
    if (facts->second.local) endpoint(json, "localEndpoint", *facts->second.local);
    if (facts->second.remote) endpoint(json, "remoteEndpoint", *facts->second.remote);
  }
  // A socket that waits for connections has none, nor has one that sends to anybody.
  bool nobody = handle.listening || (handle.type == "udp" && !handle.connected);
  json.field_if_known("localEndpoint", handle.name);
  if (nobody) json.raw_field("remoteEndpoint", "null");
}

void timer(JsonWriter& json, const v8::LoopHandle& handle, uint64_t now) {
  if (handle.repeat) json.field("repeat", *handle.repeat);
  if (!handle.fires_in) return;
  json.field("firesInMsFromNow", *handle.fires_in);
  json.field("expired",
             now >= now + static_cast<uint64_t>(*handle.fires_in));  // of ones never started it may be anything
}

void stream(JsonWriter& json, const v8::LoopHandle& handle, const std::set<std::string, std::less<>>& keys) {
  if (handle.fd) {
    constexpr std::string_view kStandard[] = {"stdin", "stdout", "stderr"};
    json.field("fd", *handle.fd);
    if (handle.readable && *handle.fd >= 0 && *handle.fd <= 2)
      json.field("stdio", kStandard[static_cast<size_t>(*handle.fd)]);
  }
  if (handle.write_queue_count && !keys.contains("writeQueueCount")) return;
  if (handle.write_queue_size) json.field("writeQueueSize", *handle.write_queue_size);
  if (handle.write_queue_count) json.field("writeQueueCount", *handle.write_queue_count);
  if (handle.readable) json.field("readable", *handle.readable);
  if (handle.writable) json.field("writable", *handle.writable);
}

}  // namespace

void write_libuv(JsonWriter& json, const v8::EventLoop& loop, const std::map<uint64_t, SocketFacts>& sockets,
                 uint64_t now_ns, const std::set<std::string, std::less<>>& keys) {
  for (const v8::LoopHandle& handle : loop.handles) {
    json.begin_object();
    json.field("type", handle.type);
    json.field("is_active", handle.active);
    json.field("is_referenced", handle.referenced);
    json.field("address", report_address(handle.address));
    endpoints(json, handle, sockets);
    timer(json, handle, loop.time_ms);
    stream(json, handle, keys);
    if (handle.pid) json.field("pid", *handle.pid);
    if (handle.signal) {
      json.field("signum", *handle.signal);
      json.field("signal", signal_name(static_cast<int>(*handle.signal)));
    }
    json.field_if_known("filename", handle.file);
    json.end_object();
  }
  json.begin_object();
  json.field("type", "loop");
  json.field("is_active", loop.alive());
  json.field("address", report_address(loop.address));
  if (loop.idle_ns && keys.contains("loopIdleTimeSeconds")) {
    uint64_t waiting = loop.waiting_since_ns ? now_ns - std::min(now_ns, *loop.waiting_since_ns) : 0;
    // As precise as Node.js writes numbers.
    json.raw_field("loopIdleTimeSeconds", fmt::format("{:g}", static_cast<double>(*loop.idle_ns + waiting) / 1e9));
  }
  json.end_object();
}

}  // namespace inquest::commands
