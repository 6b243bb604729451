#include "v8/inspect/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "v8/inspect/big_integer.h"
#include "v8/inspect/buffer_reader.h"

namespace inquest::v8 {
namespace {

// The expected texts are what Date.prototype.toISOString and String() give.
TEST(IsoDate, WritesYearsOfFourAndSixDigits) {
  EXPECT_EQ(iso_date(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso_date(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(iso_date(1462000000123.0), "2016-04-30T07:06:40.123Z");
  EXPECT_EQ(iso_date(951782400000.0), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(iso_date(253402300800000.0), "+010000-01-01T00:00:00.000Z");
  EXPECT_EQ(iso_date(-62198755200000.0), "-000001-01-01T00:00:00.000Z");
}

TEST(IsoDate, KnowsItsLimits) {
  EXPECT_EQ(iso_date(8.64e15), "+275760-09-13T00:00:00.000Z");
  EXPECT_EQ(iso_date(-8.64e15), "-271821-04-20T00:00:00.000Z");
  EXPECT_EQ(iso_date(8.640001e15), "Invalid Date");
  EXPECT_EQ(iso_date(std::nan("")), "Invalid Date");
}

TEST(NumberText, IsTheShortestThatReadsBack) {
  EXPECT_EQ(number_text(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(number_text(100), "100");
  EXPECT_EQ(number_text(123456789.123), "123456789.123");
  EXPECT_EQ(number_text(-1.5), "-1.5");
  EXPECT_EQ(number_text(1e21), "1e+21");
  EXPECT_EQ(number_text(-42), "-42");
  EXPECT_EQ(number_text(999999999999999.0), "999999999999999");
  EXPECT_EQ(number_text(1e15), "1000000000000000");
  EXPECT_EQ(number_text(999999999999999.9), "999999999999999.9");
  EXPECT_EQ(number_text(123456789012345680000.0), "123456789012345680000");
  EXPECT_EQ(number_text(1e-6), "0.000001");
  EXPECT_EQ(number_text(1.5e-7), "1.5e-7");
  EXPECT_EQ(number_text(5e-324), "5e-324");
  EXPECT_EQ(number_text(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
}

TEST(NumberText, HasWordsForSpecialValues) {
  EXPECT_EQ(number_text(-0.0), "-0");
  EXPECT_EQ(number_text(0.0), "0");
  EXPECT_EQ(number_text(-INFINITY), "-Infinity");
  EXPECT_EQ(number_text(std::nan("")), "NaN");
}

// IEEE 754 binary16: 1, -2, the largest, the smallest, a half of it below zero.
TEST(HalfFloat, IsReadByItsBits) {
  EXPECT_EQ(half_float(0x3c00), 1);
  EXPECT_EQ(half_float(0xc000), -2);
  EXPECT_EQ(half_float(0x7bff), 65504);
  EXPECT_EQ(half_float(0x0001), std::ldexp(1, -24));
  EXPECT_EQ(half_float(0x7c00), INFINITY);
  EXPECT_TRUE(std::isnan(half_float(0x7e00)));
}

TEST(BigIntegers, AreDecimal) {
  EXPECT_EQ(decimal({}, false), "0");
  EXPECT_EQ(decimal({1}, true), "-1");
  EXPECT_EQ(decimal({UINT64_MAX}, false), "18446744073709551615");
  EXPECT_EQ(decimal({0, 1}, false), "18446744073709551616");
  // 10^38 = 0x4b3b4ca85a86c47a098a224000000000: groups of zeros keep their zeros.
  EXPECT_EQ(decimal({0x098a224000000000, 0x4b3b4ca85a86c47a}, false), "1" + std::string(38, '0'));
}

TEST(ElementTypes, AreKnownByTheirClasses) {
  EXPECT_EQ(element_type_of("Float64Array"), ElementType::kFloat64);
  EXPECT_EQ(element_size(ElementType::kBigUint64), 8u);
  EXPECT_EQ(element_size(ElementType::kUint8Clamped), 1u);
  EXPECT_FALSE(element_type_of("Buffer"));
}

}  // namespace
}  // namespace inquest::v8
