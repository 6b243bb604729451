// Bytecodes::kBytecodeSizes of the binary (src/interpreter/bytecodes.h): how long each bytecode is, by operand scale.
#pragma once

#include "postmortem/model/target.h"
#include "v8/frames/code_tables.h"

namespace inquest::v8 {

/// By its symbol; of a stripped binary by its first bytes, which nothing else in it has. Empty when it is not there.
BytecodeSizes find_bytecode_sizes(const Target& target, const Module& module);

}  // namespace inquest::v8
