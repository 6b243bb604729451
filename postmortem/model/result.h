// Recoverable failures as values. A Result<T> holds either a T or an Error; nothing throws across a library border.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace inquest {

/// What went wrong, why, and what the user can try; printed as one line.
struct Error {
  enum class Kind : uint8_t {
    kUsage,       ///< wrong words on the command line (exit status 2)
    kUnusable,    ///< the core, executable or file cannot be used at all (exit status 3)
    kIncomplete,  ///< part of the answer is missing (exit status 1)
  };
  Kind kind = Kind::kUnusable;
  std::string what;  ///< "cannot open /tmp/core: Permission denied"
  std::string hint;  ///< what to try, may be empty: "run as the owner of the file"

  /// The one line shown to a user: what, then the hint in parentheses.
  std::string line() const { return hint.empty() ? what : what + " (" + hint + ")"; }
  /// Context is added on the way up: "CONTEXT: what".
  Error with_context(const std::string& context) && {
    what = context + ": " + what;
    return std::move(*this);
  }
};

inline Error unusable(std::string what, std::string hint = {}) {
  return Error{Error::Kind::kUnusable, std::move(what), std::move(hint)};
}
inline Error usage_error(std::string what, std::string hint = {}) {
  return Error{Error::Kind::kUsage, std::move(what), std::move(hint)};
}
inline Error incomplete(std::string what, std::string hint = {}) {
  return Error{Error::Kind::kIncomplete, std::move(what), std::move(hint)};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit on purpose
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace inquest
