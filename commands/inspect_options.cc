#include "commands/inspect_options.h"

#include <algorithm>
#include <limits>

namespace inquest::commands {
namespace {
constexpr uint64_t kJsonElements = 10000;
constexpr uint64_t kJsonText = 100000;
constexpr uint64_t kLlnodeLength = 16;
}  // namespace

std::vector<OptionSpec> length_options() {
  return {
      {.short_name = 'F', .long_name = "full-string", .help = "strings to their end"},
      {.short_name = 'l',
       .long_name = "length",
       .kind = OptionSpec::Kind::kNumber,
       .value_name = "N",
       .help = "characters of a string and elements of an array, else 16 (JSON: 100,000 and 10,000); properties, where "
               "that is more than 1,024"},
  };
}

std::vector<OptionSpec> detail_options() {
  return {
      {.short_name = 'm', .long_name = "print-map", .help = "with the address of the hidden class"},
      {.short_name = 's', .long_name = "print-source", .help = "with the source text of functions"},
  };
}

v8::InspectOptions inspect_options(const Args& args, uint32_t depth) {
  v8::InspectOptions options;
  options.depth = depth;
  uint64_t length = args.number("length").value_or(kLlnodeLength);
  bool chosen = args.number("length").has_value();
  options.max_elements = args.json() && !chosen ? kJsonElements : length;
  options.max_text = args.json() && !chosen ? kJsonText : length;
  options.max_properties = std::max(options.max_properties, args.json() && !chosen ? kJsonElements : length);
  if (args.has("full-string")) options.max_text = std::numeric_limits<uint32_t>::max();
  options.map = args.has("print-map");
  options.source = args.has("print-source");
  return options;
}

}  // namespace inquest::commands
