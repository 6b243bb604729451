#include "commands/backtrace_file/rewriter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "commands/backtrace_file/names.h"
#include "commands/backtrace_file/scan.h"
#include "commands/ordered_parts.h"
#include "commands/text_escape.h"

namespace inquest::commands::backtrace_file {
namespace {

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// In folded stacks a semicolon would end the frame.
void append_folded(Output& output, std::string_view text) {
  if (is_plain_ascii(text) && text.find(';') == std::string_view::npos) return output.append(text);
  std::string clean = escape_text(text);
  std::ranges::replace(clean, ';', ':');
  output.append(clean);
}

}  // namespace

Rewriter::Rewriter(std::unique_ptr<Input> input, const Format& format, std::unique_ptr<Session> core,
                   std::unique_ptr<ProcessMap> map, RewriteOptions options)
    : input_(std::move(input)), format_(format), core_(std::move(core)), map_(std::move(map)), options_(options) {
  if (options_.names == Names::kFormat) {
    options_.names = format.mangled_names && !options_.folded ? Names::kLinkage : Names::kShort;
  }
  input_->set_format(format);
}

void Rewriter::add_late_notes(Report& report) const {
  map_->add_notes(report);
  if (!input_->failure().empty()) {
    report.warn(fmt::format("{} could not be read to its end: {}", input_->name(), input_->failure()));
    report.incomplete = true;
  }
  if (long_lines_ > 0) {
    report.warn(
        fmt::format("{} pieces of more than 64 MiB without the end of a stack were not looked at", long_lines_));
    report.incomplete = true;
  }
}

void Rewriter::resolve_block() {
  batches_.clear();
  demangled_.clear();
  found_.assign(block_.frames.size(), {});
  for (const Line& line : block_.lines) long_lines_ += line.too_long;
  place_block();
  look_up_batches();
  settle_inlined();
}

/// Makes link-time addresses of all frames; those that want the load address of their object get it from the other
/// frames of their stack, else from the file as a whole when it speaks of one process only.
void Rewriter::place_block() {
  if (format_.numbers_inlines) {
    for (size_t i = 1; i < block_.frames.size(); ++i) {
      FrameLine& frame = block_.frames[i];
      const FrameLine& inner = block_.frames[i - 1];
      if (inner.exact && frame.address == inner.address && frame.symbol != inner.symbol) frame.exact = true;
    }
  }
  std::vector<Placement> placements(block_.frames.size());
  for (size_t i = 0; i < placements.size(); ++i) {
    Placement& placement = placements[i] = map_->place(block_.frames[i]);
    if (!placement.bias) continue;
    Object& object = *placement.object;
    object.several_biases |= object.bias && *object.bias != *placement.bias;
    object.bias = placement.bias;
  }
  auto complete = [&](size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) {
      Placement& placement = placements[i];
      if (!placement.wants_bias) continue;
      auto same = std::find_if(placements.begin() + static_cast<ptrdiff_t>(first),
                               placements.begin() + static_cast<ptrdiff_t>(end),
                               [&](const Placement& other) { return other.object == placement.object && other.bias; });
      bool in_stack = same != placements.begin() + static_cast<ptrdiff_t>(end);
      if (!in_stack && placement.object->several_biases) continue;
      auto bias = in_stack ? same->bias : placement.object->bias;
      if (!bias) continue;
      uint64_t link_time = *block_.frames[i].address - *bias;
      if (placement.object->file->has_code_at(link_time - !block_.frames[i].exact)) placement.link_time = link_time;
    }
  };
  size_t first = 0;
  for (const Line& line : block_.lines) {
    if (line.meaning.begins_stack) complete(first, line.first_frame), first = line.first_frame;
    size_t end = line.first_frame + line.frame_count;
    if (line.meaning.ends_stack) complete(first, end), first = end;
  }
  complete(first, placements.size());
  for (size_t i = 0; i < placements.size(); ++i) {
    const Placement& placement = placements[i];
    if (placement.object == nullptr) continue;
    if (!placement.link_time || map_->debug_info(*placement.object) == nullptr) {
      ++placement.object->unplaced;
      continue;
    }
    Batch& batch = batches_[placement.object];
    if (batch.slots.empty()) batch.slots.reserve(placements.size());
    uint64_t address = *placement.link_time - !block_.frames[i].exact;
    auto [slot, is_new] = batch.slots.emplace(address, static_cast<uint32_t>(batch.addresses.size()));
    if (is_new) batch.addresses.push_back(address);
    found_[i].batch = &batch;
    found_[i].slot = slot->second;
  }
}

