#include "commands/why_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "commands/text_escape.h"
#include "postmortem/code/instruction.h"
#include "postmortem/crash/names.h"

namespace inquest::commands {
namespace {

constexpr size_t kMappingsAround = 3;  // on each side

// The order in which gdb shows them.
constexpr std::array kShown = {Registers::kRax, Registers::kRbx, Registers::kRcx, Registers::kRdx, Registers::kRsi,
                               Registers::kRdi, Registers::kRbp, Registers::kRsp, Registers::kR8,  Registers::kR9,
                               Registers::kR10, Registers::kR11, Registers::kR12, Registers::kR13, Registers::kR14,
                               Registers::kR15, Registers::kRip};

const char* access_name(code::Access access) {
  switch (access) {
    case code::Access::kRead: return "read";
    case code::Access::kWrite:
    case code::Access::kReadWrite: return "write";
    case code::Access::kExecute: return "execute";
    case code::Access::kNone: return "";
  }
  return "";
}

std::string permissions(const MemoryRegion& region) {
  return fmt::format("{}{}{}", region.readable ? 'r' : '-', region.writable ? 'w' : '-', region.executable ? 'x' : '-');
}

class WhyBody : public ReportBody {
 public:
  WhyBody(const Target& target, WhyFindings findings) : target_(target), found_(std::move(findings)) {
    find_mappings();
  }

  void write_text(Output& out) const override {
    const crash::Explanation& why = found_.explanation;
    line(out, why.cause);
    if (!why.detail.empty()) line(out, why.detail);
    for (const std::string& remark : why.remarks) line(out, remark);
    out.append('\n');
    write_events(out);
    write_signal(out);
    write_scripts(out);
    write_code(out);
    write_origin(out);
    write_sources(out);
    write_registers(out);
    write_frames(out);
    write_mappings(out);
  }

  void write_json(JsonWriter& json) const override {
    const crash::Explanation& why = found_.explanation;
    json.field("cause", why.cause);
    json.field_if_known("detail", why.detail);
    json.field_if_known("kind", why.kind);
    json_signal(json);
    json_fault(json);
    json_code(json);
    json_origin(json);
    json_abort(json);
    json_thread(json);
    json_frames(json);
    json_scripts(json);
    json_sources(json);
    json_mappings(json);
    json_events(json);
  }

 private:
  void write_events(Output& out) const {
    if (found_.event_file.empty()) return;
    out.print("traced (events {})\n", escape_text(found_.event_file));
    if (found_.more_events > 0) out.print("   ({} earlier)\n", found_.more_events);
    for (const std::string& event : found_.events) out.print("   {}\n", escape_text(event));
    out.append('\n');
  }
  void json_events(JsonWriter& json) const {
    if (found_.event_file.empty()) return;
    json.begin_object("traced");
    json.field("file", found_.event_file);
    json.begin_array("events");
    for (const std::string& event : found_.events) json.element(event);
    json.end_array();
    json.field("more_events", found_.more_events);
    json.end_object();
  }

  static void line(Output& out, const std::string& text) { out.print("{}\n", escape_text(text)); }

  void find_mappings() {
    if (!found_.explanation.address) return;
    const auto& regions = target_.memory().regions();
    Address address = *found_.explanation.address;
    auto at = std::ranges::find_if(regions, [&](const MemoryRegion& r) { return r.end() > address; });
    size_t middle = static_cast<size_t>(at - regions.begin());
    first_mapping_ = middle - std::min(middle, kMappingsAround);
    end_mapping_ = std::min(regions.size(), middle + kMappingsAround + (at != regions.end() && at->contains(address)));
  }

  const FrameRegisters& registers() const { return found_.stack.frames[found_.explanation.frame].registers; }

  void write_signal(Output& out) const {
    const crash::Explanation& why = found_.explanation;
    if (why.signal.number != 0)
      out.print("signal   {} ({}){}\n", why.signal_name, why.signal.number,
                why.code_words.empty() ? "" : ", " + why.code_words);
    if (why.address) out.print("address  {:#x}: {}\n", why.address->value(), escape_text(why.place));
    if (!why.operand.empty()) {
      out.print("operand  {}", why.operand);
      if (why.effective) out.print(" = {:#x}", why.effective->value());
      out.append('\n');
    }
    out.print("thread   {}{}\n", found_.thread->tid,
              found_.thread->name.empty() ? "" : fmt::format(" \"{}\"", escape_text(found_.thread->name)));
  }

