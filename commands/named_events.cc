#include "commands/named_events.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace inquest::commands {
namespace {

constexpr size_t kMaxBytes = 64 << 20;  // of stacks that wait

class NamedEvents : public ProbeEventSource {
 public:
  NamedEvents(std::unique_ptr<ProbeEventSource> source, std::shared_ptr<EventStacks> names)
      : source_(std::move(source)), names_(std::move(names)), thread_([this] { name_all(); }) {}
  ~NamedEvents() override {
    stop();
    thread_.join();
  }

  void stop() override {
    source_->stop();
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  Result<std::optional<ProbeEvent>> next() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !events_.empty() || ended_; });
    if (events_.empty()) {
      if (problem_) return *std::exchange(problem_, std::nullopt);
      return std::optional<ProbeEvent>();
    }
    std::optional<ProbeEvent> event = std::move(events_.front());
    events_.pop_front();
    bytes_ -= size_of(*event);
    changed_.notify_all();
    return event;
  }

  TraceStatistics statistics() const override { return source_->statistics(); }
  std::vector<std::string> notes() const override { return source_->notes(); }
  std::vector<std::string> remarks() const override { return source_->remarks(); }
  KernelFunction kernel_function(Address pc) const override { return source_->kernel_function(pc); }

 private:
  static size_t size_of(const ProbeEvent& event) {
    return sizeof event + event.stack.size() + event.other_stack.size() + 256 * event.script_frames.size();
  }

  void name_all() {
    while (true) {
      auto event = source_->next();
      bool is_last = !event || !*event;
      if (!is_last) names_->name_scripts(**event);
      std::unique_lock lock(mutex_);
      if (!event) problem_ = event.error();
      if (!is_last) {
        bytes_ += size_of(**event);
        events_.push_back(**std::move(event));
      }
      ended_ = is_last;
      changed_.notify_all();
      if (is_last) return;
      changed_.wait(lock, [&] { return bytes_ < kMaxBytes || stopped_; });
      if (stopped_) events_.clear(), bytes_ = 0;
    }
  }

  std::unique_ptr<ProbeEventSource> source_;
  std::shared_ptr<EventStacks> names_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ProbeEvent> events_;
  size_t bytes_ = 0;
  bool ended_ = false, stopped_ = false;
  std::optional<Error> problem_;
  std::thread thread_;  ///< the last: it uses the others
};

}  // namespace

std::unique_ptr<ProbeEventSource> name_scripts_at_once(std::unique_ptr<ProbeEventSource> source,
                                                       std::shared_ptr<EventStacks> names) {
  return std::make_unique<NamedEvents>(std::move(source), std::move(names));
}

}  // namespace inquest::commands
