// How often which times occurred, by powers of two, printed as SystemTap's @hist_log prints it.
#pragma once

#include <array>
#include <cstdint>

#include "commands/json_writer.h"
#include "commands/output.h"

namespace inquest::commands {

class TimeDistribution {
 public:
  void add(uint64_t value);
  uint64_t count() const { return count_; }

  /// "min/avg/max: 2/79/1739", then "value |---- count" and a line for each power of two that is near one that
  /// occurred.
  void write_text(Output& output) const;
  /// "distribution": {"count", "min", "average", "max", "histogram": [{low, high, count}]}.
  void write_json(JsonWriter& json) const;

 private:
  static constexpr size_t kBuckets = 65;  ///< 0, then those that begin with 1, 2, 4, ...
  static uint64_t low(size_t bucket) { return bucket == 0 ? 0 : uint64_t{1} << (bucket - 1); }

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0, sum_ = 0, min_ = 0, max_ = 0;
};

}  // namespace inquest::commands