  void write_scripts(Output& out) const {
    if (found_.scripts.empty()) return;
    out.append("\njavascript\n");
    for (const ScriptCall& call : found_.scripts) out.print("   {}{}\n", escape_text(call.text()), call.original);
    if (found_.more_scripts > 0) out.append("   ...; `v8 bt` shows all\n");
  }
  void json_scripts(JsonWriter& json) const {
    if (found_.scripts.empty()) return;
    json.begin_rows("javascript");
    for (const ScriptCall& call : found_.scripts) {
      json.begin_object();
      json.field("function", call.function);
      json.field_if_known("file", call.file);
      json.field("line", call.line);
      json.field("column", call.column);
      json.end_object();
    }
    json.end_array();
  }

  void write_code(Output& out) const {
    if (found_.explanation.code.empty()) return;
    out.append("\ncode\n");
    for (const crash::CodeLine& code : found_.explanation.code)
      out.print("{} {:#x}  {}\n", code.current ? "=>" : "  ", code.address.value(), code.text);
  }

  void write_origin(Output& out) const {
    if (found_.explanation.origin.empty()) return;
    out.append("\norigin\n");
    for (const crash::OriginStep& step : found_.explanation.origin) {
      out.print("   in {}: {}", escape_text(step.function), escape_text(step.text));
      if (!step.instruction.empty()) out.print("  [{:#x} {}]", step.at.value(), step.instruction);
      out.append('\n');
    }
  }

  void write_sources(Output& out) const {
    if (found_.sources.empty()) return;
    out.print("\nsource {}\n", escape_text(found_.sources.front().file));
    for (const SourceLine& source : found_.sources)
      out.print("{} {:5}  {}\n", source.current ? "=>" : "  ", source.line, escape_source_line(source.text));
  }

  void write_registers(Output& out) const {
    out.append("\nregisters\n");
    size_t column = 0;
    for (Registers::Index index : kShown) {
      if (!registers().knows(index)) continue;
      out.print("{}{:>3} {:<18}", column % 4 == 0 ? "   " : "  ", code::register_name(index),
                fmt::format("{:#x}", registers().values.gpr[index]));
      if (++column % 4 == 0) out.append('\n');
    }
    if (column % 4 != 0) out.append('\n');
  }

  void write_frames(Output& out) const {
    out.append("\nstack\n");
    const NativeStack& named = found_.named;
    for (size_t i = 0; i < named.frames.size(); ++i) {
      const NativeFrame& frame = named.frames[i];
      std::string function(function_name(named, frame));
      out.print("   #{:<2} {}", i,
                function.empty() ? fmt::format("{:#x}", named.physical(frame).pc.value()) : escape_text(function));
      if (frame.location.line) {
        out.print(" at {}:{}", escape_text(std::string(frame.location.file)), frame.location.line);
      } else if (frame.module && !named.physical(frame).signal_trampoline) {
        out.print(" from {}", escape_text(crash::base_name(frame.module->path)));
      }
      out.print("{}\n", frame.location.inlined ? " [inlined]" : "");
    }
    if (found_.unnamed > 0) out.print("   ... {} more; `bt` shows all\n", found_.unnamed);
  }

  void write_mappings(Output& out) const {
    if (first_mapping_ >= end_mapping_) return;
    out.append("\nmappings\n");
    Address address = *found_.explanation.address;
    const auto& regions = target_.memory().regions();
    bool marked = false;
    auto mark = [&] {
      out.print("=> {:#x}  {}\n", address.value(),
                escape_text(found_.explanation.place.empty() ? "not mapped" : "not mapped"));
      marked = true;
    };
    for (size_t i = first_mapping_; i < end_mapping_; ++i) {
      const MemoryRegion& region = regions[i];
      bool holds = region.contains(address);
      if (!marked && !holds && region.start > address) mark();
      out.print("{} {:#x}-{:#x} {} {}\n", holds ? "=>" : "  ", region.start.value(), region.end().value(),
                permissions(region), escape_text(region.path));
      marked |= holds;
    }
    if (!marked) mark();
  }

  void json_signal(JsonWriter& json) const {
    const crash::SignalFacts& signal = found_.explanation.signal;
    if (signal.number == 0) return;
    json.begin_object("signal");
    json.field("number", signal.number);
    json.field("name", found_.explanation.signal_name);
    if (signal.has_code) json.field("code", signal.code);
    json.field_if_known("code_words", found_.explanation.code_words);
    if (signal.address) json.field("address", *signal.address);
    if (signal.sender_pid) json.field("sender_pid", *signal.sender_pid);
    if (signal.sender_uid) json.field("sender_uid", *signal.sender_uid);
    json.end_object();
  }

