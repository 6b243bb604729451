#include "v8/graph/object_numbers.h"

#include <algorithm>
#include <bit>

namespace inquest::v8 {

ObjectNumbers::ObjectNumbers(const PageTable& pages) : pages_(pages) {
  uint64_t blocks = 0;
  for (const Page& page : pages.pages()) {
    first_block_.push_back(blocks);
    blocks += ObjectIndex::pair_count(page);
  }
  first_block_.push_back(blocks);
  ranks_.reserve(blocks);
  for (const Page& page : pages.pages()) {
    first_of_page_.push_back(static_cast<uint32_t>(count_));
    for (size_t block = 0; block < ObjectIndex::pair_count(page); ++block) {
      ranks_.push_back(static_cast<uint32_t>(count_));
      count_ += static_cast<uint64_t>(std::popcount(page.bits[2 * block]));
    }
  }
  first_of_page_.push_back(static_cast<uint32_t>(count_));
}

uint64_t ObjectNumbers::address_of(uint32_t number) const {
  if (number >= count_) return 0;
  auto after_page = std::upper_bound(first_of_page_.begin(), first_of_page_.end() - 1, number);
  auto index = static_cast<size_t>(after_page - first_of_page_.begin()) - 1;
  const Page& page = pages_.pages()[index];
  auto from = ranks_.begin() + static_cast<ptrdiff_t>(first_block_[index]);
  auto to = ranks_.begin() + static_cast<ptrdiff_t>(first_block_[index + 1]);
  auto block = static_cast<uint64_t>(std::upper_bound(from, to, number) - from) - 1;
  uint64_t word = page.bits[2 * block];
  for (uint32_t skip = number - from[static_cast<ptrdiff_t>(block)]; skip > 0; --skip) word &= word - 1;
  return page.area_start.value() + 8 * (64 * block + static_cast<uint64_t>(std::countr_zero(word)));
}

}  // namespace inquest::v8
