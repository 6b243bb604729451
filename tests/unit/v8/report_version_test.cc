#include "v8/node/report_version.h"

#include <gtest/gtest.h>

namespace inquest::v8 {
namespace {

TEST(ReportVersion, RisesWithinALineOfReleases) {
  // What `process.report.getReport().header.reportVersion` says in the official builds.
  EXPECT_EQ(node_report_version("12.6.0"), 1);
  EXPECT_EQ(node_report_version("12.16.1"), 1);
  EXPECT_EQ(node_report_version("12.16.2"), 2);
  EXPECT_EQ(node_report_version("13.8.0"), 1);
  EXPECT_EQ(node_report_version("13.9.0"), 2);
  EXPECT_EQ(node_report_version("18.12.1"), 2);
  EXPECT_EQ(node_report_version("18.13.0"), 3);
  EXPECT_EQ(node_report_version("19.0.0"), 2);
  EXPECT_EQ(node_report_version("20.18.2"), 3);
  EXPECT_EQ(node_report_version("20.18.3"), 4);
  EXPECT_EQ(node_report_version("21.7.3"), 3);
  EXPECT_EQ(node_report_version("22.11.0"), 3);
  EXPECT_EQ(node_report_version("22.12.0"), 4);
  EXPECT_EQ(node_report_version("22.13.0"), 5);
  EXPECT_EQ(node_report_version("23.2.0"), 3);
  EXPECT_EQ(node_report_version("23.4.0"), 4);
  EXPECT_EQ(node_report_version("26.10.0"), 5);
  EXPECT_EQ(node_report_version("27.0.0-nightly20261101"), 5);
}

TEST(ReportVersion, IsNotThereBeforeTheFieldWas) {
  EXPECT_EQ(node_report_version("12.5.0"), std::nullopt);
  EXPECT_EQ(node_report_version(""), std::nullopt);
  EXPECT_EQ(node_report_version("22"), std::nullopt);
  EXPECT_EQ(node_report_version("v22.1.0"), std::nullopt);
}

}  // namespace
}  // namespace inquest::v8
