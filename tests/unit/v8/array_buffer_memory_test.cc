#include "v8/heap/array_buffer_memory.h"

#include <gtest/gtest.h>

#include "tests/support/fake_process.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kMalloc = 0x20000000;
constexpr uint64_t kStore = kMalloc + 0x1010;
constexpr uint64_t kBuffer = kMalloc + 0x4010;
constexpr uint64_t kLength = 1001;

class ArrayBufferMemory : public ::testing::Test {
 protected:
  ArrayBufferMemory() {
    memory_.map(kMalloc, 0x10000);
    memory_.put(kStore - 8, uint64_t{0x51});
    memory_.put(kStore, kBuffer);
    memory_.put(kStore + 8, kLength);
    memory_.put(kStore + 16, kLength);
    memory_.put(kBuffer - 8, uint64_t{0x401});  // 1,016 usable bytes
  }
  std::vector<DataExtent> found() const {
    DataExtent all{Address(kMalloc), 0x10000};
    return array_buffer_memory(memory_, std::span(&all, 1));
  }
  inquest::testing::FakeMemory memory_;
};

TEST_F(ArrayBufferMemory, IsFoundInWholeWords) {
  ASSERT_EQ(found().size(), 1u);
  EXPECT_EQ(found()[0].start, Address(kBuffer));
  EXPECT_EQ(found()[0].size, 1008u);
}

TEST_F(ArrayBufferMemory, ABlockOfAnotherSizeIsNoBuffer) {
  memory_.put(kBuffer - 8, uint64_t{0x801});
  EXPECT_TRUE(found().empty());
}

TEST_F(ArrayBufferMemory, CapacityAndLengthMustAgree) {
  memory_.put(kStore + 16, kLength + 8);
  EXPECT_TRUE(found().empty());
}

TEST_F(ArrayBufferMemory, TheStructMustBeABlockOfItsOwn) {
  memory_.put(kStore - 8, uint64_t{0x2001});
  EXPECT_TRUE(found().empty());
}

TEST_F(ArrayBufferMemory, ABufferOutsideOfMemoryIsNone) {
  memory_.put(kStore, uint64_t{0x7000000010});
  EXPECT_TRUE(found().empty());
}

}  // namespace
}  // namespace inquest::v8
