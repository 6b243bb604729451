// `sample-bt-off-cpu`: where running processes wait.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/registry.h"
#include "commands/sampling.h"
#include "commands/session.h"

namespace inquest::commands {
namespace {

constexpr uint64_t kMaxMicroseconds = UINT64_MAX / 1000;

class SampleBtOffCpu : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto request = common_request(spec(), args);
    if (!request) return std::move(request).error();
    request->what = SampleRequest::What::kOffCpu;
    request->kernel = args.has("kernel");
    request->user = args.has("user") || !request->kernel;
    uint64_t least = args.number("min").value_or(4);
    if (least > kMaxMicroseconds) return usage_error(fmt::format("sample-bt-off-cpu: --min={} is too much", least));
    request->min_wait = least * 1000;
    request->only_blocked = args.has("blocked");
    if (args.has("distr")) return run_distribution(session, spec(), args, std::move(*request));
    return run_sampling(session, spec(), args, std::move(*request), {.name = "us", .divisor = 1000});
  }
};

}  // namespace

std::unique_ptr<const Command> make_sample_bt_off_cpu() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec = sampling_spec(
      "sample-bt-off-cpu", "where running processes wait: stacks of threads that are off the CPU",
      "Each time a thread leaves its CPU its stack is taken; the weight is for how many microseconds it was away, "
      "until it "
      "runs again. That is waiting for locks, timers, disks and other processes, and for a free CPU; --blocked leaves "
      "out "
      "threads that could have run on. A thread that is away when sampling ends counts up to then.",
      {{.short_name = 'u', .long_name = "user", .help = "take the stacks in the user space; the default without -k"},
       {.short_name = 'k', .long_name = "kernel", .help = "take the stacks in the kernel space; with -u both"},
       {.long_name = "min",
        .kind = Kind::kNumber,
        .value_name = "US",
        .default_value = "4",
        .help = "leave out waits shorter than this, in microseconds"},
       {.long_name = "blocked", .help = "only where a thread had to wait, not where it was taken off for another one"},
       {.long_name = "distr", .help = "print no stacks, but how long the waits were, by powers of two"}});
  spec.examples = {{"sample-bt-off-cpu -p 4711 -t 5 > a.bt", "as the tool of openresty-systemtap-toolkit"},
                   {"sample-bt-off-cpu -p 4711 -t 5 --distr --min=1", "how long the waits are"},
                   {"sample-bt-off-cpu --blocked --svg waits.svg -- ./program", "a flame graph of a whole run"}};
  return std::make_unique<SampleBtOffCpu>(std::move(spec));
}

}  // namespace inquest::commands
