// `sample-bt`: where running processes use processor time.
#include <memory>
#include <utility>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/registry.h"
#include "commands/sampling.h"
#include "commands/session.h"

namespace inquest::commands {
namespace {

class SampleBt : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    if (!args.has("user") && !args.has("kernel"))
      return usage_error("Neither -u nor -k is specified",
                         "choose to sample in the user space, in the kernel space or in both");
    auto request = common_request(spec(), args);
    if (!request) return std::move(request).error();
    request->what = SampleRequest::What::kOnCpu;
    request->user = args.has("user");
    request->kernel = args.has("kernel");
    request->frequency = args.number("frequency").value_or(request->frequency);
    if (request->frequency == 0) return usage_error("sample-bt: --frequency must be above 0");
    return run_sampling(session, spec(), args, std::move(*request), {.name = "samples"});
  }
};

}  // namespace

std::unique_ptr<const Command> make_sample_bt() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec = sampling_spec("sample-bt", "where running processes use processor time: sampled stacks",
                                   "At each tick of a clock on each CPU, the stack of the thread that runs there is "
                                   "taken; the weight of a stack is how "
                                   "often it was seen, so weight / frequency is its processor time in seconds. -u "
                                   "takes the stacks in the program, also where "
                                   "the tick hits a system call of it; -k those in the kernel, of ticks that hit the "
                                   "kernel; -u -k both, the kernel's first.",
                                   {{.short_name = 'u', .long_name = "user", .help = "sample in the user space"},
                                    {.short_name = 'k', .long_name = "kernel", .help = "sample in the kernel space"},
                                    {.short_name = 'F',
                                     .long_name = "frequency",
                                     .kind = Kind::kNumber,
                                     .value_name = "HZ",
                                     .default_value = "997",
                                     .help = "ticks in a second"}});
  spec.examples = {
      {"sample-bt -p 4711 -t 5 -u > a.bt", "as the tool of openresty-systemtap-toolkit"},
      {"sample-bt -u --svg cpu.svg -- ./program", "a flame graph of a whole run"},
      {"sample-bt -p 4711 -t 10 -uk --folded", "with functions of the kernel, for other flame graph programs"},
      {"sample-bt -p 4711 -u -d", "what would be attached"}};
  return std::make_unique<SampleBt>(std::move(spec));
}

}  // namespace inquest::commands
