#include "ncurses_probes/spec/probe_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace inquest::probes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = ProbeSpec::Kind;
using Operation = Comparison::Operation;
using TypeKind = ParameterType::Kind;

ProbeSpec parsed(const std::string& text) {
  auto spec = parse_probe(text);
  EXPECT_TRUE(spec.ok()) << text << ": " << (spec.ok() ? "" : spec.error().line());
  return spec.ok() ? *spec : ProbeSpec{};
}

std::string refused(const std::string& text) {
  auto spec = parse_probe(text);
  EXPECT_FALSE(spec.ok()) << text;
  if (spec.ok()) return {};
  EXPECT_EQ(spec.error().kind, Error::Kind::kUsage);
  return spec.error().line();
}

TEST(ProbeSpec, RecordedMembers) {
  ProbeSpec spec = parsed("./a:f(int n, t, t->type.names) if n == 1 { args, t->next->kind, *t, t[8] }");
  ASSERT_EQ(spec.parameters.size(), 2u);
  EXPECT_TRUE(spec.wants_arguments);
  EXPECT_FALSE(spec.wants_stack);
  ASSERT_EQ(spec.captures.size(), 4u);
  EXPECT_EQ(spec.captures[0].text, "t->type.names");
  EXPECT_EQ(spec.captures[0].place.argument, 1u);
  ASSERT_EQ(spec.captures[0].place.fields.size(), 2u);
  EXPECT_FALSE(spec.captures[0].place.fields[1].through_pointer);
  EXPECT_EQ(spec.captures[1].place.fields.size(), 2u);
  EXPECT_THAT(spec.captures[2].place.offsets, ElementsAre(0));
  EXPECT_THAT(spec.captures[3].place.offsets, ElementsAre(8));
  EXPECT_EQ(spec.predicate.size(), 1u);
  // Only debug information can know the argument.
  EXPECT_EQ(parsed("./a:f { t->kind }").captures[0].place.argument, ProbeSpec::kByName);
  EXPECT_TRUE(parsed("./a:f(t, t->kind)").wants_stack);
}

TEST(ProbeSpec, RecordedMembersThatAreNone) {
  EXPECT_THAT(refused("./a:f(t) { t->a, t->b, t->c, t->d, t->e }"), HasSubstr("only 4 members"));
  EXPECT_THAT(refused("./a:f(t) { t-> }"), HasSubstr("a member has no name"));
  EXPECT_THAT(refused("./a:f(t) { t->a b }"), HasSubstr("'b' is not understood"));
  EXPECT_THAT(refused("./a:f(t) { t[1][2][3][4][5] }"), HasSubstr("more than 4 pointers"));
  EXPECT_THAT(refused("./a:f* { t->a }"), HasSubstr("is no argument"));
  EXPECT_THAT(refused("signal { t->a }"), HasSubstr("cannot be recorded"));
}

TEST(ProbeSpec, Whole) {
  ProbeSpec spec = parsed("libtinfo.so.6:set_curterm(termp) if termp == 0 { args, stack }");
  EXPECT_EQ(spec.kind, Kind::kFunction);
  EXPECT_EQ(spec.label, "libtinfo.so.6:set_curterm");
  EXPECT_EQ(spec.file, "libtinfo.so.6");
  EXPECT_EQ(spec.function, "set_curterm");
  ASSERT_EQ(spec.parameters.size(), 1u);
  EXPECT_EQ(spec.parameters[0].name, "termp");
  ASSERT_EQ(spec.predicate.size(), 1u);
  EXPECT_EQ(spec.predicate[0].argument, 0u);
  EXPECT_EQ(spec.predicate[0].value, 0u);
  EXPECT_TRUE(spec.wants_arguments && spec.wants_stack);
}

