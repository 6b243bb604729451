#include "commands/time_distribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>

namespace inquest::commands {
namespace {

constexpr uint64_t kBar = 50;
constexpr size_t kNear = 2;  // empty lines shown before and behind others

}  // namespace

void TimeDistribution::add(uint64_t value) {
  ++buckets_[static_cast<size_t>(std::bit_width(value))];
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = std::max(max_, value);
  ++count_;
  sum_ += value;
}

void TimeDistribution::write_text(Output& output) const {
  if (count_ == 0) return;
  output.print("min/avg/max: {}/{}/{}\n", min_, sum_ / count_, max_);
  auto is_used = [](uint64_t bucket) { return bucket > 0; };
  auto first = static_cast<size_t>(std::ranges::find_if(buckets_, is_used) - buckets_.begin());
  auto last =
      static_cast<size_t>(buckets_.rend() - std::ranges::find_if(buckets_.rbegin(), buckets_.rend(), is_used)) - 1;
  first = first > kNear ? first - kNear : 0;
  last = std::min(last + kNear, kBuckets - 1);
  uint64_t most = *std::ranges::max_element(buckets_), scale = (most + kBar - 1) / kBar;
  size_t width = std::max(fmt::formatted_size("{}", low(last)), size_t{5});
  size_t count_width = fmt::formatted_size("{}", most);
  output.print("{:>{}} |{} count\n", "value", width, std::string(kBar, '-'));
  bool left_out = false;
  for (size_t i = first; i <= last; ++i) {
    size_t from = i >= first + kNear ? i - kNear : first, to = std::min(i + kNear, last);
    if (std::none_of(buckets_.begin() + static_cast<long>(from), buckets_.begin() + static_cast<long>(to) + 1,
                     is_used)) {
      left_out = true;
      continue;
    }
    if (left_out) output.print("{:>{}} ~\n", "", width);
    left_out = false;
    uint64_t bar = buckets_[i] / scale;
    output.print("{:>{}} |{}{:>{}}\n", low(i), width, std::string(bar, '@'), buckets_[i], kBar - bar + 1 + count_width);
  }
  output.append('\n');
}

void TimeDistribution::write_json(JsonWriter& json) const {
  json.begin_object("distribution");
  json.field("count", count_);
  if (count_ > 0) {
    json.field("min", min_);
    json.field("average", sum_ / count_);
    json.field("max", max_);
  }
  json.begin_rows("histogram");
  for (size_t i = 0; i < kBuckets; ++i) {
    if (buckets_[i] == 0) continue;
    json.begin_object();
    json.field("low", low(i));
    json.field("high", i == 0 ? 0 : low(i) + (low(i) - 1));
    json.field("count", buckets_[i]);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

}  // namespace inquest::commands
