// What this folder reads instructions with, by short names.
#pragma once

#include "postmortem/code/instruction.h"

namespace inquest::crash {

using code::Access;
using code::Disassembler;
using code::Flow;
using code::Instruction;
using code::Operand;
using code::Register;
using code::register_name;

}  // namespace inquest::crash
