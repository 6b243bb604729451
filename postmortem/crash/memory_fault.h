// SIGSEGV and SIGBUS that an instruction raised: which operand, which address, what lies there, whose value it was.
#pragma once

#include "postmortem/crash/explanation.h"
#include "postmortem/crash/scene.h"

namespace inquest::crash {

/// Fills in `explanation`, whose signal is known already.
void explain_memory_fault(const Scene& scene, Explanation& explanation);

/// The address that the instruction of the frame cannot use, when it accesses one where nothing is mapped.
std::optional<Address> unusable_address(const Scene& scene);

/// Whether the instruction of the frame accesses this address.
bool accesses_address(const Scene& scene, Address address);

/// `detail` from the steps of a value's way: "rax, null, was loaded from the global head; in pop (list.c:20)".
std::string detail_of(const Scene& scene, const std::string& subject, const std::vector<OriginStep>& steps);
/// "rax, null" or "rax (0x7f00..)".
std::string register_with_value(Registers::Index index, std::optional<uint64_t> value);

}  // namespace inquest::crash
