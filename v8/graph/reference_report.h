// What a search for references finds. Plain values; nothing in them refers to the core.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postmortem/model/address.h"
#include "v8/graph/edge.h"
#include "v8/reachability.h"

namespace inquest::v8 {

/// One way in which a value is held.
struct Reference {
  Address holder;      ///< tagged; null when the row is a place (ReferenceQuery::places)
  std::string type;    ///< of the holder: constructor name, "(String)", or V8's own name: "Context", "FixedArray"
  bool of_v8 = false;  ///< the holder is no JavaScript object or string
  EdgeName edge;
  std::string key;       ///< of the value of a Map's entry: its key in llnode's style
  std::string function;  ///< of functions: the holder's name
  Address store;         ///< the object of V8 in which the reference lies, when that is not the holder itself
  Address value;         ///< what is held, tagged; null when it is a number that is no object
  bool root = false;     ///< something outside of the heap keeps the holder alive
  std::string text;      ///< the value in llnode's style: "<String: \"abc\">"
};

/// What is looked for, and whether the answer is who refers to it or where it is.
struct ReferenceQuery {
  enum class By : uint8_t {
    kValue,      ///< the object `word`
    kNumber,     ///< `number`: Smis, heap numbers, doubles in arrays and objects
    kName,       ///< objects with a property called `text`
    kString,     ///< strings that are `text`
    kSubstring,  ///< strings that contain `text`
    kRegex,      ///< strings in which the regular expression `text` matches
  };
  By by = By::kValue;
  uint64_t word = 0;
  double number = 0;
  std::string text = {};  ///< UTF-8
  /// Of strings and heap numbers: they themselves (Reference::holder is null), not what refers to them.
  bool places = false;
  Reachability which = Reachability::kLive;  ///< of the holders, with `places` of what is found
  bool internal = false;  ///< with the objects of V8 between a value and its holder, and with hidden classes
  uint64_t skip = 0;
  uint64_t limit = 0;  ///< rows in all, 0: no limit
};

struct References {
  std::vector<Reference> rows;  ///< by holder
  uint64_t more = 0;            ///< holders, or places, that were left out because of the limit
  uint64_t total = 0;           ///< places in all; 0 when rows are references
  uint64_t searched_bytes = 0;  ///< characters of strings that were looked at
  /// Whole sentences about what may be missing.
  std::vector<std::string> remarks;
  /// Whole sentences that are good to know, but take nothing from the answer.
  std::vector<std::string> hints;
};

}  // namespace inquest::v8
