// What the commands of one session have printed, so that later ones can name it: $N.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace inquest::commands {

/// Numbered from 1 in the order of printing, over all commands of a session; never numbered anew.
class PrintedValues {
 public:
  void add(uint64_t word) {
    if (words_.size() < kMost) words_.push_back(word);
  }
  uint64_t count() const { return words_.size(); }

  /// The tagged word that was printed as $`number`.
  std::optional<uint64_t> at(uint64_t number) const {
    if (number == 0 || number > words_.size()) return std::nullopt;
    return words_[number - 1];
  }

 private:
  static constexpr uint64_t kMost = 1u << 24;  ///< 128 MB; nobody types the number of a later one

  std::vector<uint64_t> words_;
};

}  // namespace inquest::commands
