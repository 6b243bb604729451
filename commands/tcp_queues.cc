// `tcp-accept-queue` and `tcp-recv-queue`: how full the queues of a TCP port are, and how long connections and bytes
// wait.
#include <fmt/format.h>
#include <time.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/time_distribution.h"
#include "postmortem/model/kernel_watch.h"

namespace inquest::commands {
namespace {

using What = TcpWatchRequest::What;

/// "Tue May 14 12:29:15 2013 PDT", as ctime(3) and the time zone.
std::string date_text(int64_t wall_time) {
  time_t seconds = wall_time / 1'000'000'000;
  tm parts = {};
  char text[64] = {};
  if (!localtime_r(&seconds, &parts) || strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y %Z", &parts) == 0) return "?";
  return text;
}

std::string_view name_of(const QueueOverflow& overflow) {
  return overflow.queue == QueueOverflow::Queue::kSyn ? "SYN" : "ACK backlog";
}

/// Each overflow as it comes.
class OverflowBody : public ReportBody {
 public:
  explicit OverflowBody(std::unique_ptr<TcpWatch> watch) : watch_(std::move(watch)) {}

  bool works_while_writing() const override { return true; }
  bool is_only_memory() const override { return false; }

  void write_text(Output& output) const override {
    while (auto overflow = next(output)) {
      output.print("[{}] {} queue is overflown: {} > {}\n", date_text(overflow->wall_time), name_of(*overflow),
                   overflow->length, overflow->limit);
      output.flush();
    }
  }
  void write_json(JsonWriter& json) const override {
    json.begin_rows("rows");
    while (auto overflow = json.ok() ? watch_->next() : std::nullopt) {
      ++seen_;
      json.begin_object();
      json.field("time", overflow->wall_time / 1'000'000'000);
      json.field("queue", overflow->queue == QueueOverflow::Queue::kSyn ? "syn" : "accept");
      json.field("length", overflow->length);
      json.field("limit", overflow->limit);
      json.field("dropped", overflow->dropped);
      json.end_object();
    }
    json.end_array();
  }
  void add_late_notes(Report& report) const override {
    if (seen_ == 0) report.note("no queue was overflown");
    for (std::string& note : watch_->notes()) report.warn(std::move(note)), report.incomplete = true;
  }

 private:
  std::optional<QueueOverflow> next(const Output& output) const {
    auto overflow = output.ok() ? watch_->next() : std::nullopt;
    seen_ += overflow.has_value();
    return overflow;
  }

  std::unique_ptr<TcpWatch> watch_;
  mutable uint64_t seen_ = 0;
};

/// What was measured until the end.
class DistributionBody : public ReportBody {
 public:
  DistributionBody(std::unique_ptr<TcpWatch> watch, const TcpWatchRequest& request)
      : watch_(std::move(watch)), request_(request) {}

  bool works_while_writing() const override { return true; }
  bool is_only_memory() const override { return false; }

  void write_text(Output& output) const override {
    if (request_.seconds > 0) {
      output.print("Tracing port {}...\nPlease wait for {} seconds.\n\n", request_.port, request_.seconds);
    } else {
      output.print("Tracing port {}...\nHit Ctrl-C to end.\n\n", request_.port);
    }
    output.flush();
    measure();
    if (request_.what == What::kAcceptLengths) {
      output.print("SYN queue length limit: {}\nAccept queue length limit: {}\n\n", queues_.syn_limit,
                   queues_.accept_limit);
      section(output, "SYN Queue", syn_);
      section(output, "Accept Queue", accept_);
    } else if (request_.what == What::kAcceptLatency) {
      section(output, "Accept Queueing Latency Distribution (microsends)", latency_);  // as ever, in the old tool too
    } else {
      section(output, "Distribution of First-In-First-Out Latency (us) in TCP Receive Queue", latency_);
    }
  }

  void write_json(JsonWriter& json) const override {
    measure();
    json.field("port", request_.port);
    if (request_.what == What::kReceiveLatency) return object(json, "receive_latency_us", latency_);
    json.field("sockets", queues_.sockets);
    json.field("dropped", queues_.dropped);
    if (request_.what == What::kAcceptLatency) return object(json, "accept_latency_us", latency_);
    json.field("syn_limit", queues_.syn_limit);
    json.field("accept_limit", queues_.accept_limit);
    object(json, "syn_queue", syn_);
    object(json, "accept_queue", accept_);
  }

  void add_late_notes(Report& report) const override {
    if (queues_.dropped > 0)
      report.note(fmt::format("{} connection requests were dropped meanwhile: they are in no queue", queues_.dropped));
    for (std::string& note : watch_->notes()) report.warn(std::move(note)), report.incomplete = true;
  }

 private:
  void measure() const {
    queues_ = watch_->finish([this](TcpWatch::Series series, uint64_t value) {
      TimeDistribution& to = series == TcpWatch::Series::kSynQueue      ? syn_
                             : series == TcpWatch::Series::kAcceptQueue ? accept_
                                                                        : latency_;
      to.add(value);
    });
  }

  static void section(Output& output, std::string_view title, const TimeDistribution& of) {
    output.print("=== {} ===\n", title);
    if (of.count() == 0) output.append("No samples observed so far.\n\n");
    of.write_text(output);
  }
  static void object(JsonWriter& json, std::string_view key, const TimeDistribution& of) {
    json.begin_object(key);
    of.write_json(json);
    json.end_object();
  }

  std::unique_ptr<TcpWatch> watch_;
  TcpWatchRequest request_;
  mutable TimeDistribution syn_, accept_, latency_;
  mutable TcpQueues queues_;
};

/// What would be done.
class DryBody : public ReportBody {
 public:
  explicit DryBody(const TcpWatchRequest& request) : port_(request.port), what_(request.what) {}
  void write_text(Output& output) const override {
    for (std::string_view name : points()) output.print("{}, TCP port {}\n", name, port_);
  }
  void write_json(JsonWriter& json) const override {
    json.field("dry_run", true);
    json.field("port", port_);
    json.begin_array("tracepoints");
    for (std::string_view name : points()) json.element(name);
    json.end_array();
  }

 private:
  std::vector<std::string_view> points() const {
    switch (what_) {
      case What::kAcceptOverflow: break;
      case What::kAcceptLengths: return {"iterator tcp", "tracepoint sk_data_ready"};
      case What::kAcceptLatency: return {"iterator tcp", "tracepoint inet_sock_set_state", "tracepoint sys_exit"};
      case What::kReceiveLatency:
        return {"tracepoint sk_data_ready", "tracepoint sock_recv_length", "tracepoint inet_sock_set_state"};
    }
    return {"iterator tcp"};
  }
  uint16_t port_;
  What what_;
};

Result<Report> watch(Session& session, const Args& args, std::string_view port_option, What what) {
  auto port = args.number(port_option);
  if (!port || *port == 0 || *port > UINT16_MAX)
    return usage_error(fmt::format("missing or wrong --{}", port_option), "a TCP port of this machine, 1 to 65535");
  TcpWatchRequest request{.what = what,
                          .port = static_cast<uint16_t>(*port),
                          .limit = args.number("limit").value_or(0),
                          .seconds = args.number("time").value_or(0)};
  Report report;
  if (args.has("dry-run")) {
    report.body = std::make_unique<DryBody>(request);
    return report;
  }
  auto started = session.watch_tcp(request);
  if (!started) return std::move(started).error();
  if (what == What::kAcceptOverflow) {
    report.body = std::make_unique<OverflowBody>(std::move(*started));
  } else {
    report.body = std::make_unique<DistributionBody>(std::move(*started), request);
  }
  return report;
}

class TcpAcceptQueue : public Command {
 public:
  using Command::Command;
  Result<Report> run(Session& session, const Args& args) const override {
    What what = args.has("distr")     ? What::kAcceptLengths
                : args.has("latency") ? What::kAcceptLatency
                                      : What::kAcceptOverflow;
    return watch(session, args, "port", what);
  }
};

class TcpRecvQueue : public Command {
 public:
  using Command::Command;
  Result<Report> run(Session& session, const Args& args) const override {
    return watch(session, args, "dport", What::kReceiveLatency);
  }
};

using Kind = OptionSpec::Kind;

OptionSpec time_option() {
  return {.long_name = "time",
          .kind = Kind::kNumber,
          .value_name = "SEC",
          .default_value = "0",
          .help = "end after SEC seconds, 0 for never"};
}

OptionSpec dry_option() {
  return {.short_name = 'd', .long_name = "dry-run", .help = "say what would be watched, and do nothing"};
}

}  // namespace

std::unique_ptr<const Command> make_tcp_accept_queue() {
  CommandSpec spec{
      .name = {"tcp-accept-queue"},
      .summary = "queues of a listening TCP port: overflows, lengths, time until accept",
      .description =
          "Watches the sockets that listen on a port of this machine until Control-C or the end of the time. Without "
          "--distr and --latency each overflow is told as it happens: connection requests were dropped because too "
          "many connections waited to be accepted (ACK backlog), or for the end of their handshake (SYN). The sockets "
          "are read a hundred times a second, so what is dropped in a hundredth of a second is one overflow.\n\n"
          "--distr shows how long both queues are when a connection is ready to be accepted, itself counted; "
          "--latency how long connections wait for accept(2), in microseconds. What io_uring accepts is not seen. "
          "Overflows "
          "are those of this network namespace; lengths and times those of all namespaces with that port.\n\n"
          "JSON: rows [{time, queue, length, limit, dropped}]; with --distr and --latency: port, sockets, dropped, "
          "syn_limit, accept_limit, syn_queue, accept_queue, accept_latency_us, each with distribution {count, min, "
          "average, max, histogram [{low, high, count}]}.",
      .examples = {{"tcp-accept-queue --port 80", "tell the first ten overflows"},
                   {"tcp-accept-queue --port 80 --distr --time 10", "how full the queues are"},
                   {"tcp-accept-queue --port 80 --latency", "how long connections wait, until Control-C"}},
      .needs_core = false,
  };
  spec.options = {
      {.long_name = "port", .kind = Kind::kNumber, .value_name = "N", .help = "the local port"},
      {.long_name = "limit",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "10",
       .help = "end after N overflows, 0 for never"},
      {.long_name = "distr", .excludes = "what", .help = "show how long the queues are"},
      {.long_name = "latency", .excludes = "what", .help = "show how long connections wait to be accepted"},
      time_option(),
      dry_option(),
  };
  return std::make_unique<TcpAcceptQueue>(std::move(spec));
}

std::unique_ptr<const Command> make_tcp_recv_queue() {
  CommandSpec spec{
      .name = {"tcp-recv-queue"},
      .summary = "how long bytes wait in the receive queues of a TCP port",
      .description =
          "Measures for each read from a connection with this local port how long the first byte had waited in the "
          "receive queue, until Control-C or the end of the time, in microseconds. Of what a read leaves in the queue "
          "it is only known that it came no later than the latest bytes, so its time may be longer than shown. "
          "splice(2) and io_uring are not seen.\n\n"
          "JSON: port, receive_latency_us with distribution {count, min, average, max, histogram [{low, high, "
          "count}]}.",
      .examples = {{"tcp-recv-queue --dport 3306 --time 10", "does the server fetch requests at once?"}},
      .needs_core = false,
  };
  spec.options = {
      {.long_name = "dport", .kind = Kind::kNumber, .value_name = "N", .help = "the local port, to which packets go"},
      time_option(),
      dry_option(),
  };
  return std::make_unique<TcpRecvQueue>(std::move(spec));
}

}  // namespace inquest::commands