TEST(ProbeSpec, Places) {
  EXPECT_EQ(parsed("./server:ns::Session::close").function, "ns::Session::close");
  EXPECT_EQ(parsed("a:(anonymous namespace)::f(int x)").function, "(anonymous namespace)::f");
  EXPECT_EQ(parsed("a:ns::F::operator()(x)").function, "ns::F::operator()");
  EXPECT_TRUE(parsed("a:handle_*").is_glob());
  EXPECT_EQ(parsed("a:main+0x1f").offset, 0x1fu);
  EXPECT_EQ(parsed("a:0x1234").address, 0x1234u);
  EXPECT_EQ(parsed("a:0x1234").kind, Kind::kAddress);
  ProbeSpec line = parsed("a:src/t.c:42 {stack}");
  EXPECT_EQ(line.kind, Kind::kLine);
  EXPECT_EQ(line.source, "src/t.c");
  EXPECT_EQ(line.line, 42u);
  EXPECT_FALSE(line.wants_arguments);
  ProbeSpec mark = parsed("libstdc++.so.6:libstdcxx:throw(void *object) if object != NULL");
  EXPECT_EQ(mark.kind, Kind::kStatic);
  EXPECT_EQ(mark.file, "libstdc++.so.6");
  EXPECT_EQ(mark.source, "libstdcxx");
  EXPECT_EQ(mark.function, "throw");
  EXPECT_THAT(refused("a:libstdcxx:throw%return"), HasSubstr("no return"));
  EXPECT_TRUE(parsed("a:f%return if ret < 0").is_return);
  EXPECT_THAT(refused("set_curterm"), HasSubstr("names no program"));
  EXPECT_THAT(refused("a:"), HasSubstr("names no function"));
  EXPECT_THAT(refused("a:f* + 3"), HasSubstr("not understood"));
  EXPECT_THAT(refused("a:f*+3"), HasSubstr("one function"));
  EXPECT_THAT(refused("a:t.c:0"), HasSubstr("no line"));
  EXPECT_THAT(refused("a:0x12z4"), HasSubstr("no address"));
}

TEST(ProbeSpec, Signals) {
  EXPECT_TRUE(parsed("signal").signals.empty());
  EXPECT_THAT(parsed("signal:SEGV,SIGABRT,4").signals, ElementsAre(SIGSEGV, SIGABRT, SIGILL));
  EXPECT_THAT(refused("signal:SIGNONE"), HasSubstr("no signal"));
  EXPECT_THAT(refused("signal if x == 1"), HasSubstr("no predicate"));
}

TEST(ProbeSpec, Predicates) {
  ProbeSpec spec = parsed("c:write(int fd, char *text) if fd == -1 && *text != 0 || text[8] & 0x10");
  ASSERT_EQ(spec.predicate.size(), 3u);
  EXPECT_EQ(spec.parameters[0].type.size, 4);
  EXPECT_EQ(spec.parameters[1].type.kind, TypeKind::kText);
  EXPECT_EQ(static_cast<int64_t>(spec.predicate[0].value), -1);
  EXPECT_FALSE(spec.predicate[1].begins_group);
  EXPECT_THAT(spec.predicate[1].offsets, ElementsAre(0));
  EXPECT_TRUE(spec.predicate[2].begins_group);
  EXPECT_THAT(spec.predicate[2].offsets, ElementsAre(8));
  EXPECT_EQ(spec.predicate[2].operation, Operation::kBits);
  EXPECT_EQ(parsed("c:f if arg5 >= 7").predicate[0].argument, 5u);
  EXPECT_EQ(parsed("c:f(p) if p == NULL").parameters[0].type.kind, TypeKind::kPointer);
  // Debug information may know it later.
  EXPECT_EQ(parsed("c:f if level > 2").predicate[0].argument, ProbeSpec::kByName);
  EXPECT_THAT(refused("c:f*  if level > 2"), HasSubstr("no argument"));
  EXPECT_THAT(refused("c:f(x) if y == 1"), HasSubstr("no argument"));
  EXPECT_THAT(refused("c:f if ret == 1"), HasSubstr("no argument"));
  EXPECT_THAT(refused("c:f(x) if x = 1"), HasSubstr("comparison"));
  EXPECT_THAT(refused("c:f(x) if x == y"), HasSubstr("no number"));
  EXPECT_THAT(refused("c:f(x) if x[ == 1"), HasSubstr("byte"));
  EXPECT_THAT(refused("c:f(x) if **x == 1"), HasSubstr("no argument"));
  EXPECT_THAT(refused("c:f(x) if x[1][2][3] == 1"), HasSubstr("pointers"));
  EXPECT_THAT(refused("c:f(x) if x==1&&x==1&&x==1&&x==1&&x==1&&x==1&&x==1"), HasSubstr("more than"));
}

