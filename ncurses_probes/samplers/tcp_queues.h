// The queues of TCP sockets on a local port: of listening sockets, and of those that receive.
#pragma once

#include <memory>

#include "postmortem/model/kernel_watch.h"
#include "postmortem/model/result.h"

namespace inquest::probes {

/// Begins to watch. Errors: nobody listens on the port (of the accept queues), rights or abilities of the kernel that
/// are missing: lengths need Linux 6.2 (tracepoint sk_data_ready), reading 6.3 (sock_recv_length).
Result<std::unique_ptr<TcpWatch>> watch_tcp(const TcpWatchRequest& request);

}  // namespace inquest::probes
