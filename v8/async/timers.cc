#include "v8/async/timers.h"

#include <algorithm>
#include <cstring>

namespace inquest::v8 {
namespace {

// Subclasses of HandleWrap that JavaScript sees.
constexpr std::string_view kHandles[] = {"TCP",     "Pipe",        "TTY",         "UDP",    "Process",
                                         "FSEvent", "StatWatcher", "MessagePort", "Worker", "JSStream"};
// Subclasses of ReqWrap and ThreadPoolWork; most end alike.
constexpr std::string_view kRequests[] = {"FSReqCallback", "FSReqPromise",   "ShutdownWrap",   "WriteWrap",
                                          "SendWrap",      "TCPConnectWrap", "PipeConnectWrap"};

}  // namespace

std::optional<uint64_t> TimerReader::property(uint64_t object, const char* name) {
  if (auto known = keys_.find(name); known != keys_.end()) {
    if (auto value = objects_.own_data_property(object, known->second)) return value;
  }
  std::optional<uint64_t> found;
  objects_.for_each_property(object, [&](const ObjectReader::Property& property) {
    if (property.accessor || property.raw_double || !objects_.is_string(property.key)) return true;
    if (objects_.string(property.key, 64) != name) return true;
    keys_[name] = property.key;
    found = property.value;
    return false;
  });
  return found;
}

std::optional<double> TimerReader::number(uint64_t object, const char* name) {
  auto word = property(object, name);
  if (!word) return std::nullopt;
  if (is_smi(*word)) return smi_value(*word);
  const MapInfo* map = objects_.map_of(*word);
  if (map == nullptr || map->category != Category::kNumber) return std::nullopt;
  uint64_t bits = objects_.field(*word, 8);
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::optional<TimerObject> TimerReader::timer(uint64_t object, bool immediate) {
  TimerObject timer{.immediate = immediate};
  timer.callback = property(object, immediate ? "_onImmediate" : "_onTimeout").value_or(0);
  if (!objects_.is_function(timer.callback)) return std::nullopt;
  const Page* page = objects_.heap().pages().page_of(object - 1);
  uint32_t isolate = page != nullptr ? page->isolate : 0;
  if (auto destroyed = property(object, "_destroyed")) {
    if (*destroyed == objects_.heap().root("true_value", isolate)) return std::nullopt;
  }
  if (immediate) return timer;
  auto delay = number(object, "_idleTimeout");
  if (!delay || *delay < 0) return std::nullopt;
  timer.delay_ms = *delay;
  timer.repeats = number(object, "_repeat").has_value();
  return timer;
}

LoopObject loop_object_kind(std::string_view type) {
  if (type == "Timeout") return LoopObject::kTimeout;
  if (type == "Immediate") return LoopObject::kImmediate;
  if (std::ranges::count(kHandles, type) > 0) return LoopObject::kHandle;
  bool request = std::ranges::count(kRequests, type) > 0 || type.ends_with("ReqWrap") || type.ends_with("Job");
  return request ? LoopObject::kRequest : LoopObject::kNone;
}

bool has_native_side(const ObjectReader& objects, const MapInfo& map, uint64_t object) {
  constexpr unsigned kHeaderWords = 3;  // map, properties, elements; then come the internal fields
  uint64_t undefined = objects.heap().root("undefined_value");
  for (unsigned word = kHeaderWords; word < map.inobject_start && 8 * word < map.instance_size; ++word) {
    uint64_t value = objects.field(object, 8 * word);
    // A pointer to native memory, kept as a Smi: aligned. Slots that only tell a type hold small or odd words.
    bool pointer = value > 0xffff && (value & 7) == 0 && value != undefined;
    if (pointer && objects.heap().target().memory().region_of(Address(value)) != nullptr) return true;
  }
  return false;
}

}  // namespace inquest::v8
