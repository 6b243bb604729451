#include "v8/frames/frame_offsets.h"

#include <string_view>

namespace inquest::v8 {
namespace {

void by_version(FrameOffsets& offsets, const V8Version& version) {
  if (version < V8Version{9, 0}) {
    offsets.bytecode_array = -24;
    offsets.registers = -40;
    offsets.receiver_first = false;
  }
  if (version < V8Version{10, 0}) {
    offsets.count_has_receiver = false;
    offsets.maglev = FrameOffsets::kNoMaglev;
  }
  // Entries were added before the rows; between the measured versions the rows themselves tell.
  if (version < V8Version{9, 0}) offsets.deopt_entries = 10;
  if (version < V8Version{8, 4}) offsets.deopt_entries = 9;
  if (version < V8Version{7, 7}) offsets.deopt_entries = 8;
  if (version >= V8Version{11, 6}) {
    offsets.deopt_data = 8;
    offsets.positions = 16;
    offsets.code_flags = 40;
  }
  if (version >= V8Version{12, 0}) {
    offsets.code_flags = 48;
    offsets.frame_size = 48;
    offsets.source_positions = 24;
    offsets.registers = -56;
    offsets.maglev = 11;
  }
  if (version >= V8Version{12, 9}) offsets.script = 40;
  if (version >= V8Version{13, 0}) {
    offsets.code_flags = 52;
    offsets.literals = 3;
    offsets.inlining = 8;
    offsets.deopt_entries = 12;
  }
  if (version >= V8Version{14, 2}) offsets.maglev = 12;
}

}  // namespace

FrameOffsets FrameOffsets::resolve(const Constants& constants, const V8Version& version, const LayoutTable& table) {
  FrameOffsets offsets;
  offsets.bytecode_header = table.bytecode_array_header;
  offsets.instruction_size = table.code_instruction_size;
  by_version(offsets, version);
  auto take = [&](uint16_t& offset, std::string_view class_name, std::string_view field) {
    auto value = constants.field(class_name, field);
    if (value && *value > 0 && *value < 1024) offset = static_cast<uint16_t>(*value);
    return value.has_value();
  };
  take(offsets.bytecode_header, "BytecodeArray", "data");
  take(offsets.source_positions, "BytecodeArray", "source_position_table");
  take(offsets.function_flags, "SharedFunctionInfo", "flags");
  take(offsets.formal_parameters, "SharedFunctionInfo", "internal_formal_parameter_count");
  if (!take(offsets.script, "SharedFunctionInfo", "script")) {
    take(offsets.script, "SharedFunctionInfo", "script_or_debug_info");
  }
  take(offsets.deopt_data, "Code", "deoptimization_data");
  take(offsets.positions, "Code", "source_position_table");
  take(offsets.code_flags, "Code", "flags");
  take(offsets.instruction_size, "Code", "instruction_size");
  take(offsets.eval_from_position, "Script", "eval_from_position");
  if (constants.field("Script", "compiled_lazy_function_positions")) {
    offsets.source_url = 112;
    offsets.source_mapping_url = 120;
  }
  take(offsets.source_url, "Script", "source_url");
  take(offsets.source_mapping_url, "Script", "source_mapping_url");
  return offsets;
}

}  // namespace inquest::v8
