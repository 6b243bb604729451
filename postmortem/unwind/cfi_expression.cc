#include "postmortem/unwind/cfi_expression.h"

#include "postmortem/elf/expression_machine.h"

namespace inquest::unwind {

std::optional<uint64_t> evaluate(Bytes expression, const FrameRegisters& registers, const MemoryReader& memory,
                                 std::optional<uint64_t> initial) {
  elf::ExpressionMachine machine(expression, registers, memory);
  return machine.run(initial) ? machine.top() : std::nullopt;
}

}  // namespace inquest::unwind
