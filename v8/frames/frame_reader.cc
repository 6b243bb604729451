// The numbers in offsets_of() were measured on cores of Node.js 12.22, 14.21, 16.20, 18.20, 20.20, 22.23, 24.21 and
// 26.10; no constant in the binaries tells them. Upstream: src/execution/frame-constants.h (interpreted frames got the
// argument count at fp - 24 in 9.x), src/objects/code.h, src/objects/shared-function-info.tq,
// src/objects/deoptimization-data.h.
#include "v8/frames/frame_reader.h"

#include <algorithm>
#include <cstring>

namespace inquest::v8 {
namespace {

constexpr uint8_t kNoKind = 255;
constexpr size_t kMaxInlined = 64;      ///< far above V8's own limits on nested inlining
constexpr size_t kMaxArguments = 16;    ///< shown of one frame
constexpr size_t kMaxSource = 1 << 29;  ///< String::kMaxLength
constexpr std::string_view kBuiltinPrefix = "Builtins_";
constexpr uint64_t kMaxMarker = 256;  ///< frame types are fewer than 64 in all versions, stored shifted by one

const char* const kFrameTypes[] = {"EntryFrame",
                                   "ConstructEntryFrame",
                                   "ExitFrame",
                                   "BuiltinExitFrame",
                                   "ApiCallbackExitFrame",
                                   "ApiAccessorExitFrame",
                                   "ApiNamedAccessorExitFrame",
                                   "ConstructFrame",
                                   "FastConstructFrame",
                                   "ArgumentsAdaptorFrame",
                                   "StubFrame",
                                   "InternalFrame",
                                   "WasmFrame",
                                   "WasmCompiledFrame",
                                   "WasmToJsFrame",
                                   "JsToWasmFrame",
                                   "IrregexpFrame"};

template <class T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

bool runs_bytecode(std::string_view builtin) {
  return builtin.starts_with("Interpreter") || builtin.starts_with("BaselineOrInterpreterEnterAt") ||
         builtin.ends_with("Handler");
}

}  // namespace

FrameReader::Offsets FrameReader::offsets_of(const V8Version& version) {
  Offsets offsets{.bytecode_array = -32,
                  .bytecode_offset = -40,
                  .source_positions = 32,
                  .script = 32,
                  .deopt_data = 16,
                  .positions = 24,
                  .flags = 48,
                  .baseline = 11,
                  .maglev = 12,
                  .turbofan = 13,
                  .literals = 2,
                  .inlining = 7};
  if (version < V8Version{9, 0}) {
    offsets.bytecode_array = -24;
    offsets.bytecode_offset = -32;
    offsets.flags = 44;
    offsets.baseline = offsets.maglev = kNoKind;
    offsets.turbofan = 0;
  } else if (version < V8Version{10, 0}) {
    offsets.maglev = kNoKind;
  } else if (version >= V8Version{12, 0}) {
    offsets.source_positions = 24;
    offsets.deopt_data = 8;
    offsets.positions = 16;
    offsets.baseline = 10;
    offsets.maglev = 11;
    offsets.turbofan = 12;
  }
  if (version >= V8Version{12, 9}) {
    offsets.script = 40;
    offsets.flags = 52;
    offsets.literals = 3;
    offsets.inlining = 8;
  }
  if (version >= V8Version{14, 2}) {
    offsets.baseline = 11;
    offsets.maglev = 12;
    offsets.turbofan = 13;
  }
  return offsets;
}

FrameReader::FrameReader(const Heap& heap)
    : heap_(heap), offsets_(offsets_of(heap.layout().version)), maps_(heap.new_map_cache()), objects_(heap_, maps_) {
  const Module& module = heap.module();
  Constants constants = Constants::load(heap.target(), module);
  for (const char* name : kFrameTypes) {
    if (auto value = constants.value("frametype_" + std::string(name))) frame_types_[*value] = name;
  }
  if (!module.symbols) return;
  if (auto table = module.symbols->find("_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE")) {
    if (table->size == 0 || table->size > 4096) return;
    auto bytes = heap.target().memory().view(module.runtime(table->value), table->size);
    for (std::byte byte : bytes) bytecode_sizes_.sizes.push_back(std::to_integer<uint8_t>(byte));
  }
}

const Page* FrameReader::code_page(Address pc) const {
  const Page* page = heap_.pages().page_of(pc.value());
  if (page == nullptr) {
    // Of large pages only the first block is in the table.
    for (const Page& candidate : heap_.pages().pages()) {
      if (candidate.large && candidate.contains(pc)) page = &candidate;
    }
  }
  if (page == nullptr || !page->contains(pc)) return nullptr;
  return page->space == Space::kCode || page->space == Space::kCodeLarge ? page : nullptr;
}

std::string FrameReader::builtin_at(Address pc) const {
  const Module& own = heap_.module();
  for (const Module& module : heap_.target().modules()) {
    if (pc < module.start || pc >= module.end || !module.symbols) continue;
    if (module.path != own.path) continue;
    auto symbol = module.symbols->covering(module.link_time(pc));
    if (!symbol || !symbol->name.starts_with(kBuiltinPrefix)) continue;
    return std::string(symbol->name.substr(kBuiltinPrefix.size()));
  }
  return {};
}

/// Deoptimised code "returns" to the first instruction of InterpreterEnterAtBytecode and its kin: there pc - 1 lies in
/// another builtin or between two.
std::string FrameReader::builtin_of(const Frame& frame) const {
  std::string at_pc = builtin_at(frame.pc);
  if (at_pc.find("InterpreterEnterAt") != at_pc.npos) return at_pc;
  return builtin_at(frame.lookup_pc());
}

bool FrameReader::owns(const Frame& frame) const {
  if (frame.signal_trampoline) return false;
  return code_page(frame.lookup_pc()) != nullptr || !builtin_of(frame).empty();
}

uint64_t FrameReader::slot(Address fp, int64_t offset) const {
  return heap_.target().memory().read_u64(Address(fp.value() + static_cast<uint64_t>(offset))).value_or(0);
}

std::optional<FrameRegisters> FrameReader::caller(const Frame& frame) const {
  const MemoryReader& memory = heap_.target().memory();
  if (!frame.registers.knows(Registers::kRbp) || !frame.registers.knows(Registers::kRsp)) return std::nullopt;
  Address fp = frame.registers.values.fp(), sp = frame.registers.values.sp();
  FrameRegisters caller;
  auto set_caller = [&](Address pc_at, uint64_t rbp) -> bool {
    auto pc = memory.read_u64(pc_at);
    if (!pc) return false;
    const MemoryRegion* region = memory.region_of(Address(*pc));
    if (region == nullptr || !region->executable) return false;
    caller.set(Registers::kRip, *pc);
    caller.set(Registers::kRsp, pc_at.value() + 8);
    caller.set(Registers::kRbp, rbp);
    return true;
  };
  if (frame.exact_pc) {
    // At the edge of a function its frame is not, or no longer, there: push rbp | mov rbp, rsp | ... | ret.
    auto next = memory.read_value<uint8_t>(frame.pc);
    auto before = memory.read_value<uint8_t>(frame.pc - 1);
    auto two = memory.read_value<uint16_t>(frame.pc);
    if (next && (*next == 0x55 || *next == 0xc3 || *next == 0xc2) && set_caller(sp, fp.value())) return caller;
    if (before && two && *before == 0x55 && *two == 0x8948) {
      auto rbp = memory.read_u64(sp);
      if (rbp && set_caller(sp + 8, *rbp)) return caller;
    }
  }
  if (fp.value() % 8 != 0 || fp < sp) return std::nullopt;
  auto rbp = memory.read_u64(fp);
  if (!rbp || !set_caller(fp + 8, *rbp)) return std::nullopt;
  if (slot(fp, -8) <= kMaxMarker && frame_type(slot(fp, -8)).ends_with("EntryFrame")) {
    // JSEntry saved what C++ expects to keep (src/builtins/x64/builtins-x64.cc, Generate_JSEntryVariant).
    constexpr std::pair<Registers::Index, int> kSaved[] = {{Registers::kR12, -24},
                                                           {Registers::kR13, -32},
                                                           {Registers::kR14, -40},
                                                           {Registers::kR15, -48},
                                                           {Registers::kRbx, -56}};
    for (auto [index, offset] : kSaved) caller.set(index, slot(fp, offset));
  }
  return caller;
}

std::string_view FrameReader::frame_type(uint64_t marker) const {
  auto found = frame_types_.find(static_cast<int>(marker >> 1));
  return found == frame_types_.end() ? std::string_view() : found->second;
}

std::optional<FrameReader::CompiledCode> FrameReader::compiled_at(Address pc) const {
  const Page* page = code_page(pc);
  if (page == nullptr) return std::nullopt;
  auto [entry, fresh] = code_of_pages_.try_emplace(page->chunk.value());
  std::vector<CompiledCode>& all = entry->second;
  if (fresh) {
    Walker walker = heap_.new_walker(maps_);
    WalkStats stats;
    const LayoutTable& table = heap_.layout().table;
    walker.walk(*page, heap_.areas_of(*page), stats,
                [&](uint64_t address, const MapInfo& map, uint64_t size, const std::byte*) {
                  bool has_code = map.rule == SizeRule::kCode || map.rule == SizeRule::kInstructionStream;
                  if (!has_code) return;
                  CompiledCode code{.start = address + table.code_header, .end = address + size, .code = address + 1};
                  if (map.rule == SizeRule::kInstructionStream) {
                    bool wide = table.code == CodeLayout::kInstructionStream32;
                    code.start = address + (wide ? 32 : 16);
                    code.code = objects_.field(address + 1, 8);
                  }
                  all.push_back(code);
                });
  }
  auto next = std::ranges::upper_bound(all, pc.value(), {}, &CompiledCode::start);
  if (next == all.begin() || pc.value() >= std::prev(next)->end) return std::nullopt;
  return *std::prev(next);
}

/// A ByteArray's bytes; of the pair with a frame cache that old versions may keep in its place, those of its table.
std::span<const std::byte> FrameReader::byte_array(uint64_t word) const {
  const MapInfo* map = objects_.map_of(word);
  if (map != nullptr && map->rule != SizeRule::kBytes16) {
    word = objects_.field(word, 8);
    map = objects_.map_of(word);
  }
  if (map == nullptr || map->rule != SizeRule::kBytes16) return {};
  uint64_t length = objects_.field(word, 8);
  if (!is_smi(length) || smi_value(length) <= 0) return {};
  auto size = static_cast<uint64_t>(smi_value(length));
  const std::byte* bytes = heap_.pages().object_bytes(word - 1, 16, size);
  return bytes ? std::span(bytes, size) : std::span<const std::byte>();
}

uint64_t FrameReader::script_of(uint64_t shared) const {
  auto is_script = [&](uint64_t word) {
    const MapInfo* map = objects_.map_of(word);
    return map != nullptr && map->category == Category::kInternal && objects_.is_string(objects_.field(word, 8)) &&
           is_smi(objects_.field(word, 24)) && is_smi(objects_.field(word, 32));
  };
  uint64_t script = objects_.field(shared, offsets_.script);
  if (is_script(script)) return script;
  // A DebugInfo, which has the script in one of its first fields.
  for (uint64_t offset = 8; offset <= 64 && is_heap_object(script); offset += 8) {
    if (uint64_t inner = objects_.field(script, offset); is_script(inner)) return inner;
  }
  return 0;
}

const FrameReader::ScriptLines* FrameReader::lines_of(uint64_t script) const {
  if (script == 0) return nullptr;
  auto [entry, fresh] = lines_.try_emplace(script);
  if (fresh) {
    auto lines = std::make_unique<ScriptLines>();
    lines->name = objects_.string(objects_.field(script, 16), 4096).value_or("");
    lines->first_line = smi_value(objects_.field(script, 24));
    lines->first_column = smi_value(objects_.field(script, 32));
    lines->ends = line_ends(objects_.utf16(objects_.field(script, 8), kMaxSource));
    entry->second = std::move(lines);
  }
  return entry->second.get();
}

void FrameReader::name(V8Frame& frame, uint64_t shared) const {
  frame.function = objects_.shared_debug_name(shared);
  uint64_t script = script_of(shared);
  if (const ScriptLines* lines = lines_of(script)) frame.script = lines->name;
  // What has no name and comes from eval is called so (JSStackFrame::GetFunctionName). Script::eval_from_shared lies
  // behind source, name, two offsets, context data, type, line ends and id in all versions.
  constexpr uint64_t kEvalFromShared = 72;
  const MapInfo* eval_from = objects_.map_of(objects_.field(script, kEvalFromShared));
  bool is_eval = script != 0 && eval_from != nullptr && eval_from->type == heap_.types().shared_function_info;
  if (frame.function.empty() && is_eval) frame.function = "eval";
}

void FrameReader::place(V8Frame& frame, uint64_t shared, int32_t script_offset) const {
  const ScriptLines* lines = lines_of(script_of(shared));
  if (lines == nullptr || script_offset < 0) return;
  auto offset = static_cast<uint32_t>(script_offset);
  auto end = std::ranges::lower_bound(lines->ends, offset);
  if (end == lines->ends.end()) return;
  uint32_t start = end == lines->ends.begin() ? 0 : *std::prev(end) + 1;
  bool first = end == lines->ends.begin();
  frame.line = static_cast<uint32_t>(end - lines->ends.begin()) + 1 + static_cast<uint32_t>(lines->first_line);
  frame.column = offset - start + 1 + (first ? static_cast<uint32_t>(lines->first_column) : 0);
}

/// From 9.x on the receiver lies lowest and the count of arguments in the frame. Earlier ones begin where the number of
/// formal parameters says.
void FrameReader::add_arguments(V8Frame& frame, Address fp) const {
  const V8Version& version = heap_.layout().version;
  if (version < V8Version{9, 0}) return;
  frame.receiver = slot(fp, 16);
  uint64_t count = slot(fp, -24);
  if (version >= V8Version{10, 0} && count > 0) --count;
  for (uint64_t i = 0; i < std::min<uint64_t>(count, kMaxArguments); ++i) {
    frame.arguments.push_back(slot(fp, 24 + 8 * static_cast<int64_t>(i)));
  }
}

V8Frame FrameReader::interpreted(Address fp, uint64_t shared, std::optional<int64_t> offset) const {
  V8Frame frame;
  frame.kind = V8FrameKind::kJs;
  frame.tier = Tier::kIgnition;
  name(frame, shared);
  uint64_t bytecodes = slot(fp, offsets_.bytecode_array);
  const MapInfo* map = objects_.map_of(bytecodes);
  if (map == nullptr || map->rule != SizeRule::kBytecodeArray) return frame;
  if (!offset) {
    uint64_t word = slot(fp, offsets_.bytecode_offset);
    if (!is_smi(word)) return frame;
    offset = int64_t{smi_value(word)} - (heap_.layout().table.bytecode_array_header - 1);
  }
  auto table = byte_array(objects_.field(bytecodes, offsets_.source_positions));
  if (auto position = find_source_position(table, heap_.layout().version, *offset)) {
    place(frame, shared, position->script_offset);
  }
  return frame;
}

std::optional<int64_t> FrameReader::baseline_offset(const CompiledCode& code, uint64_t bytecode_array,
                                                    uint64_t pc_offset) const {
  const MapInfo* map = objects_.map_of(bytecode_array);
  if (map == nullptr || map->rule != SizeRule::kBytecodeArray) return std::nullopt;
  uint64_t length = objects_.field(bytecode_array, 8);
  if (!is_smi(length) || smi_value(length) <= 0) return std::nullopt;
  auto size = static_cast<uint64_t>(smi_value(length));
  const std::byte* bytes =
      heap_.pages().object_bytes(bytecode_array - 1, heap_.layout().table.bytecode_array_header, size);
  if (bytes == nullptr) return std::nullopt;
  return baseline_bytecode_offset(byte_array(objects_.field(code.code, offsets_.positions)), {bytes, size},
                                  bytecode_sizes_, pc_offset);
}

std::vector<V8Frame> FrameReader::optimized(const CompiledCode& code, uint64_t pc_offset, uint64_t shared,
                                            Tier tier) const {
  std::vector<V8Frame> frames;
  auto table = byte_array(objects_.field(code.code, offsets_.positions));
  auto position = find_source_position(table, heap_.layout().version, static_cast<int64_t>(pc_offset));
  uint64_t data = objects_.field(code.code, offsets_.deopt_data);
  uint64_t literals = objects_.field(data, 16 + 8ull * offsets_.literals);
  auto inlining = byte_array(objects_.field(data, 16 + 8ull * offsets_.inlining));
  while (frames.size() < kMaxInlined) {
    V8Frame frame;
    frame.kind = V8FrameKind::kJs;
    frame.tier = tier;
    uint64_t function = shared;
    std::optional<InliningPosition> inlined;
    if (position) inlined = inlining_position(inlining, position->inlining_id);
    if (inlined && inlined->function >= 0) {
      function = objects_.field(literals, 16 + 8ull * static_cast<uint32_t>(inlined->function));
      if ((function & kTagMask) == kWeakTag) function -= kWeakTag - kHeapObjectTag;
    }
    frame.inlined = inlined.has_value();
    name(frame, function);
    if (position) place(frame, function, position->script_offset);
    frames.push_back(std::move(frame));
    if (!inlined) break;
    position = inlined->call;
  }
  return frames;
}

std::vector<V8Frame> FrameReader::describe(const Frame& frame) const {
  Address pc = frame.lookup_pc();
  Address fp = frame.registers.values.fp();
  V8Frame result;
  result.function = builtin_of(frame);
  uint64_t marker = slot(fp, -8);
  uint64_t function = slot(fp, -16);
  bool is_js = is_heap_object(marker) && objects_.is_function(function);
  auto code = compiled_at(pc);
  if (!is_js) {
    result.kind = result.function.empty() ? V8FrameKind::kInternal : V8FrameKind::kBuiltin;
    if (marker > kMaxMarker || (marker & 1) != 0) return {result};
    std::string_view type = frame_type(marker);
    if (type.find("EntryFrame") != type.npos) result.kind = V8FrameKind::kEntry;
    if (type.find("Exit") != type.npos) result.kind = V8FrameKind::kExit;
    if (type.starts_with("Wasm")) result.kind = V8FrameKind::kWasm;
    if (type.starts_with("Irregexp")) result.kind = V8FrameKind::kRegExp;
    if (result.function.empty()) result.function = type;
    return {result};
  }
  uint64_t shared = objects_.field(function, heap_.layout().js_function_shared);
  std::vector<V8Frame> frames;
  if (code) {
    uint64_t pc_offset = pc.value() - code->start;
    uint32_t flags = 0;
    if (auto bytes = heap_.pages().object_bytes(code->code - 1, offsets_.flags, 4)) flags = load<uint32_t>(bytes);
    // CodeKind takes four bits; until 8.x its field in flags begins at bit 1, behind has_unwinding_info.
    uint8_t kind = (heap_.layout().version < V8Version{9, 0} ? flags >> 1 & 31 : flags & 15);
    if (kind == offsets_.baseline) {
      auto offset = baseline_offset(*code, slot(fp, offsets_.bytecode_array), pc_offset + (frame.exact_pc ? 0 : 1));
      if (offset) {
        frames = {interpreted(fp, shared, offset)};
      } else {  // no position is better than that of the function's entry
        name(result, shared);
        result.kind = V8FrameKind::kJs;
        frames = {result};
      }
      frames.front().tier = Tier::kSparkplug;
    } else if (kind == offsets_.maglev || kind == offsets_.turbofan) {
      frames = optimized(*code, pc_offset, shared, kind == offsets_.maglev ? Tier::kMaglev : Tier::kTurbofan);
    }
  }
  if (frames.empty() && (result.function.empty() || runs_bytecode(result.function))) {
    frames = {interpreted(fp, shared, std::nullopt)};
  }
  if (frames.empty()) {
    result.kind = V8FrameKind::kBuiltin;
    frames = {result};
    std::string own = objects_.shared_debug_name(shared);
    if (!own.empty()) frames.front().function = own;
  }
  frames.back().function_word = function;
  add_arguments(frames.back(), fp);
  return frames;
}

}  // namespace inquest::v8
