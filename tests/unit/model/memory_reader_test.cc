#include "postmortem/model/memory_reader.h"

#include <gmock/gmock.h>

#include "postmortem/model/result.h"

namespace inquest {
namespace {

/// Regions with bytes of their own; `view` never crosses one.
class FakeMemory : public MemoryReader {
 public:
  FakeMemory& add(uint64_t start, std::string bytes, uint64_t size = 0, FaultCause missing = FaultCause::kNotInDump) {
    MemoryRegion region;
    region.start = Address(start);
    region.available = bytes.size();
    region.size = size ? size : bytes.size();
    region.missing = missing;
    regions_.push_back(region);
    bytes_.push_back(std::move(bytes));
    return *this;
  }
  std::span<const std::byte> view(Address address, uint64_t limit) const override {
    for (size_t i = 0; i < regions_.size(); ++i)
      if (address - regions_[i].start < bytes_[i].size()) {
        auto rest = std::as_bytes(std::span(bytes_[i])).subspan(address - regions_[i].start);
        return rest.first(std::min<uint64_t>(limit, rest.size()));
      }
    return {};
  }
  const std::vector<MemoryRegion>& regions() const override { return regions_; }

 private:
  std::vector<MemoryRegion> regions_;
  std::vector<std::string> bytes_;
};

TEST(MemoryReader, ReadsAcrossRegions) {
  FakeMemory memory;
  memory.add(0x1000, "abcd").add(0x1004, "efgh");
  EXPECT_EQ(memory.read_u64(Address(0x1000)), 0x6867666564636261u);
  EXPECT_EQ(memory.read_value<uint16_t>(Address(0x1003)), 0x6564u);
  EXPECT_EQ(memory.read_c_string(Address(0x1000)), std::nullopt) << "not terminated";
}

TEST(MemoryReader, NamesTheFirstByteThatFailsAndWhy) {
  FakeMemory memory;
  memory.add(0x1000, "abcd", 0x100, FaultCause::kTruncated);
  std::byte buffer[8];
  auto fault = memory.read(Address(0x1002), buffer);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->address, Address(0x1004));
  EXPECT_EQ(fault->size, 6u);
  EXPECT_EQ(fault->cause, FaultCause::kTruncated);
  EXPECT_EQ(memory.fault_at(Address(0x1100), 1).cause, FaultCause::kUnmapped);
  EXPECT_EQ(memory.fault_at(Address(0xfff), 1).cause, FaultCause::kUnmapped);
}

TEST(MemoryReader, ReadsStringsUpToTheirEndOrTheLimit) {
  FakeMemory memory;
  memory.add(0x1000, std::string("he", 2)).add(0x1002, std::string("llo\0x", 5));
  EXPECT_EQ(memory.read_c_string(Address(0x1000)), "hello");
  EXPECT_EQ(memory.read_c_string(Address(0x1000), 3), std::nullopt);
  EXPECT_EQ(memory.read_c_string(Address(0x1005)), "");
  EXPECT_EQ(memory.read_c_string(Address(0x9999)), std::nullopt);
}

TEST(MemoryReader, FindsRegionsByAddress) {
  FakeMemory memory;
  memory.add(0x1000, "ab").add(0x2000, "cd", 0x10);
  EXPECT_EQ(memory.region_of(Address(0xfff)), nullptr);
  EXPECT_EQ(memory.region_of(Address(0x1001)), &memory.regions()[0]);
  EXPECT_EQ(memory.region_of(Address(0x1002)), nullptr);
  EXPECT_EQ(memory.region_of(Address(0x200f)), &memory.regions()[1]);
  EXPECT_EQ(memory.region_of(Address(UINT64_MAX)), nullptr);
}

TEST(MemoryReader, GivesReadablePartsAsExtents) {
  FakeMemory memory;
  memory.add(0x1000, "abcd", 0x10).add(0x2000, "efgh");
  auto extents = memory.data_extents(Address(0x1001), 0x1001);
  ASSERT_EQ(extents.size(), 2u);
  EXPECT_EQ(extents[0].start, Address(0x1001));
  EXPECT_EQ(extents[0].size, 3u);
  EXPECT_EQ(extents[1].start, Address(0x2000));
  EXPECT_EQ(extents[1].size, 2u);
  EXPECT_EQ(memory.data_extents(Address(0), UINT64_MAX).size(), 2u);
  EXPECT_EQ(memory.data_extents(Address(0x1000), UINT64_MAX).size(), 2u) << "the end of the range must not wrap";
}

TEST(FaultCause, HasAPhraseEach) {
  for (FaultCause cause : {FaultCause::kUnmapped, FaultCause::kNotInDump, FaultCause::kTruncated,
                           FaultCause::kFileMissing, FaultCause::kFileMismatch})
    EXPECT_STRNE(to_string(cause), "unknown");
}

TEST(Address, WrapsAndCompares) {
  EXPECT_EQ(Address(UINT64_MAX) + 1, Address(0));
  EXPECT_EQ(Address(5) - Address(2), 3u);
  EXPECT_LT(Address(1), Address(2));
  EXPECT_TRUE(Address().is_null());
}

TEST(Result, HoldsAValueOrAnError) {
  Result<int> good = 5;
  Result<int> bad = unusable("cannot open x", "try y");
  EXPECT_TRUE(good);
  EXPECT_EQ(*good, 5);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().line(), "cannot open x (try y)");
  EXPECT_EQ(std::move(bad).error().with_context("opening").what, "opening: cannot open x");
  EXPECT_EQ(usage_error("u").line(), "u");
  EXPECT_EQ(incomplete("i").kind, Error::Kind::kIncomplete);
}

}  // namespace
}  // namespace inquest
