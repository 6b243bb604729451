#include "postmortem/elf/main_program.h"

#include <algorithm>
#include <cstring>

namespace inquest::elf {
namespace {

std::string auxv_string(const CoreFile& core, const CoreNotes& notes, uint64_t type) {
  auto address = notes.auxv(type);
  return address ? std::string(c_string(core.memory(*address, 4096), 0)) : std::string();
}

// The object that the kernel started: the one that holds the program headers or the entry point it passed on.
int started_object(const CoreFile& core, const CoreNotes& notes, const ModuleMap& map) {
  for (uint64_t type : {AT_PHDR, AT_ENTRY}) {
    auto address = notes.auxv(type);
    if (!address) continue;
    for (size_t i = 0; i < notes.files.size(); ++i)
      if (*address >= notes.files[i].start && *address < notes.files[i].end) return map.object_of_mapping[i];
  }
  std::string name = auxv_string(core, notes, AT_EXECFN);
  for (size_t i = 0; i < map.objects.size(); ++i)
    if (!name.empty() && map.objects[i].path == name) return static_cast<int>(i);
  return -1;
}

// A program started as `ld.so ./program` is not what the kernel started. It is the mapped file that asks for an
// interpreter and is named in the arguments (libc.so.6 asks for one too). Gives `found` where ld.so was not run like
// that.
int behind_loader(const CoreNotes& notes, const ModuleMap& map, int found) {
  auto base_name = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
  if (found < 0 || notes.auxv(AT_BASE).value_or(0) != 0 || !base_name(map.objects[found].path).starts_with("ld"))
    return found;
  for (size_t i = 0; i < map.objects.size(); ++i) {
    const auto& headers = map.objects[i].identity.headers;
    if (!headers || !std::any_of(headers->segments.begin(), headers->segments.end(),
                                 [](const Elf64_Phdr& segment) { return segment.p_type == PT_INTERP; }))
      continue;
    std::string_view words = notes.arguments;
    while (!words.empty()) {
      std::string_view word = words.substr(0, words.find(' '));
      if (base_name(word) == base_name(map.objects[i].path)) return static_cast<int>(i);
      words.remove_prefix(std::min(words.size(), word.size() + 1));
    }
  }
  return found;
}

// Without anything else to compare in the core, the entry point still tells a wrong executable: AT_ENTRY is e_entry for
// ET_EXEC, and e_entry plus whole pages for ET_DYN. Of a program behind a loader run by hand it says nothing.
bool entry_fits(const ElfImage& image, const MappedObject& object, const CoreNotes& notes) {
  auto entry = notes.auxv(AT_ENTRY), headers = notes.auxv(AT_PHDR);
  auto is_started = [&](const FileMapping* piece) {
    return *entry - piece->start < piece->end - piece->start ||
           (headers && *headers - piece->start < piece->end - piece->start);
  };
  if (!entry || std::none_of(object.pieces.begin(), object.pieces.end(), is_started)) return true;
  uint64_t bias = *entry - image.headers().header.e_entry;
  return image.headers().header.e_type == ET_EXEC ? bias == 0 : bias % kPageSize == 0;
}

}  // namespace

int main_object(const CoreFile& core, const CoreNotes& notes, const ModuleMap& map) {
  return behind_loader(notes, map, started_object(core, notes, map));
}

void refuse_unfit(MappedObject& object, const CoreNotes& notes) {
  FileChoice& choice = object.choice;
  if (!choice.image || choice.proof != FileProof::kNone || entry_fits(*choice.image, object, notes)) return;
  choice.tried.push_back(choice.image->file()->path() + ": its entry point differs from the core's");
  choice.image.reset();
  choice.missing = FaultCause::kFileMismatch;
}

Result<FileChoice> use_executable(const std::string& path, const MappedObject& object, const CoreNotes& notes) {
  int failure = 0;
  auto file = MappedFile::open(path, &failure);
  if (!file) return unusable("cannot open the executable " + path + ": " + std::strerror(failure));
  FileChoice choice;
  choice.image = ElfImage::from_file(std::move(file));
  if (!choice.image) return unusable("the executable " + path + " is not an x86-64 ELF file");
  std::string reason;
  auto proof = compare(*choice.image, object.identity, &reason);
  if (proof == FileProof::kNone && !entry_fits(*choice.image, object, notes)) {
    proof.reset();
    reason = "its entry point differs from the core's";
  }
  if (!proof)
    return unusable("the executable " + path + " is not the program of this core: " + reason,
                    "give the build that crashed, or leave the option out to let it be found");
  choice.proof = *proof;
  return choice;
}

std::vector<FileMapping> assumed_mappings(const std::string& executable, const CoreNotes& notes) {
  auto entry = notes.auxv(AT_ENTRY);
  auto file = MappedFile::open(executable, nullptr);
  auto headers = file ? parse_headers(file->bytes()) : std::nullopt;
  if (!headers || !entry) return {};
  uint64_t bias = *entry - headers->header.e_entry;
  std::vector<FileMapping> mappings;
  for (const Elf64_Phdr& segment : headers->segments) {
    if (segment.p_type != PT_LOAD || segment.p_filesz == 0) continue;
    uint64_t inside_page = segment.p_vaddr % kPageSize;
    uint64_t start = bias + segment.p_vaddr - inside_page;
    uint64_t end = start + round_up(inside_page + segment.p_filesz, kPageSize);
    if (start < end) mappings.push_back({start, end, segment.p_offset - inside_page, executable});
  }
  sort_mappings(mappings);
  return mappings;
}

}  // namespace inquest::elf
