#include "postmortem/model/demangle.h"

// The header declares a function of C, basename, unless told that somebody else has.
#define HAVE_DECL_BASENAME 1
#include <libiberty/demangle.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace inquest {
namespace {

// abi::__cxa_demangle of libstdc++ is the same code with two differences that rule it out: it knows no name of more
// than 1024 bytes (cp-demangle.c, DEMANGLE_RECURSION_LIMIT), and it gives no way to stop where references to references
// make gigabytes of a name of 300 bytes.
//
// The parser calls itself for each nesting: a name of 16 KB that consists of nothing else takes 3 to 4 MB of stack, of
// the 8 MB that threads have. Names of real template instances have some KB.
constexpr size_t kMaxMangled = 16 * 1024;
constexpr size_t kMaxDemangled = 256 * 1024;

/// Thrown through the demangler's frames, which hold nothing that would have to be freed: the variant with a callback
/// takes all its memory from the stack.
struct TooLong : std::exception {};

void append(const char* text, size_t size, void* to) {
  std::string& demangled = *static_cast<std::string*>(to);
  if (size > kMaxDemangled - demangled.size()) throw TooLong();
  demangled.append(text, size);
}

bool opens(char c) { return c == '(' || c == '<' || c == '[' || c == '{'; }
bool closes(char c) { return c == ')' || c == '>' || c == ']' || c == '}'; }

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

constexpr std::string_view kOperator = "operator";

// The length of the symbol of an operator at the start of `text`: of "<<(int)" 2; 0 for names ("new", "bool").
size_t operator_symbol(std::string_view text) {
  if (text.starts_with("()") || text.starts_with("[]")) return 2;
  for (std::string_view symbol : {"<=>", "<<=", ">>=", "->*", "<<", ">>", "<=", ">=", "->", "<", ">"})
    if (text.starts_with(symbol)) return symbol.size();
  return 0;
}

struct Scan {
  size_t parameters = std::string_view::npos;  // where the last list at the outermost level begins
  size_t name = 0;                             // where the name begins: behind the return type
};

// One pass from the left that knows nesting, and that brackets in names of operators do not nest.
Scan scan(std::string_view text) {
  Scan found;
  int depth = 0;
  bool conversion = false;  // behind "operator", where a space is part of the name
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == 'o' && text.substr(i).starts_with(kOperator) && (i == 0 || !is_word(text[i - 1])) &&
        (i + kOperator.size() >= text.size() || !is_word(text[i + kOperator.size()]))) {
      i += kOperator.size();
      i += operator_symbol(text.substr(std::min(i, text.size())));
      if (depth == 0) conversion = true;
      --i;
    } else if (opens(c)) {
      if (c == '(' && depth == 0) found.parameters = i;
      ++depth;
    } else if (c == '>' && i > 0 && text[i - 1] == '-') {
      continue;  // the arrow of a function's type
    } else if (closes(c)) {
      if (depth > 0) --depth;
      // "foo(int)::bar(char)": what came so far is the scope of a local name.
      if (depth == 0 && text.substr(i + 1).starts_with("::")) {
        found.parameters = std::string_view::npos;
        conversion = false;
      }
    } else if (c == ' ' && depth == 0) {
      if (found.parameters != std::string_view::npos) break;  // " const", " [clone .cold]"
      if (!conversion) found.name = i + 1;
    }
  }
  return found;
}

/// Rust's names: "_R..." (v0), or those of C++ with a hash for the last part, "17h" and 16 digits (legacy), in which
/// "$LT$" stands for "<" (doc.rust-lang.org/rustc/symbol-mangling). The demangler looks closely.
bool may_be_rust(std::string_view name) {
  constexpr size_t kHash = 16;
  if (name.starts_with("_R")) return true;
  size_t hash = name.rfind("17h");
  return name.starts_with("_ZN") && hash != std::string_view::npos && name.size() >= hash + 3 + kHash + 1 &&
         name[hash + 3 + kHash] == 'E';
}

}  // namespace

bool demangle(std::string_view name, std::string* demangled) {
  demangled->clear();
  bool rust = may_be_rust(name);
  if ((!rust && !name.starts_with("_Z")) || name.size() > kMaxMangled) return false;
  std::string text(name);
  try {
    if (rust && rust_demangle_callback(text.c_str(), 0, append, demangled) != 0) return !demangled->empty();
    demangled->clear();
    constexpr int kOptions = DMGL_PARAMS | DMGL_TYPES | DMGL_NO_RECURSE_LIMIT;
    if (cplus_demangle_v3_callback(text.c_str(), kOptions, append, demangled) == 0) return false;
  } catch (const TooLong&) {
    demangled->clear();
    return false;
  }
  return !demangled->empty();
}

std::optional<std::string> demangle(std::string_view name) {
  std::string demangled;
  return demangle(name, &demangled) ? std::optional(std::move(demangled)) : std::nullopt;
}

std::string_view without_parameters(std::string_view demangled) {
  Scan found = scan(demangled);
  if (found.parameters == std::string_view::npos || found.parameters <= found.name) return demangled;
  return demangled.substr(found.name, found.parameters - found.name);
}

}  // namespace inquest
