#include "commands/ordered_parts.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace inquest::commands {
namespace {

constexpr size_t kAhead = 4;  // parts of each writer that may wait for their turn

class OrderedParts {
 public:
  using Write = std::function<void(size_t writer, size_t part, Output& text)>;

  OrderedParts(Output& output, size_t parts, const Write& write) : output_(output), parts_(parts), write_(write) {}

  void run() {
    std::vector<std::jthread> helpers;
    for (size_t writer = 1; writer < std::min(writer_count(), parts_); ++writer) {
      try {
        helpers.emplace_back([this, writer] { help(writer); });
      } catch (const std::system_error&) {  // no more threads to be had
        break;
      }
    }
    put_out_all();
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  std::string text_of(size_t writer, size_t part) const {
    std::string text;
    {
      Output blocks([&](std::string_view block) { return text.append(block), true; });
      write_(writer, part, blocks);
    }
    return text;
  }

  bool may_take() const { return taken_ < parts_ && taken_ < put_out_ + kAhead * writer_count(); }

  void help(size_t writer) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopped_ || taken_ == parts_ || may_take(); });
      if (stopped_ || taken_ == parts_) return;
      size_t part = taken_++;
      lock.unlock();
      std::string text = text_of(writer, part);
      lock.lock();
      ready_.emplace(part, std::move(text));
      if (part == put_out_) changed_.notify_all();
    }
  }

  /// The calling thread writes too while the part whose turn it is is in the hands of another.
  void put_out_all() {
    std::unique_lock lock(mutex_);
    while (put_out_ < parts_ && output_.ok()) {
      auto ready = ready_.find(put_out_);
      if (ready != ready_.end()) {
        std::string text = std::move(ready->second);
        ready_.erase(ready);
        lock.unlock();
        output_.append(text);
        lock.lock();
      } else if (taken_ == put_out_) {
        size_t part = taken_++;
        lock.unlock();
        write_(0, part, output_);
        lock.lock();
      } else if (may_take()) {
        size_t part = taken_++;
        lock.unlock();
        std::string text = text_of(0, part);
        lock.lock();
        ready_.emplace(part, std::move(text));
        continue;
      } else {
        changed_.wait(lock, [&] { return ready_.contains(put_out_); });
        continue;
      }
      ++put_out_;
      changed_.notify_all();
    }
  }

  Output& output_;
  const size_t parts_;
  const Write& write_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t taken_ = 0, put_out_ = 0;       ///< parts
  std::map<size_t, std::string> ready_;  ///< by part
  bool stopped_ = false;
};

}  // namespace

size_t writer_count() { return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 16); }

void write_in_order(Output& output, size_t parts,
                    const std::function<void(size_t writer, size_t part, Output& text)>& write) {
  OrderedParts(output, parts, write).run();
}

}  // namespace inquest::commands
