#include "postmortem/elf/open_errors.h"

#include <cerrno>
#include <cstring>

namespace inquest::elf {
namespace {

const char* machine_name(uint16_t machine) {
  switch (machine) {
    case EM_386: return "32-bit x86";
    case EM_AARCH64: return "arm64";
    case EM_ARM: return "32-bit ARM";
    case EM_PPC64: return "ppc64";
    case EM_S390: return "s390x";
    case EM_RISCV: return "RISC-V";
    default: return nullptr;
  }
}

// What a file that is not a core is, from e_type.
Error not_a_core(const std::string& path, uint16_t type) {
  switch (type) {
    case ET_EXEC:
    case ET_DYN:
      return unusable(path + " is a program or library, not a core file",
                      "give the core; its program is found by itself or with --exe");
    case ET_REL: return unusable(path + " is an object file, not a core file", "give the core file");
    default: return unusable(path + " is an ELF file of unknown type, not a core file", "give the core file");
  }
}

}  // namespace

Error open_error(const std::string& path, int failure) {
  switch (failure) {
    case ENOENT:
      return unusable("cannot open " + path + ": no such file",
                      "check the path; `sysctl kernel.core_pattern` says where cores go");
    case EACCES:
    case EPERM:
      return unusable("cannot open " + path + ": permission denied",
                      "cores belong to the user of the dead process; run as that user or copy the core");
    case EISDIR: return unusable(path + " is a directory, not a core file", "give the core file itself");
    case EINVAL: return unusable(path + " is not a regular file", "copy the core into a file first");
    default: return unusable("cannot open " + path + ": " + std::strerror(failure));
  }
}

Result<ElfHeaders> parse_core_headers(Bytes bytes, const std::string& path) {
  if (bytes.empty()) return unusable(path + " is empty", "was the disk full when the process died?");
  if (bytes.size() < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
    return unusable(path + " is not an ELF file", "give a core file, plain or compressed with zstd, lz4 or gzip");
  auto header = load<Elf64_Ehdr>(bytes, 0);
  // e_type and e_machine are at the same place in both classes, so a short 32-bit file is still named rightly.
  auto type = load<uint16_t>(bytes, offsetof(Elf64_Ehdr, e_type));
  auto machine = load<uint16_t>(bytes, offsetof(Elf64_Ehdr, e_machine));
  if (!type || !machine)
    return unusable(path + " ends within its ELF header: " + std::to_string(bytes.size()) + " bytes",
                    "the copy is truncated; copy it again");
  if (std::to_integer<int>(bytes[EI_DATA]) != ELFDATA2LSB)
    return unusable(path + " is a big-endian ELF file; only x86-64 cores can be read");
  if (std::to_integer<int>(bytes[EI_CLASS]) == ELFCLASS32)
    return unusable(path + " is a 32-bit ELF file; only x86-64 cores can be read");
  if (*machine != EM_X86_64) {
    const char* name = machine_name(*machine);
    return unusable(path + " comes from another architecture (" +
                    (name ? name : "ELF machine " + std::to_string(*machine)) + "); only x86-64 cores can be read");
  }
  if (*type != ET_CORE) return not_a_core(path, *type);
  if (!header)
    return unusable(path + " ends within its ELF header: " + std::to_string(bytes.size()) + " bytes",
                    "the copy is truncated; copy it again");
  auto headers = parse_headers(bytes);
  if (!headers || headers->segments.empty())
    return unusable(path + " has no readable program headers: they lie beyond the end of the file (" +
                        std::to_string(bytes.size()) + " bytes)",
                    "the core is truncated; copy it again or raise `ulimit -c`");
  return std::move(*headers);
}

}  // namespace inquest::elf