void Rewriter::look_up_batches() {
  for (auto& [object, batch] : batches_) {
    batch.locations = object->info->locate(batch.addresses);
    object->looked_up += batch.addresses.size();
    batch.has_line.resize(batch.addresses.size());
    for (size_t i = 0; i < batch.addresses.size(); ++i) {
      auto locations = batch.locations.of(i);
      batch.has_line[i] = std::ranges::any_of(locations, [](const CodeLocation& at) { return at.line != 0; });
      object->with_line += batch.has_line[i];
    }
  }
  for (Found& found : found_) {
    if (found.batch == nullptr) continue;
    auto locations = found.batch->locations.of(found.slot);
    found.first = locations.data();
    found.count = static_cast<uint32_t>(locations.size());
    found.has_line = found.batch->has_line[found.slot];
  }
}

/// Inlined functions that the input lists already are not to be listed twice.
void Rewriter::settle_inlined() {
  const auto& frames = block_.frames;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (!frames[i].inlined) continue;
    size_t outer = i;
    while (outer < frames.size() && frames[outer].inlined) ++outer;
    if (outer < frames.size() && frames[outer].address == frames[i].address) {
      found_[i].dropped = found_[outer].has_line && found_[outer].count > 1;
    }
  }
  if (!format_.numbers_inlines) return;
  for (size_t i = 0; i < frames.size();) {
    size_t end = i + 1;
    bool same_name = true;
    for (; end < frames.size() && frames[end].address == frames[i].address; ++end)
      same_name = same_name && frames[end].symbol == frames[i].symbol;
    // A recursion repeats return addresses as well, but under one name.
    size_t run = end - i, count = found_[i].count;
    if (run > 1 && !same_name && count > 1 && run % count == 0) {
      for (size_t k = 0; k < run; ++k) {
        Found& found = found_[i + k];
        found.first += k % count;
        found.count = 1;
        found.listed = true;
        found.has_line = found.first->line != 0;
      }
    }
    i = end;
  }
}

/// The tools that these commands replace leave a frame alone unless they know more than the line says.
bool Rewriter::is_rewritten(const FrameLine& frame, const Found& found) const {
  if (found.count == 0) return false;
  bool nameless = frame.symbol.empty() && !format_.mangled_names;
  if (nameless) return true;
  if (!found.has_line) return false;
  return options_.every_line || (found.count > 1 && !found.listed);
}

std::string_view Rewriter::name_of(const CodeLocation& location) {
  std::string_view linkage = location.linkage_name, plain = location.function;
  if (linkage.empty() || (options_.names == Names::kShort && !plain.empty())) linkage = plain;
  if (linkage.empty()) return "??";
  if (options_.names != Names::kFull) return linkage;
  auto [entry, is_new] = demangled_.emplace(linkage, std::string());
  if (is_new) entry->second = demangled(linkage);
  return entry->second;
}

void Rewriter::append_name(Output& output, const CodeLocation& location) { append_escaped(output, name_of(location)); }

/// FILE:LINE, or the module where not even the file is known.
void Rewriter::append_place(Output& output, const CodeLocation& location, const FrameLine* frame) {
  std::string_view file = options_.full_paths ? location.file : base_name(location.file);
  if (file.empty()) {
    if (frame != nullptr && !frame->module.empty()) return append_escaped(output, base_name(frame->module));
    return output.append("??:?");
  }
  append_escaped(output, file);
  if (location.line == 0) return output.append(":?");
  output.append(':');
  output.append(fmt::format_int(location.line).c_str());
  if (!options_.columns || location.column == 0) return;
  output.append(':');
  output.append(fmt::format_int(location.column).c_str());
}

