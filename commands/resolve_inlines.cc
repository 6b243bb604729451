// `resolve-inlines`: sampled backtraces with the functions that were inlined into their frames.
#include "commands/backtrace_file/command.h"
#include "commands/registry.h"

namespace inquest::commands {
namespace {

class ResolveInlines : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    return backtrace_file::rewrite(session, args, false);
  }
};

}  // namespace

std::unique_ptr<const Command> make_resolve_inlines() {
  return std::make_unique<ResolveInlines>(CommandSpec{
      .name = {"resolve-inlines"},
      .summary = "add inlined functions to sampled backtraces",
      .description = "Writes the backtraces again. A frame into whose code other functions were inlined becomes one "
                     "frame for each of them, innermost first: in a .bt file \" 0xADDR : FUNCTION+0x0/0x0 "
                     "[FILE:LINE]\", elsewhere in the shape of the input.\n\n" +
                     backtrace_file::rewrite_description(),
      .options = backtrace_file::rewrite_options(),
      .positionals = backtrace_file::rewrite_positionals(),
      .examples = {{"resolve-inlines a.bt /opt/app/bin/app > b.bt", "as the tool of openresty-systemtap-toolkit"},
                   {"resolve-inlines a.bt /opt/app/bin/app -C --folded | flamegraph.pl > a.svg", "for a flame graph"},
                   {"resolve-inlines --maps app.maps a.bt /opt/app/bin/app", "a program that can be loaded anywhere"},
                   {"resolve-inlines - /opt/app/bin/app --json", "from a pipe, for a script"}},
      .needs_core = false,
      .is_program = true,
  });
}

}  // namespace inquest::commands
