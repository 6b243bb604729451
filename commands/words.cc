#include "commands/words.h"

#include <algorithm>
#include <numeric>

namespace inquest::commands {
namespace {

/// Words longer than this are no misspelling of anything; the distance below is quadratic.
constexpr size_t kLongestWord = 64;

/// Edits (insert, delete, replace, swap of neighbours) from `from` to `to`; three rows of the usual table.
size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<size_t> before_last(to.size() + 1), last(to.size() + 1), row(to.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= from.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      size_t replaced = last[j - 1] + (from[i - 1] != to[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[to.size()];
}

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    char character = line[i];
    bool blank = character == ' ' || character == '\t' || character == '\n';
    if (quote == 0 && blank) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote == 0 && (character == '\'' || character == '"')) {
      quote = character;
    } else if (character == quote && quote != 0) {
      quote = 0;
    } else if (character == '\\' && quote != '\'' && i + 1 < line.size() &&
               (quote == 0 || std::string_view("\"\\$`").find(line[i + 1]) != std::string_view::npos)) {
      words.back() += line[++i];
    } else {
      words.back() += character;
    }
  }
  if (quote != 0) return usage_error("quote not closed in: " + std::string(line));
  return words;
}

std::optional<std::string> nearest_word(std::string_view word, std::span<const std::string> candidates) {
  std::optional<std::string> best;
  if (word.size() > kLongestWord) return best;
  for (const std::string& candidate : candidates) {
    if (word.size() >= 3 && candidate.starts_with(word)) return candidate;
  }
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace inquest::commands