  void json_fault(JsonWriter& json) const {
    const crash::Explanation& why = found_.explanation;
    if (why.address) {
      json.begin_object("fault");
      json.field("address", *why.address);
      json.field_if_known("place", why.place);
      json.field_if_known("access", access_name(why.access));
      if (why.size) json.field("size", why.size);
      json.end_object();
    }
    if (why.operand.empty()) return;
    json.begin_object("operand");
    json.field("text", why.operand);
    if (why.bad_register) {
      json.field("register", code::register_name(*why.bad_register));
      if (registers().knows(*why.bad_register)) json.field("value", Address(registers().values.gpr[*why.bad_register]));
    }
    if (why.effective) json.field("effective_address", *why.effective);
    json.end_object();
  }

  void json_code(JsonWriter& json) const {
    const crash::Explanation& why = found_.explanation;
    if (why.instruction) {
      json.begin_object("instruction");
      json.field("address", why.instruction->address);
      json.field("text", why.instruction->text);
      json.end_object();
    }
    json.begin_array("code");
    for (const crash::CodeLine& code : why.code) {
      json.begin_object();
      json.field("address", code.address);
      json.field("text", code.text);
      if (code.current) json.field("current", true);
      json.end_object();
    }
    json.end_array();
  }

  void json_origin(JsonWriter& json) const {
    json.begin_array("origin");
    for (const crash::OriginStep& step : found_.explanation.origin) {
      json.begin_object();
      json.field("function", step.function);
      json.field("text", step.text);
      if (!step.at.is_null()) json.field("address", step.at);
      json.field_if_known("instruction", step.instruction);
      if (step.value) json.field("value", Address(*step.value));
      json.end_object();
    }
    json.end_array();
  }

  void json_abort(JsonWriter& json) const {
    const crash::Explanation& why = found_.explanation;
    json.field_if_known("abort_message", why.abort_message);
    if (why.exception) {
      json.begin_object("exception");
      json.field("type", why.exception->type);
      if (why.exception->has_what) json.field("what", why.exception->what);
      json.field("address", why.exception->object);
      json.end_object();
    }
    json.begin_array("remarks");
    for (const std::string& remark : why.remarks) json.element(remark);
    json.end_array();
  }

  void json_thread(JsonWriter& json) const {
    json.begin_object("thread");
    json.field("tid", found_.thread->tid);
    json.field_if_known("name", found_.thread->name);
    json.end_object();
    json.begin_object("registers");
    for (Registers::Index index : kShown)
      if (registers().knows(index)) json.field(code::register_name(index), Address(registers().values.gpr[index]));
    json.end_object();
  }

  void json_frames(JsonWriter& json) const {
    const NativeStack& named = found_.named;
    json.field("explained_frame", found_.explained);
    json.begin_rows("frames");
    for (size_t i = 0; i < named.frames.size(); ++i) {
      const NativeFrame& frame = named.frames[i];
      const Frame& physical = named.physical(frame);
      json.begin_object();
      json.field("index", i);
      json.field("kind", "native");
      json.field("pc", physical.pc);
      json.field_if_known("function", std::string(frame.location.function));
      if (frame.module) json.field("module", crash::base_name(frame.module->path));
      json.field_if_known("file", std::string(frame.location.file));
      if (frame.location.line) json.field("line", frame.location.line);
      json.field("inlined", frame.location.inlined);
      if (physical.signal_trampoline) json.field("signal_handler", true);
      json.field("found_by", std::string(to_string(physical.found_by)));
      json.end_object();
    }
    json.end_array();
    json.field("frame_count", found_.stack.frames.size());
  }

  void json_sources(JsonWriter& json) const {
    json.begin_array("sources");
    for (const SourceLine& source : found_.sources) {
      json.begin_object();
      json.field("file", source.file);
      json.field("line", source.line);
      json.field("text", source.text);
      if (source.current) json.field("current", true);
      json.end_object();
    }
    json.end_array();
  }

  void json_mappings(JsonWriter& json) const {
    json.begin_rows("mappings");
    const auto& regions = target_.memory().regions();
    for (size_t i = first_mapping_; i < end_mapping_; ++i) {
      json.begin_object();
      json.field("start", regions[i].start);
      json.field("end", regions[i].end());
      json.field("permissions", permissions(regions[i]));
      json.field_if_known("path", regions[i].path);
      if (regions[i].contains(*found_.explanation.address)) json.field("holds_address", true);
      json.end_object();
    }
    json.end_array();
  }

  const Target& target_;
  WhyFindings found_;
  size_t first_mapping_ = 0, end_mapping_ = 0;
};

}  // namespace

std::unique_ptr<const ReportBody> make_why_body(const Target& target, WhyFindings findings) {
  return std::make_unique<WhyBody>(target, std::move(findings));
}

}  // namespace inquest::commands
