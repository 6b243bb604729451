// A queue that is full leaves no trace but a count: a listening socket counts what it dropped (struct sock, sk_drops),
// without saying which of its two queues had no room. So it is read every few milliseconds; when the count has grown,
// the lengths at that moment tell. Requests are dropped while a queue is full, and it stays full until somebody
// accepts, so that moment is rarely missed; where it was, the drops are counted and said.
#include "ncurses_probes/samplers/tcp_queues.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include "ncurses_probes/attach/bpf_support.h"
#include "ncurses_probes/bpf/watch.h"
#include "ncurses_probes/samplers/watch_end.h"
#include "ncurses_probes/tcp.skel.h"

namespace inquest::probes {
namespace {

constexpr int kPollMilliseconds = 10;
constexpr size_t kMaxListeners = 4096;

using What = TcpWatchRequest::What;

struct Destroy {
  void operator()(inquest_tcp* skeleton) const { inquest_tcp__destroy(skeleton); }
};
struct FreeRing {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

int64_t wall_time() {
  timespec time = {};
  clock_gettime(CLOCK_REALTIME, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

class LiveTcpWatch : public TcpWatch {
 public:
  explicit LiveTcpWatch(const TcpWatchRequest& request) : request_(request) {}

  std::optional<Error> start() {
    auto end = WatchEnd::prepare(0, request_.seconds);
    if (!end) return std::move(end).error();
    end_ = std::move(*end);
    keep_libbpf_messages();
    skeleton_.reset(inquest_tcp__open());
    if (!skeleton_) return missing_right(errno, "cannot prepare the program that watches queues");
    skeleton_->rodata->port = request_.port;
    auto& programs = skeleton_->progs;
    bool reads = request_.what == What::kReceiveLatency, accepts = request_.what == What::kAcceptLatency;
    bpf_program__set_autoload(programs.on_connection, request_.what == What::kAcceptLengths);
    bpf_program__set_autoload(programs.on_state, accepts);
    bpf_program__set_autoload(programs.on_accepted, accepts);
    bpf_program__set_autoload(programs.on_bytes, reads);
    bpf_program__set_autoload(programs.on_read, reads);
    bpf_program__set_autoload(programs.on_close, reads);
    if (int failure = inquest_tcp__load(skeleton_.get()); failure != 0)
      return missing_right(-failure, "cannot load the program that watches queues");
    if (int failure = inquest_tcp__attach(skeleton_.get()); failure != 0)
      return missing_right(-failure, "cannot watch queues");
    ring_.reset(ring_buffer__new(bpf_map__fd(skeleton_->maps.samples), take_sample, this, nullptr));
    if (!ring_) return missing_right(errno, "cannot read what was measured");
    if (auto problem = look_at_listeners()) return problem;
    if (known_.empty() && !reads) {
      return unusable(fmt::format("nobody listens on TCP port {}", request_.port),
                      "its server must run, in this network namespace");
    }
    return std::nullopt;
  }

  std::optional<QueueOverflow> next() override {
    while (overflows_.empty()) {
      if (request_.limit != 0 && reported_ >= request_.limit) return std::nullopt;
      if (end_->wait(kPollMilliseconds)) return std::nullopt;
      if (auto problem = look_at_listeners()) notes_.push_back(problem->line());
      if (!notes_.empty()) return std::nullopt;
    }
    QueueOverflow overflow = overflows_.front();
    overflows_.pop_front();
    ++reported_;
    return overflow;
  }

  TcpQueues finish(const std::function<void(Series, uint64_t)>& sample) override {
    sample_ = &sample;
    bool ended = false;
    while (!ended && notes_.empty()) {
      ended = end_->wait(kPollMilliseconds);
      ring_buffer__consume(ring_.get());
      if (auto problem = look_at_listeners()) notes_.push_back(problem->line());
    }
    inquest_tcp__detach(skeleton_.get());
    ring_buffer__consume(ring_.get());
    sample_ = nullptr;
    queues_.sockets = known_.size();
    return queues_;
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = notes_;
    if (uint64_t lost = skeleton_->bss->dropped_samples; lost > 0)
      notes.push_back(fmt::format("{} measurements found no room in the buffer and are lost", lost));
    if (uint64_t lost = skeleton_->bss->not_kept; lost > 0)
      notes.push_back(fmt::format("{} waits are not measured: too many at once", lost));
    if (unexplained_ > 0 && request_.what == What::kAcceptOverflow) {
      notes.push_back(
          fmt::format("{} connection requests were dropped while no queue was seen full: it was for a moment, or they "
                      "were dropped for another reason",
                      unexplained_));
    }
    return notes;
  }

 private:
  static int take_sample(void* self, void* data, size_t size) {
    auto* watch = static_cast<LiveTcpWatch*>(self);
    inquest_queue_sample sample;
    if (size < sizeof sample || !watch->sample_) return 0;
    std::memcpy(&sample, data, sizeof sample);
    if (sample.kind == INQUEST_LATENCY) {
      (*watch->sample_)(Series::kLatency, sample.value / 1000);
    } else {
      (*watch->sample_)(Series::kSynQueue, sample.syn_length);
      (*watch->sample_)(Series::kAcceptQueue, sample.value);
    }
    return 0;
  }

  /// The listening sockets as they are now.
  std::optional<Error> look_at_listeners() {
    int reader = bpf_iter_create(bpf_link__fd(skeleton_->links.list_listeners));
    if (reader < 0) return missing_right(errno, "cannot list sockets");
    std::vector<inquest_listener> listeners(kMaxListeners);
    size_t bytes = 0, room = kMaxListeners * sizeof(inquest_listener);
    ssize_t got = 0;
    while (bytes < room && (got = read(reader, reinterpret_cast<char*>(listeners.data()) + bytes, room - bytes)) > 0)
      bytes += static_cast<size_t>(got);
    int failure = errno;
    close(reader);
    if (got < 0 && failure != EINTR && failure != EAGAIN) return missing_right(failure, "cannot list sockets");
    listeners.resize(bytes / sizeof(inquest_listener));
    for (const inquest_listener& one : listeners) look_at(one);
    return std::nullopt;
  }

  void look_at(const inquest_listener& now) {
    queues_.accept_limit = std::max<uint64_t>(queues_.accept_limit, now.accept_limit);
    // A request is refused when as many wait for the end of their handshake as may wait to be accepted
    // (include/net/inet_connection_sock.h, inet_csk_reqsk_queue_is_full).
    queues_.syn_limit = std::max<uint64_t>(queues_.syn_limit, now.accept_limit);
    auto [known, is_new] = known_.emplace(now.socket, now.dropped);
    uint32_t dropped = now.dropped - std::exchange(known->second, now.dropped);
    if (is_new || dropped == 0) return;
    // The count begins anew with another socket at the same address.
    if (dropped > UINT32_MAX / 2) return;
    queues_.dropped += dropped;
    QueueOverflow overflow{.wall_time = wall_time(), .length = 0, .limit = now.accept_limit, .dropped = dropped};
    if (now.accept_length > now.accept_limit) {
      overflow.length = now.accept_length;
    } else if (now.syn_length >= now.accept_limit) {
      overflow.queue = QueueOverflow::Queue::kSyn;
      overflow.length = now.syn_length;
    } else {
      unexplained_ += dropped;
      return;
    }
    overflows_.push_back(overflow);
  }

  TcpWatchRequest request_;
  std::unique_ptr<WatchEnd> end_;
  std::unique_ptr<inquest_tcp, Destroy> skeleton_;
  std::unique_ptr<ring_buffer, FreeRing> ring_;
  const std::function<void(Series, uint64_t)>* sample_ = nullptr;
  std::map<uint64_t, uint32_t> known_;  ///< by socket: what it had dropped when it was seen last
  std::deque<QueueOverflow> overflows_;
  std::vector<std::string> notes_;
  TcpQueues queues_;
  uint64_t reported_ = 0, unexplained_ = 0;
};

}  // namespace

Result<std::unique_ptr<TcpWatch>> watch_tcp(const TcpWatchRequest& request) {
  auto watch = std::make_unique<LiveTcpWatch>(request);
  if (auto problem = watch->start()) return *std::move(problem);
  return std::unique_ptr<TcpWatch>(std::move(watch));
}

}  // namespace inquest::probes
