// `resolve-src-lines`: sampled backtraces with the file and line of every frame.
#include "commands/backtrace_file/command.h"
#include "commands/registry.h"

namespace inquest::commands {
namespace {

class ResolveSrcLines : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    return backtrace_file::rewrite(session, args, true);
  }
};

}  // namespace

std::unique_ptr<const Command> make_resolve_src_lines() {
  return std::make_unique<ResolveSrcLines>(CommandSpec{
      .name = {"resolve-src-lines"},
      .summary = "add file and line, and inlined functions, to sampled backtraces",
      .description = "Writes the backtraces again. A frame whose line is known becomes one frame for each function "
                     "inlined there and one for the function itself, innermost first: in a .bt file \" 0xADDR : "
                     "FUNCTION(FILE:LINE)+0x0/0x0 [FILE:LINE]\", so that flame graphs tell lines apart; elsewhere in "
                     "the shape of the input.\n\n" +
                     backtrace_file::rewrite_description(),
      .options = backtrace_file::rewrite_options(),
      .positionals = backtrace_file::rewrite_positionals(),
      .examples = {{"resolve-src-lines a.bt /opt/app/bin/app > b.bt", "as the tool of openresty-systemtap-toolkit"},
                   {"resolve-src-lines --core core a.bt --columns", "all files from a core of the same process"},
                   {"resolve-src-lines stacks.txt ./app", "the output of perf script, bpftrace or eu-stack"}},
      .needs_core = false,
      .is_program = true,
  });
}

}  // namespace inquest::commands
