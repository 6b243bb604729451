#include "commands/event_pairing.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "commands/event_output.h"

namespace inquest::commands {
namespace {

constexpr size_t kMaxEvents = 1'000'000;  // kept of one file; stacks make them large
constexpr size_t kMaxFiles = 64;          // looked into beside a core

/// A process id comes again; the kernel's random bytes do not.
bool is_of_process(const ProbeEvent& event, const ProcessFacts& facts) {
  if (facts.at_random && event.at_random) return *facts.at_random == *event.at_random;
  return event.pid == facts.pid;
}

/// "2.1 ms", "350 us", "4.0 s".
std::string duration_text(int64_t nanoseconds) {
  double value = static_cast<double>(nanoseconds);
  if (value < 1e3) return fmt::format("{} ns", nanoseconds);
  if (value < 1e6) return fmt::format("{:.0f} us", value / 1e3);
  if (value < 1e9) return fmt::format("{:.1f} ms", value / 1e6);
  if (value < 120e9) return fmt::format("{:.1f} s", value / 1e9);
  return fmt::format("{:.0f} min", value / 60e9);
}

std::string place_text(const NativeFrame& frame) {
  std::string text(frame.location.function.empty() ? "??" : frame.location.function);
  if (!frame.location.file.empty()) {
    text += " at " + std::string(frame.location.file);
    if (frame.location.line != 0) text += fmt::format(":{}", frame.location.line);
  } else if (frame.module != nullptr) {
    text += " in " + frame.module->path.substr(frame.module->path.rfind('/') + 1);
  }
  return text;
}

/// The first frame that is not the function itself: who called it.
const NativeFrame* caller_of(const ProbeEvent& event, const NativeStack& stack) {
  if (stack.frames.empty()) return nullptr;
  bool is_call = event.kind == ProbeEvent::Kind::kCall;
  if (!is_call) return &stack.frames[0];
  for (const NativeFrame& frame : stack.frames)
    if (frame.physical > 0) return &frame;
  return nullptr;
}

}  // namespace

std::optional<int64_t> PairedEvents::before_death(const ProbeEvent& event) const {
  if (!death || event.wall_time > *death) return std::nullopt;
  return *death - event.wall_time;
}

Result<PairedEvents> pair_events(const Session& session, ProbeEventSource& source, bool only_paired) {
  PairedEvents paired;
  const ProcessFacts* facts = session.has_target() ? &session.target().facts() : nullptr;
  paired.is_paired = facts != nullptr;
  while (true) {
    auto event = source.next();
    if (!event) return std::move(event).error();
    if (!*event) break;
    bool is_own = facts == nullptr || is_of_process(**event, *facts);
    if (is_own && facts != nullptr && (*event)->kind == ProbeEvent::Kind::kSignal && (*event)->is_fatal) {
      paired.death = (*event)->wall_time;
      paired.death_is_exact = true;
      paired.signal = (*event)->signal;
    }
    if (!is_own && only_paired) {
      ++paired.others;
      continue;
    }
    paired.events.push_back(**std::move(event));
    if (paired.events.size() >= kMaxEvents) break;
  }
  // A core is finished some time after the death; without anything better that is the limit.
  if (facts != nullptr && !paired.death && facts->core_time > 0) paired.death = (facts->core_time + 1) * 1'000'000'000;
  return paired;
}

std::string event_sentence(const ProbeEvent& event, const NativeStack& stack, const PairedEvents& paired) {
  std::string text;
  auto before = paired.before_death(event);
  bool is_death = event.kind == ProbeEvent::Kind::kSignal && event.is_fatal;
  if (before && is_death && *before == 0) {
    text = "the crash: ";
  } else if (before) {
    text = fmt::format("{}{} before the crash, ", paired.death_is_exact ? "" : "at most ", duration_text(*before));
  } else {
    text = fmt::format("{} pid {}, ", clock_text(event.wall_time), event.pid);
  }
  const NativeFrame* caller = caller_of(event, stack);
  std::string place = caller != nullptr ? place_text(*caller) : "";
  std::string title = event_title(event);
  switch (event.kind) {
    case ProbeEvent::Kind::kCall:
      return text + fmt::format("thread {} called {}{}", event.tid, title, place.empty() ? "" : " from " + place);
    case ProbeEvent::Kind::kReturn:
      return text + fmt::format("thread {} got back {}{}", event.tid, title, place.empty() ? "" : " in " + place);
    case ProbeEvent::Kind::kSignal:
      return text + fmt::format("thread {} got {}{}", event.tid, title, place.empty() ? "" : ", in " + place);
    case ProbeEvent::Kind::kSample: break;  // in no event file
  }
  return text;
}

std::optional<EventFileBesideCore> find_event_file(const Session& session) {
  namespace fs = std::filesystem;
  const std::string& core = session.target().facts().core_path;
  if (core.empty() || !session.hooks().open_events) return std::nullopt;
  std::error_code error;
  std::vector<std::string> candidates;
  for (const auto& entry : fs::directory_iterator(fs::path(core).parent_path(), error)) {
    if (entry.path().extension() == ".events" && candidates.size() < kMaxFiles) candidates.push_back(entry.path());
  }
  std::ranges::sort(candidates);
  for (const std::string& path : candidates) {
    auto source = session.open_events(path);
    if (!source) continue;
    auto paired = pair_events(session, **source, true);
    // By process id alone the file may be of another run.
    bool is_sure =
        paired && !paired->events.empty() && session.target().facts().at_random && paired->events.front().at_random;
    if (is_sure) return EventFileBesideCore{path, std::move(*paired)};
  }
  return std::nullopt;
}

}  // namespace inquest::commands
