#include "commands/stack_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "commands/stack_output.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

constexpr size_t kMaxRows = 200'000;
constexpr uint32_t kMaxFrames = 1'000'000;
constexpr uint32_t kNoNumber = UINT32_MAX;
constexpr size_t kMaxKept = 32'000'000;  // numbers of frames: 128 MB twice

std::string json_object(const std::function<void(JsonWriter&)>& write) {
  std::string text;
  {
    Output output([&](std::string_view block) {
      text.append(block);
      return true;
    });
    JsonWriter json(output);
    json.begin_object();
    write(json);
    json.end_object();
  }
  return text;
}

std::string bt_line(Address pc, const std::string& name, uint64_t offset, uint64_t size, std::string_view module) {
  std::string line = fmt::format(" {:#x} : ", pc.value());
  line +=
      name.empty() ? fmt::format("{:#x}", pc.value()) : fmt::format("{}+{:#x}/{:#x}", escape_text(name), offset, size);
  return module.empty() ? line : fmt::format("{} [{}]", line, escape_text(module));
}

/// The function as the linker knows it: by its symbol, else by debug information.
std::string bt_line(const NativeStack& stack, const NativeFrame& frame) {
  const Frame& physical = stack.physical(frame);
  if (frame.script != nullptr) return bt_line(physical.pc, folded_name(stack, frame), 0, 0, {});
  if (frame.module == nullptr) return bt_line(physical.pc, std::string(frame.location.function), 0, 0, {});
  const Module& module = *frame.module;
  uint64_t at = module.link_time(physical.lookup_pc()), behind = physical.pc - physical.lookup_pc();
  if (module.symbols) {
    auto symbol = module.symbols->covering(at);
    if (symbol && symbol->is_function && !symbol->is_tls) {
      std::string name(symbol->name.substr(0, symbol->name.find('@')));  // behind it stands a version
      return bt_line(physical.pc, name, at - symbol->value + behind, symbol->size, module.path);
    }
  }
  const CodeLocation& location = frame.location;
  std::string name(location.linkage_name.empty() ? location.function : location.linkage_name);
  uint64_t start = location.function_start;
  uint64_t offset = start != 0 && start <= at ? at - start + behind : 0;
  return bt_line(physical.pc, name, offset, 0, module.path);
}

}  // namespace

size_t StackProfile::KeyHash::operator()(const FrameKey& key) const {
  size_t hash = std::hash<std::string>()(key.function);
  for (uint64_t part : {key.pc, uint64_t{key.line} << 8 | key.flags, uint64_t{std::hash<std::string>()(key.module)}})
    hash = (hash ^ part) * 0x9e3779b97f4a7c15;
  return hash;
}

void StackProfile::add(const ProbeEvent& event, const NativeStack& stack, const ProbeEventSource& source) {
  ++samples_;
  weight_ += event.weight;
  Row row;
  for (Address pc : event.kernel) row.frames.push_back(kernel_number_of(pc, source));
  for (size_t i = 0; i < stack.frames.size(); ++i) row.frames.push_back(number_of(stack, i));
  auto [thread, is_new] = thread_numbers_.try_emplace(event.comm, static_cast<uint32_t>(threads_.size()));
  if (is_new) threads_.push_back(event.comm);
  row.thread = thread->second;
  std::string key(reinterpret_cast<const char*>(row.frames.data()), row.frames.size() * sizeof(uint32_t));
  key.append(reinterpret_cast<const char*>(&row.thread), sizeof row.thread);
  auto known = known_.find(key);
  if (known == known_.end()) {
    bool is_full = rows_.size() >= kMaxRows || kept_ + row.frames.size() > kMaxKept;
    if (is_full || std::ranges::count(row.frames, kNoNumber) > 0) {
      ++beyond_;
      return;
    }
    kept_ += row.frames.size();
    known = known_.emplace(std::move(key), rows_.size()).first;
    rows_.push_back(std::move(row));
  }
  ++rows_[known->second].count;
  rows_[known->second].weight += event.weight;
}

uint32_t StackProfile::number_of(const NativeStack& stack, size_t index) {
  const NativeFrame& frame = stack.frames[index];
  // Functions inlined at a place come before the one whose code it is.
  bool is_inlined = index + 1 < stack.frames.size() && stack.frames[index + 1].physical == frame.physical;
  const Frame& physical = stack.physical(frame);
  FrameKey key{
      .pc = physical.pc.value(),
      .function = std::string(function_name(stack, frame)),
      .module = frame.script != nullptr   ? frame.script->file
                : frame.module != nullptr ? frame.module->path
                                          : "",
      .line = frame.location.line,
      .flags = static_cast<uint8_t>(static_cast<int>(physical.found_by) << 2 | physical.exact_pc << 1 | is_inlined)};
  if (frames_.size() >= kMaxFrames && !numbers_.contains(key)) return kNoNumber;
  auto [known, is_new] = numbers_.try_emplace(std::move(key), static_cast<uint32_t>(frames_.size()));
  if (is_new) frames_.push_back(text_of(stack, frame, is_inlined));
  return known->second;
}

