#include "v8/heap/last_collection.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace inquest::v8 {
namespace {

constexpr size_t kWordsOfHeap = 512;               // 0x6c0 to 0x910 in 7.8 to 14.6
constexpr size_t kWordsOfTracer = 768;             // previous_mark_compact_end_time_ is at 0xb28 to 0xed0
constexpr size_t kFirstTimes = 2, kLastTimes = 8;  // words: start_time of the last collection is at 0x18 to 0x28
constexpr double kMillisecond = 1e6, kMicrosecond = 1e3;
constexpr double kLongest = 3e18;  // nanoseconds, a hundred years

std::vector<uint64_t> words_at(const MemoryReader& memory, Address address, size_t count) {
  auto bytes = memory.view(address, count * 8);
  std::vector<uint64_t> words(bytes.size() / 8);
  if (!words.empty()) std::memcpy(words.data(), bytes.data(), words.size() * 8);
  return words;
}

/// A time in one of the two forms, in nanoseconds; negative when it is none.
double in_milliseconds(uint64_t word) {
  double value = std::bit_cast<double>(word);
  bool sound = std::isfinite(value) && value >= 1 && value < kLongest / kMillisecond;
  return sound ? value * kMillisecond : -1;
}
double in_microseconds(uint64_t word) {
  auto value = static_cast<double>(word);
  return value >= 1000 && value < kLongest / kMicrosecond ? value * kMicrosecond : -1;
}
using Unit = double (*)(uint64_t);

bool is_duration(uint64_t word) {
  double value = std::bit_cast<double>(word);
  return word == 0 || (value >= 1e-6 && value < kLongest / kMillisecond);
}

/// previous_mark_compact_end_time_, the latest of what looks like it; nothing when nothing does.
std::optional<uint64_t> full_in(const std::vector<uint64_t>& tracer, Unit unit, uint64_t any) {
  std::optional<uint64_t> latest;
  for (size_t i = 3; i < tracer.size(); ++i) {
    double utilization = std::bit_cast<double>(tracer[i - 1]);
    bool is_never = tracer[i - 3] == 0 && tracer[i - 2] == 0 && utilization == 1;
    bool is_some = tracer[i - 3] != 0 && tracer[i - 2] != 0 && tracer[i] != 0 && utilization > 0 && utilization <= 1;
    if (!is_duration(tracer[i - 3]) || !is_duration(tracer[i - 2]) || (!is_never && !is_some)) continue;
    double time = tracer[i] == 0 ? 0 : unit(tracer[i]);
    if (time < 0 || time > static_cast<double>(any)) continue;
    latest = std::max(latest.value_or(0), static_cast<uint64_t>(time));
  }
  return latest;
}

/// What a GCTracer tells; `last_word`: Heap::last_gc_time_, 0 before the first collection.
std::optional<LastCollections> read_tracer(const std::vector<uint64_t>& tracer, uint64_t last_word) {
  constexpr double kBetween = 60e9;  // nanoseconds; the end is noted twice, one soon after the other
  constexpr uint64_t kRounding = 1000;
  for (Unit unit : {Unit(in_milliseconds), Unit(in_microseconds)}) {
    for (size_t i = kFirstTimes; i < kLastTimes; ++i) {
      double start = unit(tracer[i]), end = unit(tracer[i + 1]), last = in_milliseconds(last_word);
      // What stands for the one before the first has no start in some versions.
      bool is_first = last_word == 0 && tracer[i] == 0 && end >= 0;
      if (!is_first && (start < 0 || end < start)) continue;
      if (last_word == 0) {
        auto full = full_in(tracer, unit, static_cast<uint64_t>(end));
        if (full) return LastCollections();
        continue;
      }
      if (last < start || std::abs(end - last) > kBetween) continue;
      auto any = static_cast<uint64_t>(std::max(last, end)) + kRounding;
      auto full = full_in(tracer, unit, any);
      return LastCollections{.any = any, .full = full ? *full + kRounding : any};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<LastCollections> find_last_collections(const MemoryReader& memory, Address heap,
                                                     std::optional<size_t>& word) {
  std::vector<uint64_t> words = words_at(memory, heap, kWordsOfHeap);
  std::optional<LastCollections> none;  // where nothing has been collected
  for (size_t i = word.value_or(0); i + 1 < words.size() && (!word || i == *word); ++i) {
    bool is_time = words[i] == 0 || in_milliseconds(words[i]) >= 0;
    if (!is_time || words[i + 1] % 8 != 0 || memory.read_pointer(Address(words[i + 1])) != heap) continue;
    std::vector<uint64_t> tracer = words_at(memory, Address(words[i + 1]), kWordsOfTracer);
    auto found = tracer.size() > kLastTimes ? read_tracer(tracer, words[i]) : std::nullopt;
    if (words[i] != 0) {
      if (found) word = i;
      return found;
    }
    if (found) none = found;
  }
  return none;
}

}  // namespace inquest::v8