void Rewriter::write_frame(Output& output, const FrameLine& frame, const Found& found) {
  const Shape& shape = *frame.shape;
  for (uint32_t i = 0; i < found.count; ++i) {
    const CodeLocation& location = found.first[i];
    output.append(frame.head);
    output.append(shape.before_name);
    append_name(output, location);
    if (options_.every_line && format_.mangled_names) {
      output.append('(');
      append_place(output, location, nullptr);
      output.append(')');
    }
    output.append(shape.after_name);
    output.append(frame.tail);
    output.append(shape.before_place);
    append_place(output, location, found.has_line ? nullptr : &frame);
    output.append(shape.end);
    output.append('\n');
  }
}

void Rewriter::write_line(Output& output, const Line& line) {
  if (line.frame_count == 1) {
    const FrameLine& frame = block_.frames[line.first_frame];
    const Found& found = found_[line.first_frame];
    if (found.dropped) return;
    if (is_rewritten(frame, found)) return write_frame(output, frame, found);
  } else if (line.meaning.whole_stack) {
    return write_folded_line(output, line);
  }
  output.append(line.text);
  if (line.has_end) output.append('\n');
}

void Rewriter::write_folded_names(Output& output, const FrameLine& frame, const Found& found) {
  if (found.count == 0) {
    if (!frame.symbol.empty()) return append_folded(output, frame.symbol);
    if (frame.address && !frame.module.empty()) {
      output.append('[');
      append_folded(output, base_name(frame.module));
      return output.append(']');
    }
    if (frame.address) return output.print("{:#x}", *frame.address);
    return append_folded(output, trim(frame.whole));
  }
  for (uint32_t i = found.count; i-- > 0;) {
    const CodeLocation& location = found.first[i];
    append_folded(output, name_of(location));
    if (options_.every_line && found.has_line) {
      output.append('(');
      append_place(output, location, nullptr);
      output.append(')');
    }
    if (i > 0) output.append(';');
  }
}

/// A line of folded input in its own shape: what is not known stays as it is.
void Rewriter::write_folded_line(Output& output, const Line& line) {
  size_t end = 0;
  for (uint32_t i = 0; i < line.frame_count; ++i) {
    const FrameLine& frame = block_.frames[line.first_frame + i];
    const Found& found = found_[line.first_frame + i];
    if (i > 0) output.append(';');
    if (found.count > 0) {
      write_folded_names(output, frame, found);
    } else {
      output.append(frame.whole);
    }
    end = static_cast<size_t>(frame.whole.data() - line.text.data()) + frame.whole.size();
  }
  output.append(line.text.substr(end));
  if (line.has_end) output.append('\n');
}

/// Calls `visit(first line, end line, the line that ended it)` for each stack of the block that has frames.
template <class Visit>
void Rewriter::for_each_stack(const Visit& visit) {
  size_t first = 0;
  auto finish = [&](size_t end, const LineMeaning& meaning) {
    bool has_frames = std::any_of(block_.lines.begin() + static_cast<ptrdiff_t>(first),
                                  block_.lines.begin() + static_cast<ptrdiff_t>(end),
                                  [](const Line& line) { return line.frame_count > 0; });
    if (has_frames) visit(first, end, meaning);
    first = end;
  };
  for (size_t i = 0; i < block_.lines.size(); ++i) {
    const LineMeaning& meaning = block_.lines[i].meaning;
    if (meaning.begins_stack) finish(i, {});
    if (meaning.ends_stack) finish(i + 1, meaning);
  }
  finish(block_.lines.size(), {});
}

