#include "postmortem/elf/object_file.h"

#include <cerrno>
#include <cstring>

#include "postmortem/elf/elf_image.h"
#include "postmortem/elf/file_resolver.h"

namespace inquest::elf {
namespace {

Error open_failure(const std::string& path, int failure) {
  switch (failure) {
    case ENOENT: return unusable("cannot open " + path + ": no such file", "give the program that was running");
    case EACCES:
    case EPERM: return unusable("cannot open " + path + ": permission denied", "run as a user who may read it");
    case EISDIR: return unusable(path + " is a directory, not a program", "give the program itself");
    case EINVAL: return unusable(path + " is not a regular file", "give the program itself");
    default: return unusable("cannot open " + path + ": " + std::strerror(failure));
  }
}

Error not_usable(const std::string& path, Bytes bytes) {
  const char* hint = "give the program that was running";
  if (bytes.empty()) return unusable(path + " is empty", hint);
  if (bytes.size() < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
    return unusable(path + " is not an ELF file", hint);
  if (bytes.size() > EI_CLASS && std::to_integer<int>(bytes[EI_CLASS]) == ELFCLASS32)
    return unusable(path + " is a 32-bit ELF file; only x86-64 programs can be read");
  auto machine = load<uint16_t>(bytes, offsetof(Elf64_Ehdr, e_machine));
  if (!machine || bytes.size() < sizeof(Elf64_Ehdr))
    return unusable(path + " ends within its ELF header", "the copy is truncated; copy it again");
  if (*machine != EM_X86_64) return unusable(path + " is a program for another architecture, not for x86-64");
  return unusable(path + " is a damaged ELF file", "copy it again");
}

}  // namespace

Result<ObjectFile> open_object_file(const std::string& path, const std::string& sysroot,
                                    const std::vector<std::string>& debug_dirs) {
  int failure = 0;
  std::shared_ptr<const MappedFile> file;
  if (!sysroot.empty()) file = MappedFile::open(sysroot + "/" + path, &failure);
  if (!file) file = MappedFile::open(path, &failure);
  if (!file) return open_failure(path, failure);
  auto image = ElfImage::from_file(file);
  if (!image) return not_usable(path, file->bytes());
  uint16_t type = image->headers().header.e_type;
  if (type != ET_EXEC && type != ET_DYN) {
    return unusable(path + (type == ET_CORE ? " is a core file, not a program" : " is an object file, not a program"),
                    type == ET_CORE ? "give the core by --core" : "give the program it was linked into");
  }
  ObjectFile object;
  object.path = file->path();
  object.position_independent = type == ET_DYN;
  object.build_id = image->build_id();
  for (const Elf64_Phdr& segment : image->headers().segments) {
    if (segment.p_type != PT_LOAD) continue;
    object.segments.push_back(
        {segment.p_vaddr, segment.p_memsz, segment.p_offset, segment.p_filesz, (segment.p_flags & PF_X) != 0});
  }
  if (object.segments.empty()) {
    return unusable(path + " has no segments to load", "a separate debug file? give the program it belongs to");
  }
  std::shared_ptr<const ElfImage> debug;
  if (!image->has_full_symbols() && !object.build_id.empty())
    debug = FileResolver(sysroot, debug_dirs, "").debug_file(object.build_id);
  object.symbols = ElfImage::symbols(image, debug);
  return object;
}

}  // namespace inquest::elf
