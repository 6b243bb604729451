// Splitting a command line into words, and guessing which word was meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/model/result.h"

namespace inquest::commands {

/// Splits as the (lldb) prompt and the shell do: blanks separate, '...' is literal, in "..." a backslash escapes
/// quote, backslash, dollar and backquote, elsewhere it escapes any character. An open quote is a usage error.
Result<std::vector<std::string>> split_words(std::string_view line);

/// The candidate that `word` is most likely a misspelling of, or nothing when none is near enough.
std::optional<std::string> nearest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace inquest::commands
