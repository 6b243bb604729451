#include "postmortem/model/demangle.h"

#include <gtest/gtest.h>

namespace inquest {
namespace {

// Mangled names of g++ 12, and what gdb 13 shows for them in frames.
TEST(Demangle, FunctionWithoutParameters) {
  auto shown = [](const char* mangled) { return std::string(without_parameters(demangle(mangled).value_or("?"))); };
  EXPECT_EQ(shown("_ZN2ns3fooIiEEvi"), "ns::foo<int>");
  EXPECT_EQ(shown("_ZNKSt8functionIFiRN6shapes5ShapeEEEclES2_"), "std::function<int (shapes::Shape&)>::operator()");
  EXPECT_EQ(shown("_ZN12_GLOBAL__N_15helpsEv"), "(anonymous namespace)::helps");
  EXPECT_EQ(shown("_ZlsRSoRK3Foo"), "operator<<");
  EXPECT_EQ(shown("_ZNK3FoocvbEv"), "Foo::operator bool");
  EXPECT_EQ(shown("_ZnwmPv"), "operator new");
  EXPECT_EQ(shown("_ZN3FooptEv"), "Foo::operator->");
  EXPECT_EQ(shown("_Z3foov.cold"), "foo");
}

// Names of rustc 1.95, -C symbol-mangling-version=legacy and v0, and what addr2line 2.40 shows for them.
TEST(Demangle, NamesOfRust) {
  EXPECT_EQ(demangle("_ZN2rs3idx17h52ef4b8558bc1b71E"), "rs::idx");
  EXPECT_EQ(demangle("_ZN2rs4walk28_$u7b$$u7b$closure$u7d$$u7d$17hdaa6122a11593c45E"), "rs::walk::{{closure}}");
  EXPECT_EQ(
      demangle(
          "_ZN74_$LT$hashbrown..map..Iter$LT$K$C$V$GT$$u20$as$u20$core..iter..Iterator$GT$4fold17h6e5f7fe44508027cE"),
      "<hashbrown::map::Iter<K,V> as core::iter::Iterator>::fold");
  EXPECT_EQ(demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
  EXPECT_EQ(without_parameters(demangle("_RINvCs1234_7mycrate3fooFlEluE").value_or("?")),
            "mycrate::foo::<fn(i32) -> i32, ()>");
  EXPECT_EQ(demangle("_ZN3foo17hnothexadecimal00E"), "foo::hnothexadecimal00") << "of C++";
  EXPECT_FALSE(demangle("_R"));
}

TEST(Demangle, RefusesWhatIsNoCxxName) {
  EXPECT_FALSE(demangle("main"));
  EXPECT_FALSE(demangle("_Z"));
  EXPECT_FALSE(demangle("_ZN3fo"));
  EXPECT_FALSE(demangle(std::string(1 << 20, 'Z')));
  EXPECT_EQ(without_parameters("main"), "main");
}

/// f(a<i>, a<a<i>>, ...) written out, no name repeated by reference.
TEST(Demangle, TakesNamesOfSeveralKilobytes) {
  std::string mangled = "_Z1f", shown = "f(";
  for (int i = 0; i < 1000; ++i) {
    mangled += "4nameIiE";
    shown += i == 0 ? "name<int>" : ", name<int>";
  }
  EXPECT_EQ(demangle(mangled), shown + ")");
}

/// Each parameter is a pair of the one before it: twice as long.
TEST(Demangle, RefusesReferencesThatExplode) {
  auto reference = [](int number) {
    std::string digits;
    for (; digits.empty() || number > 0; number /= 36)
      digits.insert(0, 1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 36]);
    return "S" + digits + "_";
  };
  auto doubled = [&](int times) {
    std::string mangled = "_Z1f1aSt4pairIS_S_E";
    for (int i = 1; i <= times; ++i) mangled += "S0_I" + reference(i) + reference(i) + "E";
    return mangled;
  };
  EXPECT_EQ(demangle(doubled(1)), "f(a, std::pair<a, a>, std::pair<std::pair<a, a>, std::pair<a, a> >)");
  EXPECT_TRUE(demangle(doubled(8)));
  for (int times : {20, 40, 200, 1000}) EXPECT_FALSE(demangle(doubled(times))) << times;
}

TEST(Demangle, SurvivesDeepNesting) {
  for (const char* unit : {"P", "1aI", "N1aI", "F", "Dp", "X", "Xcv", "A1_", "M", "T_", "L", "J"}) {
    std::string mangled = "_Z1f";
    while (mangled.size() < (16 << 10) - 5) mangled += unit;
    mangled.resize(16 << 10, 'i');
    (void)demangle(mangled);
  }
  SUCCEED();
}

}  // namespace
}  // namespace inquest
