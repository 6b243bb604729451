// `v8 whatis ADDRESS`: what lies at an address, in V8's heap or anywhere else in the process.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "commands/address_place.h"
#include "commands/args.h"
#include "commands/command.h"
#include "commands/expression.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/value_json.h"
#include "commands/value_text.h"

namespace inquest::commands {
namespace {

class PlaceBody : public ReportBody {
 public:
  PlaceBody(Address address, AddressPlace native, std::optional<v8::HeapPlace> heap, std::optional<v8::Value> value)
      : address_(address), native_(std::move(native)), heap_(std::move(heap)), value_(std::move(value)) {}

  void write_text(Output& output) const override {
    output.print("{:#x}: {}\n", address_.value(), heap_ ? heap_line() : escape_text(native_.text));
    if (value_) output.print("  {}\n", escape_text(value_text(*value_), LineBreaks::kKeep));
    if (heap_) output.print("  {}\n", page_line());
    for (const std::string& line : native_.lines) output.print("  {}\n", escape_text(line));
  }

  void write_json(JsonWriter& json) const override {
    json.field("address", address_);
    json.field("kind", heap_ ? v8::to_string(heap_->kind) : native_.kind);
    if (heap_) write_heap(json);
    if (value_) {
      json.begin_object("value");
      write_value(json, *value_);
      json.end_object();
    }
    native_.write(json);
  }

 private:
  std::string heap_line() const {
    std::string field = heap_->field.empty() ? "" : fmt::format(" ({})", escape_text(heap_->field));
    std::string live = !heap_->live ? "" : *heap_->live ? ", live" : ", dead";
    switch (heap_->kind) {
      case v8::HeapPlace::Kind::kObject:
        return fmt::format("object {:#x} + {}{}, {} bytes{}", heap_->object.value(), heap_->offset, field, heap_->size,
                           live);
      case v8::HeapPlace::Kind::kFreeSpace:
        return fmt::format("free space of {} bytes, {} from its start", heap_->size, heap_->offset);
      case v8::HeapPlace::Kind::kPageHeader: return fmt::format("header or margin of a heap page");
      case v8::HeapPlace::Kind::kUnused: return fmt::format("memory for new objects, not used yet");
      case v8::HeapPlace::Kind::kLeftover:
        return "leftover on an empty page of new space: what was there has moved or is dead";
      case v8::HeapPlace::Kind::kNotParsed: return "bytes on a heap page that could not be read as an object";
    }
    return {};
  }
  std::string page_line() const {
    return fmt::format("{}, page {:#x} + {:#x} of {:#x} bytes{}", heap_->space, heap_->page.value(),
                       address_ - heap_->page, heap_->page_size,
                       heap_->isolate ? fmt::format(", isolate {}", *heap_->isolate) : ", shared by all isolates");
  }

  void write_heap(JsonWriter& json) const {
    json.field("space", heap_->space);
    json.field("page", heap_->page);
    json.field("page_size", heap_->page_size);
    if (heap_->isolate) json.field("isolate", *heap_->isolate);
    if (!heap_->object.is_null()) {
      json.field("object", heap_->object);
      json.field("size", heap_->size);
    }
    json.field("offset", heap_->offset);
    json.field_if_known("field", heap_->field);
    if (heap_->live) json.field("live", *heap_->live);
  }

  Address address_;
  AddressPlace native_;
  std::optional<v8::HeapPlace> heap_;
  std::optional<v8::Value> value_;
};

class V8Whatis : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    // A process without V8 has addresses too.
    auto opened = session.v8();
    v8::Runtime* runtime = opened ? *opened : nullptr;
    const MemoryReader& memory = session.target().memory();
    auto expression = evaluate(session, args.word(0), [&](uint64_t value) {
      bool in_heap = runtime != nullptr && runtime->locate(Address(value)).has_value();
      return in_heap || memory.region_of(Address(value)) != nullptr;
    });
    if (!expression) return std::move(expression).error();
    Address address(expression->value);

    Report report;
    if (!expression->note.empty()) report.note(expression->note);
    std::optional<v8::HeapPlace> heap;
    std::optional<v8::Value> value;
    if (runtime != nullptr) {
      heap = runtime->locate(address);
      if (heap && heap->kind == v8::HeapPlace::Kind::kObject) {
        auto shown = runtime->inspect(heap->object.value(), {}, {.depth = 0, .max_text = 64});
        if (shown) value = std::move(*shown);
      }
      if (!heap && is_smi(address.value())) {
        report.note(
            fmt::format("As a tagged value it would be the number {}.", static_cast<int32_t>(address.value() >> 32)));
      }
    } else {
      report.note("V8 is not looked for: " + opened.error().what);
    }
    ValueNumbers numbers(session, args.json());
    if (value) numbers.add(value->address.value());
    numbers.tell(report);
    report.body = std::make_unique<PlaceBody>(address, place_of(session, runtime, address, !heap.has_value()),
                                              std::move(heap), std::move(value));
    return report;
  }

 private:
  static bool is_smi(uint64_t word) { return word != 0 && (word & 0xffffffffu) == 0; }
};

}  // namespace

std::unique_ptr<const Command> make_v8_whatis() {
  return std::make_unique<V8Whatis>(CommandSpec{
      .name = {"v8", "whatis"},
      .summary = "what lies at an address",
      .description =
          "In V8's heap: the object that holds the address, tagged or not, how far inside of it, which property that "
          "is, the page and space, and, when live objects have been told from dead ones in this session, whether it is "
          "live. Elsewhere: the mapped file with permissions and build-id, the function or variable, the stack of a "
          "thread with the frame, a guard page, the block of malloc, or the nearest mappings.\n\n" +
          expression_help("ADDRESS"),
      .positionals = {{.name = "ADDRESS", .help = "any address", .joins_rest = true}},
      .examples = {{"v8 whatis 0x2e41b0f20048", "the object around it"}, {"v8 whatis 0x7f3a5c0 + 24", "a sum"}},
  });
}

}  // namespace inquest::commands
