// Calls with arguments of many types, then dies.
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
namespace ns {
enum Color { RED, GREEN };
enum class Mode : unsigned char { On = 1, Off = 2 };
enum Flags { FA = 1, FB = 2, FC = 4 };
struct S {
  int a;
  int f(int);
};
typedef S T;
}  // namespace ns
int global = 3;
union U {
  int a;
  float b;
};
#define NOI __attribute__((noinline))
NOI void die(int n) {
  if (n) raise(SIGABRT);
}
NOI void f1(bool b, char c, signed char sc, unsigned char uc, short s, int i, unsigned u, long l,
            unsigned long long ull, char16_t c16, char32_t c32, wchar_t wc) {
  die(1);
}
NOI void f2(float f, double d, long double ld, ns::Color c, ns::Mode m, ns::Flags fl, ns::Flags f2, ns::Flags f3,
            ns::Color unk, __int128 i128, unsigned __int128 u128) {
  f1(true, 'x', -1, 200, -5, -7, 7u, -9l, ~0ull, u'a', U'b', L'c');
}
NOI void f3(const char* s, const char* n, char* bad, const char* lng, const char* rep, void* p, int* g, void (*fp)(int),
            int (*arr)[3], const wchar_t* ws, unsigned char* uc, const char16_t* s16, const char* esc) {
  f2(0.1f, 0.1, 0.1L, ns::GREEN, ns::Mode::Off, ns::FB, ns::Flags(3), ns::Flags(9), ns::Color(7), -5,
     ~(unsigned __int128)0);
}
NOI void f4(int& r, const int& cr, int&& rr, std::string s, std::string& sr, const std::string* sp, ns::S st, ns::T* t,
            U un, int ns::S::*mp, int (ns::S::*mf)(int), decltype(nullptr) np, double& dr, const char*& csr,
            _Complex double cd) {
  std::string lng(300, 'q');
  for (int i = 0; i < 300; i++) lng[i] = 'a' + i % 26;
  f3("hello", nullptr, (char*)8, lng.c_str(), "abcxxxxxxxxxxxxxxxxxxxxxxxxxdef", (void*)0x1234, &global, die, nullptr,
     L"wide", (unsigned char*)"uns", u"sixteen", "tab\tq\"\\ \x01\xc3\xa9 \n123");
}
int ns::S::f(int x) {
  int y = x;
  const char* cs = "ref";
  double d = 2.5;
  std::string s = "str";
  f4(y, 5, 7, s, s, &s, *this, this, U(), &ns::S::a, &ns::S::f, nullptr, d, cs, 1.5 + 2.0i);
  return 1;
}
int main(int argc, char** argv) {
  ns::S s;
  s.a = 4;
  return s.f(3);
}
