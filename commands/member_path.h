// `--path a.b[3].c`: names of members, from the outermost in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "postmortem/model/result.h"

namespace inquest::commands {

/// Names are separated by dots; [3], ['with "quotes" or dots'] and ["..."] stand for names too, with \ before a quote.
/// A mistake is a usage error that says where it is.
Result<std::vector<std::string>> parse_member_path(std::string_view text);

}  // namespace inquest::commands