StackProfile::FrameText StackProfile::text_of(const NativeStack& stack, const NativeFrame& frame, bool is_inlined) {
  // Programs that read the lines can look up what native code has inlined, but no function of a script.
  bool is_script = frame.script != nullptr;
  return {.json = json_object([&](JsonWriter& json) { write_frame_members(json, stack, frame); }),
          .folded = folded_name(stack, frame),
          .bt = is_inlined && !is_script ? "" : bt_line(stack, frame),
          .kind = kind_of(frame)};
}

uint32_t StackProfile::kernel_number_of(Address pc, const ProbeEventSource& source) {
  auto [known, is_new] = kernel_numbers_.try_emplace(pc.value(), static_cast<uint32_t>(frames_.size()));
  if (!is_new) return known->second;
  KernelFunction function = source.kernel_function(pc);
  frames_.push_back({.json = json_object([&](JsonWriter& json) {
                       json.field("kind", "kernel");
                       json.field_if_known("function", function.name);
                       json.field("module", function.module);
                       json.field("inlined", false);
                       json.field("pc", pc);
                     }),
                     .folded = function.name.empty() ? "[kernel]" : folded_word(function.name) + "_[k]",
                     .bt = bt_line(pc, function.name, function.offset, function.size, function.module),
                     .kind = FlameFrame::Kind::kKernel});
  return known->second;
}

std::vector<const StackProfile::Row*> StackProfile::sorted(const Shape& shape) const {
  std::vector<const Row*> rows;
  for (const Row& row : rows_) rows.push_back(&row);
  std::ranges::stable_sort(rows, std::greater{}, &Row::weight);
  if (shape.limit != 0 && rows.size() > shape.limit) rows.resize(shape.limit);
  return rows;
}

void StackProfile::write_bt(Output& output, const Shape& shape) const {
  // Neither threads nor inlined functions are in this format.
  std::map<std::vector<uint32_t>, uint64_t> weights;
  for (const Row& row : rows_) {
    std::vector<uint32_t> frames;
    std::ranges::copy_if(row.frames, std::back_inserter(frames),
                         [this](uint32_t number) { return !frames_[number].bt.empty(); });
    weights[std::move(frames)] += row.weight;
  }
  std::vector<std::pair<uint64_t, const std::vector<uint32_t>*>> rows;
  for (const auto& [frames, weight] : weights) rows.emplace_back(weight, &frames);
  std::ranges::stable_sort(rows, std::greater{}, [](const auto& row) { return row.first; });
  if (shape.limit != 0 && rows.size() > shape.limit) rows.resize(shape.limit);
  for (const auto& [weight, frames] : rows) {
    for (uint32_t number : *frames) {
      output.append(frames_[number].bt);
      output.append('\n');
    }
    output.print("\t{}\n", divided(weight, shape));
    if (!output.ok()) return;
  }
}

void StackProfile::write_folded(Output& output, const Shape& shape) const {
  // Of other addresses in the same functions the lines are the same.
  std::map<std::string, uint64_t> lines;
  for (const Row* row : sorted(shape)) {
    std::string line = folded_word(threads_[row->thread]);
    for (size_t i = row->frames.size(); i-- > 0;) line += ";" + frames_[row->frames[i]].folded;
    lines[std::move(line)] += row->weight;
  }
  for (const auto& [line, weight] : lines) {
    if (uint64_t units = divided(weight, shape); units > 0) output.print("{} {}\n", line, units);
  }
}

void StackProfile::write_json(JsonWriter& json, const Shape& shape) const {
  json.begin_rows("rows");
  for (const Row* row : sorted(shape)) {
    json.begin_object();
    json.field("weight", divided(row->weight, shape));
    json.field("count", row->count);
    json.field("thread", threads_[row->thread]);
    std::string frames = "[";
    for (size_t i = 0; i < row->frames.size(); ++i) {
      frames += fmt::format("{}{{\"index\": {}, ", i == 0 ? "" : ", ", i);
      frames.append(frames_[row->frames[i]].json, 1);
    }
    json.raw_field("frames", frames + "]");
    json.end_object();
    if (!json.ok()) break;
  }
  json.end_array();
  json.begin_object("total");
  json.field("stacks", rows_.size());
  json.field("count", samples_);
  json.field("weight", divided(weight_, shape));
  json.end_object();
}

FlameGraph StackProfile::graph() const {
  FlameGraph graph;
  for (const Row& row : rows_) {
    graph.begin_stack(row.weight);
    graph.push({.name = threads_[row.thread], .kind = FlameFrame::Kind::kThread});
    for (size_t i = row.frames.size(); i-- > 0;)
      graph.push({.name = frames_[row.frames[i]].folded, .kind = frames_[row.frames[i]].kind});
  }
  return graph;
}

}  // namespace inquest::commands
