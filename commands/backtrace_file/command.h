// What `resolve-inlines` and `resolve-src-lines` share: their options and how they run.
#pragma once

#include "commands/args.h"
#include "commands/command.h"
#include "commands/report.h"
#include "commands/session.h"

namespace inquest::commands::backtrace_file {

std::vector<OptionSpec> rewrite_options();
std::vector<PositionalSpec> rewrite_positionals();
/// The paragraphs of the help text about input, addresses and output.
std::string rewrite_description();

Result<Report> rewrite(Session& session, const Args& args, bool every_line);

}  // namespace inquest::commands::backtrace_file
