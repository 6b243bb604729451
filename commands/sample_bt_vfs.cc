// `sample-bt-vfs`: who reads and writes files.
#include <memory>
#include <utility>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/registry.h"
#include "commands/sampling.h"
#include "commands/session.h"

namespace inquest::commands {
namespace {

class SampleBtVfs : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto request = common_request(spec(), args);
    if (!request) return std::move(request).error();
    request->what = SampleRequest::What::kFiles;
    bool both = args.has("reads") == args.has("writes");
    request->reads = both || args.has("reads");
    request->writes = both || args.has("writes");
    request->latency = args.has("latency");
    request->any_file = args.has("any");
    SampleUnit bytes{.name = "bytes"}, time{.name = "us", .divisor = 1000};
    return run_sampling(session, spec(), args, std::move(*request), request->latency ? time : bytes);
  }
};

}  // namespace

std::unique_ptr<const Command> make_sample_bt_vfs() {
  CommandSpec spec = sampling_spec(
      "sample-bt-vfs", "who reads and writes files: stacks by bytes or by time",
      "The stack of each system call that has read or written a file: read and write with their relatives pread64, "
      "readv, "
      "preadv, preadv2 and pwrite64, writev, pwritev, pwritev2. The weight is the bytes, or the microseconds with "
      "--latency. Files "
      "are regular files and block devices; --any takes pipes, sockets and terminals too. What is read and written "
      "without such "
      "a call (mmap, io_uring, sendfile, splice) is not seen.",
      {{.short_name = 'r', .long_name = "reads", .help = "reads only"},
       {.short_name = 'w', .long_name = "writes", .help = "writes only"},
       {.long_name = "latency", .help = "weigh by the time that the calls take, in microseconds, instead of bytes"},
       {.long_name = "any", .help = "pipes, sockets and terminals too"}});
  spec.examples = {{"sample-bt-vfs -p 4711 -t 5 > a.bt", "as the tool of openresty-systemtap-toolkit"},
                   {"sample-bt-vfs -p 4711 -t 5 -r --latency", "which reads take long"},
                   {"sample-bt-vfs -w --svg writes.svg -- ./program", "a flame graph of a whole run"}};
  return std::make_unique<SampleBtVfs>(std::move(spec));
}

}  // namespace inquest::commands
