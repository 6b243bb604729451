#include "v8/frames/frame_reader.h"

#include <algorithm>
#include <cstring>

#include "v8/frames/bytecode_sizes.h"

namespace inquest::v8 {
namespace {

constexpr int64_t kContinuationArgumentCount = -48;  ///< kArgCOffset of BuiltinContinuationFrameConstants
constexpr uint64_t kMaxMarker = 256;  ///< frame types are fewer than 64 in all versions, stored shifted by one

const char* const kFrameTypes[] = {"EntryFrame",
                                   "ConstructEntryFrame",
                                   "ExitFrame",
                                   "BuiltinExitFrame",
                                   "ApiCallbackExitFrame",
                                   "ApiAccessorExitFrame",
                                   "ApiNamedAccessorExitFrame",
                                   "JavaScriptBuiltinContinuationFrame",
                                   "JavaScriptBuiltinContinuationWithCatchFrame",
                                   "ConstructFrame",
                                   "FastConstructFrame",
                                   "ArgumentsAdaptorFrame",
                                   "StubFrame",
                                   "InternalFrame",
                                   "WasmFrame",
                                   "WasmCompiledFrame",
                                   "WasmDebugBreakFrame",
                                   "WasmSegmentStartFrame",
                                   "WasmToJsFrame",
                                   "WasmToJsFunctionFrame",
                                   "WasmExitFrame",
                                   "JsToWasmFrame",
                                   "IrregexpFrame"};

/// A function of which nothing can be known any more.
V8Frame moved_frame() {
  V8Frame frame;
  frame.kind = V8FrameKind::kJs;
  frame.function = "<js, moved>";
  frame.remark = "its function had been moved";
  return frame;
}

bool runs_bytecode(std::string_view builtin) {
  return builtin.starts_with("Interpreter") || builtin.starts_with("BaselineOrInterpreterEnterAt") ||
         builtin.ends_with("Handler");
}

}  // namespace

FrameOffsets FrameReader::offsets_for(const Heap& heap, std::map<int, std::string>& frame_types) {
  const Constants& constants = heap.constants();
  for (const char* name : kFrameTypes) {
    if (auto value = constants.value("frametype_" + std::string(name))) frame_types[*value] = name;
  }
  return FrameOffsets::resolve(constants, heap.layout().version, heap.layout().table);
}

FrameReader::FrameReader(const Heap& heap)
    : heap_(heap),
      earlier_(earlier_stack(heap.target().memory())),
      offsets_(offsets_for(heap, frame_types_)),
      maps_(heap.new_map_cache()),
      objects_(heap_, maps_),
      scripts_(objects_, offsets_),
      names_(objects_, scripts_, offsets_),
      code_(heap_, maps_, objects_),
      deopt_(objects_, scripts_, offsets_) {
  objects_.follow_forwarding();
}

const BytecodeSizes& FrameReader::bytecode_sizes() const {
  if (!bytecode_sizes_) bytecode_sizes_ = find_bytecode_sizes(heap_.target(), heap_.module());
  return *bytecode_sizes_;
}

bool FrameReader::owns(const Frame& frame) const {
  forget_past();
  if (frame.signal_trampoline) return false;
  return code_.on_code_page(frame.lookup_pc()) || !code_.builtin_of(frame).empty() ||
         code_.in_nameless_builtins(frame.lookup_pc()) || in_wasm_code(frame);
}

/// WebAssembly lies outside of the heap's pages, in memory of no file; its frames and those of the wrappers around it
/// are marked.
bool FrameReader::in_wasm_code(const Frame& frame) const {
  if (!frame.registers.knows(Registers::kRbp)) return false;
  if (frame_type(frame.registers.values.fp()).find("Wasm") == std::string_view::npos) return false;
  Address pc = frame.lookup_pc();
  const MemoryRegion* region = heap_.target().memory().region_of(pc);
  return region != nullptr && region->executable &&
         std::ranges::none_of(heap_.target().modules(),
                              [&](const Module& module) { return module.start <= pc && pc < module.end; });
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
    // While V8 moves code, its pages are writable instead of executable.
    const MemoryRegion* region = memory.region_of(Address(*pc));
    if ((region == nullptr || !region->executable) && !code_.on_code_page(Address(*pc))) return false;
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
  if (frame_type(fp).ends_with("EntryFrame")) {
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

/// "" for JavaScript frames and types that are not asked for.
std::string_view FrameReader::frame_type(Address fp) const {
  uint64_t marker = slot(fp, -8);
  if (marker > kMaxMarker || (marker & 1) != 0) return {};
  auto found = frame_types_.find(static_cast<int>(marker >> 1));
  return found == frame_types_.end() ? std::string_view() : found->second;
}

/// JavaScriptFrame::IsConstructor: the frame below, behind an adaptor for the arguments, is that of a construct stub.
bool FrameReader::called_by_new(Address fp) const {
  Address below(slot(fp, 0));
  if (frame_type(below) == "ArgumentsAdaptorFrame") below = Address(slot(below, 0));
  std::string_view type = frame_type(below);
  return type == "ConstructFrame" || type == "FastConstructFrame";
}

/// A builtin that goes on where optimised code had it inlined, like Array.prototype.map around its callback. Its
/// function is where JavaScript frames have theirs (BuiltinContinuationFrameConstants,
/// src/execution/frame-constants.h).
bool FrameReader::continues_builtin(Address fp) const {
  return frame_type(fp).starts_with("JavaScriptBuiltinContinuation");
}

FrameReader::Arguments FrameReader::arguments_of(Address fp, uint64_t shared) const {
  Arguments result;
  auto argument = [&](int64_t offset) { return FrameValue::tagged(objects_.resolved(slot(fp, offset))); };
  if (continues_builtin(fp)) {
    // Behind the receiver lies what the builtin goes on with, such as the index of its loop: not what it was given.
    uint64_t count = slot(fp, kContinuationArgumentCount);
    bool plausible = is_smi(count) && smi_value(count) >= 0 && static_cast<uint64_t>(smi_value(count)) < kMaxCount;
    if (offsets_.receiver_first) {
      result.receiver = argument(16);
    } else if (plausible) {
      result.receiver = argument(16 + 8 * int64_t{smi_value(count)});
    }
    return result;
  }
  if (offsets_.receiver_first) {
    result.receiver = argument(16);
    result.count = slot(fp, offsets_.argument_count);
    if (offsets_.count_has_receiver && result.count > 0) --result.count;
    if (result.count > kMaxCount) result.count = 0;
    for (uint64_t i = 0; i < std::min<uint64_t>(result.count, kMaxArguments); ++i) {
      result.first.push_back(argument(24 + 8 * static_cast<int64_t>(i)));
    }
    return result;
  }
  // The callee finds as many as it declares; an adaptor keeps those that were passed.
  auto declared = scripts_.formal_parameters(shared);
  result.count = declared ? *declared : slot(fp, offsets_.argument_count);
  Address below(slot(fp, 0));
  if (frame_type(below) == "ArgumentsAdaptorFrame" && is_smi(slot(below, -24))) {
    fp = below;
    result.count = static_cast<uint32_t>(smi_value(slot(below, -24)));
  }
  if (result.count > kMaxCount) {
    result.count = 0;
    return result;
  }
  auto count = static_cast<int64_t>(result.count);
  result.receiver = argument(16 + 8 * count);
  for (int64_t i = 0; i < std::min<int64_t>(count, kMaxArguments); ++i) {
    result.first.push_back(argument(16 + 8 * (count - 1 - i)));
  }
  return result;
}

void FrameReader::place(V8Frame& frame, int64_t script_offset) const {
  auto position = scripts_.position(frame.script_word, script_offset);
  if (!position) return;
  frame.line = position->line;
  frame.column = position->column;
}

V8Frame FrameReader::interpreted(Address fp, uint64_t shared, std::optional<int64_t> bytecode_offset) const {
  V8Frame frame;
  frame.kind = V8FrameKind::kJs;
  frame.tier = Tier::kIgnition;
  frame.script_word = scripts_.script_of(shared);
  uint64_t bytecodes = slot(fp, offsets_.bytecode_array);
  const MapInfo* map = objects_.map_of(bytecodes);
  if (map == nullptr || map->rule != SizeRule::kBytecodeArray) {
    frame.remark = "its bytecodes are not in the frame";
    return frame;
  }
  if (!bytecode_offset) {
    uint64_t word = slot(fp, offsets_.bytecode_array - 8);
    if (!is_smi(word)) {
      frame.remark = "the frame has no bytecode offset";
      return frame;
    }
    bytecode_offset = int64_t{smi_value(word)} - (offsets_.bytecode_header - 1);
  }
  auto table = table_bytes(objects_, objects_.field(bytecodes, offsets_.source_positions));
  if (auto position = find_source_position(table, heap_.layout().version, *bytecode_offset)) {
    place(frame, position->script_offset);
  } else {
    frame.remark = "the function has no table of source positions";
  }
  return frame;
}

/// The BytecodeArray of baseline code, 0 when it is optimised code. Until 9.x the code does not name it, but has no
/// data for deoptimisation; the frame has it in all versions.
uint64_t FrameReader::baseline_bytecodes(uint64_t code, Address fp) const {
  uint64_t data = objects_.field(code, offsets_.deopt_data);
  const MapInfo* data_map = objects_.map_of(data);
  bool has_deopt_data = data_map != nullptr && data_map->rule == SizeRule::kArray16 &&
                        smi_value(objects_.field(data, 8)) > offsets_.inlining;
  if (has_deopt_data) return 0;
  for (uint64_t word : {data, objects_.field(data, 8), slot(fp, offsets_.bytecode_array)}) {  // 2nd: InterpreterData
    const MapInfo* map = objects_.map_of(word);
    if (map != nullptr && map->rule == SizeRule::kBytecodeArray) return word;
  }
  return 0;
}

V8Frame FrameReader::baseline(const CompiledCode& code, Address fp, uint64_t shared, uint64_t bytecodes,
                              uint64_t pc_offset) const {
  std::optional<int64_t> offset;
  uint64_t length = objects_.field(bytecodes, 8);
  if (is_smi(length) && smi_value(length) > 0) {
    auto size = static_cast<uint64_t>(smi_value(length));
    const std::byte* bytes =
        heap_.pages().object_bytes(objects_.resolved(bytecodes) - 1, offsets_.bytecode_header, size);
    auto table = table_bytes(objects_, objects_.field(code.code, offsets_.positions));
    if (bytes != nullptr)
      offset = baseline_bytecode_offset(table, {bytes, size}, bytecode_sizes(), heap_.layout().version, pc_offset);
  }
  V8Frame frame;
  if (offset) {
    frame = interpreted(fp, shared, offset);
  } else {
    frame.kind = V8FrameKind::kJs;
    frame.script_word = scripts_.script_of(shared);
    if (earlier_ != nullptr && !bytecode_sizes().sizes.empty()) {
      // Optimised code entered from a loop keeps the slot of the bytecodes; other code lies there now.
      frame.remark = "its code is gone: its line and what was inlined into it are not known";
      return frame;
    }
    frame.remark = bytecode_sizes().sizes.empty() ? "the binary does not tell the sizes of bytecodes"
                                                  : "no bytecode belongs to this place of the code";
  }
  frame.tier = Tier::kSparkplug;
  return frame;
}

std::vector<V8Frame> FrameReader::compiled(const CompiledCode& code, const Frame& frame, uint64_t shared) const {
  Address fp = frame.registers.values.fp();
  uint64_t pc_offset = frame.lookup_pc().value() - code.start;
  if (uint64_t bytecodes = baseline_bytecodes(code.code, fp)) {
    // With --interpreted-frames-native-stack each function has a copy of the interpreter's entry.
    bool has_table = !table_bytes(objects_, objects_.field(code.code, offsets_.positions)).empty();
    if (!has_table && is_smi(slot(fp, offsets_.bytecode_array - 8))) return {interpreted(fp, shared, std::nullopt)};
    return {baseline(code, fp, shared, bytecodes, pc_offset + (frame.exact_pc ? 0 : 1))};
  }
  const MapInfo* data = objects_.map_of(objects_.field(code.code, offsets_.deopt_data));
  if (data == nullptr || data->rule != SizeRule::kArray16) return {};
  Tier tier = Tier::kTurbofan;
  if (const std::byte* bytes = heap_.pages().object_bytes(objects_.resolved(code.code) - 1, offsets_.code_flags, 4)) {
    if ((std::to_integer<uint8_t>(bytes[0]) & 15) == offsets_.maglev) tier = Tier::kMaglev;
  }
  return optimized(code, frame, shared, tier);
}

/// A frame that is marked as no JavaScript.
V8Frame FrameReader::typed(const Frame& at, const std::string& builtin) const {
  Address fp = at.registers.values.fp();
  V8Frame frame;
  frame.function = builtin;
  frame.kind = builtin.empty() ? V8FrameKind::kInternal : V8FrameKind::kBuiltin;
  std::string_view type = frame_type(fp);
  if (type.find("EntryFrame") != type.npos) frame.kind = V8FrameKind::kEntry;
  bool wrapper = type == "WasmToJsFrame" || type == "WasmToJsFunctionFrame" || type == "WasmExitFrame";
  if (type.starts_with("Wasm") && !wrapper) frame.kind = V8FrameKind::kWasm;
  if (type.starts_with("Irregexp")) frame.kind = V8FrameKind::kRegExp;
  if (type.find("Exit") != type.npos) {
    frame.kind = V8FrameKind::kExit;
    bool has_builtin_arguments = type == "BuiltinExitFrame" || (type == "ExitFrame" && is_unmarked_api_call(fp));
    if (has_builtin_arguments && builtin_exit(frame, fp)) return frame;
    if (type == "ApiCallbackExitFrame") api_callback_exit(frame, fp);
    if (type == "ExitFrame") inlined_api_call(frame, at);
  }
  if (frame.function.empty()) frame.function = type;
  return frame;
}

/// Maglev calls constructors without the frame of a construct stub. Those that make no `this` beforehand find the hole;
/// classes are called by `new` only, and have a type of their own. Error.stack says `new` for them from 13.x on; 12.4
/// and 12.9 leave it out.
bool FrameReader::constructs_without_stub(uint64_t function, const Arguments& arguments) const {
  if (heap_.layout().version < V8Version{13, 0}) return false;
  const Page* page = heap_.pages().page_of(function - 1);
  bool no_this = arguments.receiver && arguments.receiver->word != 0 &&
                 arguments.receiver->word == heap_.root("the_hole_value", page != nullptr ? page->isolate : 0);
  const MapInfo* map = objects_.map_of(function);
  return no_this || (map != nullptr && map->type == heap_.layout().last_js_function_type);
}

std::vector<V8Frame> FrameReader::describe(const Frame& frame) const {
  forget_past();
  Address fp = frame.registers.values.fp();
  std::string builtin = code_.builtin_of(frame);
  CallSite site;
  site.function = objects_.resolved(slot(fp, -16));
  bool continuation = continues_builtin(fp);
  std::optional<CompiledCode> code;
  if (!continuation) code = code_.compiled_at(frame.lookup_pc());
  bool is_js = is_heap_object(slot(fp, -8)) || continuation;
  bool moved = earlier_ != nullptr && is_js && !continuation && !still_fits(site, frame, code);
  if (moved) {
    // The code still tells whose it is.
    site.function = 0;
    site.shared = shared_by_code(frame, code);
    if (site.shared == 0 && (code || runs_bytecode(builtin))) return {moved_frame()};
    is_js = site.shared != 0;
  } else {
    is_js &= objects_.is_function(site.function);
  }
  bool has_lost_code = earlier_ != nullptr && builtin.empty() && !code && code_.on_code_page(frame.lookup_pc());
  if (!is_js && has_lost_code && frame_type(fp).empty()) return {moved_frame()};
  if (!is_js) {
    V8Frame other = checked(typed(frame, builtin), builtin);
    bool is_lost = moved && !heap_.is_live() && may_have_moved(objects_.resolved(slot(fp, -16)));
    if (is_lost && other.remark.empty()) other.remark = "its function may have been moved";
    return {other};
  }
  if (!moved) site.shared = objects_.field(site.function, heap_.layout().js_function_shared);
  if (earlier_ != nullptr) note_old_parts(fp, site.shared);
  // An exported function of WebAssembly: here runs the wrapper that calls it, which Error.stack hides.
  const MapInfo* data = objects_.map_of(function_data(site.shared));
  if (data != nullptr && heap_.types()[data->type].name == "WasmExportedFunctionData") return {typed(frame, builtin)};
  std::vector<V8Frame> frames;
  if (code) frames = compiled(*code, frame, site.shared);
  if (frames.size() > 1 && frames.front().kind == V8FrameKind::kExit)
    frames.erase(frames.begin());  // told by the callee
  // Without names of builtins the frame tells: only an interpreted function has its bytecodes there.
  bool has_bytecodes = false;
  if (const MapInfo* map = objects_.map_of(slot(fp, offsets_.bytecode_array))) {
    has_bytecodes = map->rule == SizeRule::kBytecodeArray;
  }
  bool in_interpreter =
      builtin.empty() ? has_bytecodes || !code_.in_nameless_builtins(frame.lookup_pc()) : runs_bytecode(builtin);
  if (frames.empty() && in_interpreter && !continuation) frames = {interpreted(fp, site.shared, std::nullopt)};
  bool is_builtin = frames.empty();
  if (is_builtin) frames.emplace_back().kind = V8FrameKind::kBuiltin;
  V8Frame& physical = frames.back();
  Arguments arguments = arguments_of(fp, site.shared);
  // What optimised code works with may be more exact: `this` of a constructor, or made an object.
  bool more_exact = physical.receiver && physical.receiver->kind != FrameValue::Kind::kOptimizedOut;
  if (!more_exact) physical.receiver = arguments.receiver;
  check_receiver(physical, moved);
  set_receiver(site, physical.receiver);
  site.constructor = called_by_new(fp) || constructs_without_stub(site.function, arguments);
  physical.arguments = std::move(arguments.first);
  physical.argument_count = arguments.count;
  physical.function_word = site.function;
  physical.function = names_.text(site);
  if (moved && physical.remark.empty()) physical.remark = "its receiver may have been moved";
  if (!moved && physical.remark.empty() && may_be_another(site)) physical.remark = "its function may have been moved";
  if (is_builtin && names_.function_name(site).empty()) {
    // A closure that V8 made for itself; Error.stack hides them too.
    physical.function_word = 0;
    physical.function = builtin.empty() ? "(builtin)" : builtin;
  }
  for (V8Frame& each : frames) each.script = scripts_.name(each.script_word);
  return frames;
}

}  // namespace inquest::v8