void Rewriter::write_folded(Output& output, size_t first_line, size_t end_line, const LineMeaning& end) {
  size_t first = block_.lines[first_line].first_frame;
  const Line& last = block_.lines[end_line - 1];
  size_t past = last.first_frame + last.frame_count;
  std::string_view root = block_.lines[first_line].meaning.root;
  bool separate = !root.empty();
  append_folded(output, root);
  bool whole = block_.lines[first_line].meaning.whole_stack;
  for (size_t k = 0; k < past - first; ++k) {
    size_t i = whole ? first + k : past - 1 - k;
    if (found_[i].dropped) continue;
    if (separate) output.append(';');
    separate = true;
    write_folded_names(output, block_.frames[i], found_[i]);
  }
  output.print(" {}\n", end.count.value_or(1));
}

void Rewriter::write_lines(Output& output, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) write_line(output, block_.lines[i]);
}

/// Names lie all over memory, so that fetching them takes most of the time: many lines are written by several threads.
void Rewriter::write_all_lines(Output& output) {
  constexpr size_t kPart = 512;
  size_t count = block_.lines.size(), parts = (count + kPart - 1) / kPart;
  bool shares_names = options_.names == Names::kFull;  // which are kept as they come
  if (parts < 4 || shares_names) return write_lines(output, 0, count);
  write_in_order(output, parts, [&](size_t, size_t part, Output& text) {
    write_lines(text, part * kPart, std::min((part + 1) * kPart, count));
  });
}

void Rewriter::run_text(Output& output) {
  while (output.ok() && input_->next(block_)) {
    resolve_block();
    if (options_.folded) {
      for_each_stack(
          [&](size_t first, size_t end, const LineMeaning& meaning) { write_folded(output, first, end, meaning); });
    } else {
      write_all_lines(output);
    }
  }
}

void Rewriter::write_json_frame(JsonWriter& json, size_t i, uint64_t& index) {
  const FrameLine& frame = block_.frames[i];
  const Found& found = found_[i];
  if (found.dropped) return;
  // What the line itself says stands in for a frame that nothing is known about.
  CodeLocation unknown;
  unknown.function = frame.symbol;
  unknown.inlined = frame.inlined;
  const CodeLocation* locations = found.count > 0 ? found.first : &unknown;
  for (uint32_t k = 0; k < std::max(found.count, 1u); ++k) {
    const CodeLocation& location = locations[k];
    json.begin_object();
    json.field("index", index++);
    json.field("kind", "native");
    std::string_view name = location.function.empty() ? location.linkage_name : location.function;
    json.field_if_known("function", options_.names == Names::kShort || found.count == 0 ? name : name_of(location));
    json.field_if_known("linkage_name", location.linkage_name);
    json.field_if_known("module", frame.module);
    json.field_if_known("file", location.file);
    if (location.line != 0) json.field("line", location.line);
    if (location.column != 0) json.field("column", location.column);
    json.field("inlined", location.inlined);
    if (frame.address) json.field("pc", Address(*frame.address));
    json.end_object();
  }
}

void Rewriter::run_json(JsonWriter& json) {
  json.field("format", format_.name);
  json.begin_rows("stacks");
  while (json.ok() && input_->next(block_)) {
    resolve_block();
    for_each_stack([&](size_t first_line, size_t end_line, const LineMeaning& meaning) {
      const Line& last = block_.lines[end_line - 1];
      size_t first = block_.lines[first_line].first_frame, past = last.first_frame + last.frame_count;
      json.begin_object();
      if (meaning.count) json.field("count", *meaning.count);
      json.field_if_known("name", block_.lines[first_line].meaning.root);
      json.begin_array("frames");
      uint64_t index = 0;
      bool whole = block_.lines[first_line].meaning.whole_stack;
      for (size_t k = 0; k < past - first; ++k) write_json_frame(json, whole ? past - 1 - k : first + k, index);
      json.end_array();
      json.end_object();
    });
  }
  json.end_array();
}

}  // namespace inquest::commands::backtrace_file