TEST(ProbeSpec, Mistakes) {
  EXPECT_THAT(refused("c:f(x"), HasSubstr("open"));
  EXPECT_THAT(refused("c:f {stack"), HasSubstr("open"));
  EXPECT_THAT(refused("c:f {registers}"), HasSubstr("cannot be recorded"));
  EXPECT_THAT(refused("c:f(double x)"), HasSubstr("general register"));
  EXPECT_THAT(refused("c:f(a,b,c,d,e,f,g)"), HasSubstr("registers"));
  EXPECT_THAT(refused("c:f() rest"), HasSubstr("rest"));
  EXPECT_THAT(refused(""), HasSubstr("names no program"));
}

TEST(ProbeSpec, CompletedByDebugInformation) {
  ProbeSpec spec = parsed("c:f if level == 3");
  EXPECT_TRUE(complete(spec, {}).has_value());
  Parameter level{"level", *parse_type("int"), 2};
  EXPECT_FALSE(complete(spec, {level}).has_value());
  EXPECT_EQ(spec.predicate[0].argument, 2u);
  EXPECT_EQ(spec.parameters.size(), 1u);
  ProbeSpec other = parsed("c:f if depth == 3");
  auto problem = complete(other, {level});
  ASSERT_TRUE(problem.has_value());
  EXPECT_THAT(problem->line(), HasSubstr("there is: level"));
  // Names of the specification stay.
  ProbeSpec named = parsed("c:f(x) if x == 3");
  EXPECT_FALSE(complete(named, {level}).has_value());
  EXPECT_EQ(named.parameters[0].name, "x");
}

// Every cut of a specification is either one or a mistake, never a crash.
TEST(ProbeSpec, CutAnywhere) {
  const std::string text = "lib:ns::f(int a, char *b) if a == -1 && b[16] != 0x3 || *b > 7 { args, stack }";
  for (size_t size = 0; size <= text.size(); ++size) {
    auto spec = parse_probe(text.substr(0, size));
    if (spec) continue;
    EXPECT_FALSE(spec.error().what.empty());
  }
}

TEST(ProbeSpec, Arguments) {
  auto shown = [](const char* type, uint64_t bits) { return format_argument(*parse_type(type), bits, std::nullopt); };
  EXPECT_EQ(shown("int", 0x12345678ffffffff), "-1");
  EXPECT_EQ(shown("unsigned int", 0x12345678ffffffff), "4294967295");
  EXPECT_EQ(shown("size_t", UINT64_MAX), "18446744073709551615");
  EXPECT_EQ(shown("short", 0xffff8000), "-32768");
  EXPECT_EQ(shown("bool", 0x100), "false");
  EXPECT_EQ(shown("char", 'a'), "97 'a'");
  EXPECT_EQ(shown("struct tty *", 0), "0x0");
  EXPECT_EQ(format_argument(*parse_type("const char *"), 16, "a\"b"), "0x10 \"a\\\"b\"");
  EXPECT_FALSE(parse_type("double").has_value());
}

TEST(ProbeSpec, Patterns) {
  EXPECT_TRUE(matches("*term", "set_curterm"));
  EXPECT_TRUE(matches("a*b*c", "axxbyyc"));
  EXPECT_TRUE(matches("?b*", "abc"));
  EXPECT_FALSE(matches("*term", "terms"));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_FALSE(matches(std::string(50, '*') + "x", std::string(10'000, 'a')));
}

}  // namespace
}  // namespace inquest::probes
