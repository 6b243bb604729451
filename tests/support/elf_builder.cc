#include "tests/support/elf_builder.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <cstring>
#include <fstream>
#include <stdexcept>

namespace inquest::test {
namespace {

constexpr uint64_t kPage = 4096;

uint64_t round_to_page(uint64_t value) { return (value + kPage - 1) & -kPage; }

void pad(std::string& bytes, uint64_t size) {
  if (bytes.size() < size) bytes.resize(size, '\0');
}

Elf64_Ehdr elf_header(uint16_t type, uint64_t phnum) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = type;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<uint16_t>(phnum);
  return header;
}

}  // namespace

std::string note(uint32_t type, std::string_view name, std::string_view desc) {
  Elf64_Nhdr header{static_cast<Elf64_Word>(name.size() + 1), static_cast<Elf64_Word>(desc.size()), type};
  std::string bytes = raw(header);
  bytes.append(name).push_back('\0');
  pad(bytes, (bytes.size() + 3) / 4 * 4);
  bytes.append(desc);
  pad(bytes, (bytes.size() + 3) / 4 * 4);
  return bytes;
}

CoreBuilder& CoreBuilder::memory(uint64_t address, std::string bytes, uint32_t flags, uint64_t mapped) {
  Memory memory;
  memory.header.p_type = PT_LOAD;
  memory.header.p_flags = flags;
  memory.header.p_vaddr = address;
  memory.header.p_filesz = bytes.size();
  memory.header.p_memsz = mapped ? mapped : bytes.size();
  memory.header.p_align = kPage;
  memory.bytes = std::move(bytes);
  memory_.push_back(std::move(memory));
  return *this;
}

CoreBuilder& CoreBuilder::thread(uint32_t tid, int signal, uint64_t pc, uint64_t sp, uint64_t fs_base) {
  elf_prstatus status{};
  status.pr_pid = static_cast<pid_t>(tid);
  status.pr_cursig = static_cast<short>(signal);
  user_regs_struct registers{};
  registers.rip = pc;
  registers.rsp = sp;
  registers.fs_base = fs_base;
  std::memcpy(&status.pr_reg, &registers, sizeof(registers));
  threads_ += note(NT_PRSTATUS, "CORE", raw(status));
  return *this;
}

CoreBuilder& CoreBuilder::process(uint32_t pid, std::string_view name, std::string_view arguments) {
  elf_prpsinfo info{};
  info.pr_pid = static_cast<pid_t>(pid);
  std::memcpy(info.pr_fname, name.data(), std::min(name.size(), sizeof(info.pr_fname)));
  std::memcpy(info.pr_psargs, arguments.data(), std::min(arguments.size(), sizeof(info.pr_psargs)));
  return raw_note(note(NT_PRPSINFO, "CORE", raw(info)));
}

CoreBuilder& CoreBuilder::siginfo(int signal, int code, uint64_t address) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = code;
  info.si_addr = reinterpret_cast<void*>(address);
  return raw_note(note(NT_SIGINFO, "CORE", raw(info)));
}

CoreBuilder& CoreBuilder::auxv(uint64_t type, uint64_t value) {
  auxv_.emplace_back(type, value);
  return *this;
}

CoreBuilder& CoreBuilder::file(uint64_t start, uint64_t end, uint64_t offset, std::string path) {
  files_.push_back({start, end, offset, std::move(path)});
  return *this;
}

CoreBuilder& CoreBuilder::file_unit(uint64_t bytes) {
  file_unit_ = bytes;
  return *this;
}

CoreBuilder& CoreBuilder::raw_note(std::string bytes) {
  other_notes_ += bytes;
  return *this;
}

CoreBuilder& CoreBuilder::raw_segment(const Elf64_Phdr& header) {
  memory_.push_back({header, {}});
  return *this;
}

CoreBuilder& CoreBuilder::extended_numbering() {
  extended_ = true;
  return *this;
}

std::string CoreBuilder::notes() const {
  std::string bytes = threads_ + other_notes_;
  if (!auxv_.empty()) {
    std::string desc;
    for (const auto& [type, value] : auxv_) desc += raw(type) + raw(value);
    bytes += note(NT_AUXV, "CORE", desc + std::string(16, '\0'));
  }
  if (!files_.empty()) {
    std::string desc = raw(uint64_t{files_.size()}) + raw(file_unit_);
    for (const File& file : files_) desc += raw(file.start) + raw(file.end) + raw(file.offset / file_unit_);
    for (const File& file : files_) desc.append(file.path).push_back('\0');
    bytes += note(NT_FILE, "CORE", desc);
  }
  return bytes;
}

std::string CoreBuilder::build() const {
  uint64_t count = memory_.size() + 1;
  Elf64_Ehdr header = elf_header(ET_CORE, extended_ ? PN_XNUM : count);
  std::string note_bytes = notes();
  uint64_t notes_at = sizeof(Elf64_Ehdr) + count * sizeof(Elf64_Phdr) + (extended_ ? sizeof(Elf64_Shdr) : 0);
  std::string out = raw(header);

  Elf64_Phdr note_header{};
  note_header.p_type = PT_NOTE;
  note_header.p_offset = notes_at;
  note_header.p_filesz = note_bytes.size();
  out += raw(note_header);
  uint64_t at = round_to_page(notes_at + note_bytes.size());
  std::string body;
  for (const Memory& memory : memory_) {
    Elf64_Phdr segment = memory.header;
    if (!memory.bytes.empty()) {
      segment.p_offset = at + body.size();
      body += memory.bytes;
      pad(body, round_to_page(body.size()));
    }
    out += raw(segment);
  }
  if (extended_) {
    Elf64_Shdr first{};
    first.sh_info = static_cast<Elf64_Word>(count);
    header.e_shoff = out.size();
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 1;
    out.replace(0, sizeof(header), raw(header));
    out += raw(first);
  }
  out += note_bytes;
  pad(out, at);
  return out + body;
}

ImageBuilder& ImageBuilder::entry(uint64_t vaddr) {
  entry_ = vaddr;
  return *this;
}

ImageBuilder& ImageBuilder::build_id(std::string bytes) {
  build_id_ = std::move(bytes);
  return *this;
}

ImageBuilder& ImageBuilder::base(uint64_t vaddr) {
  base_ = vaddr;
  return *this;
}

ImageBuilder& ImageBuilder::load(uint64_t vaddr, std::string bytes, uint32_t flags, uint64_t memory_size) {
  uint64_t end = loads_.empty() ? kPage : loads_.back().header.p_offset + loads_.back().bytes.size();
  Load load;
  load.header.p_type = PT_LOAD;
  load.header.p_flags = flags;
  load.header.p_offset = round_to_page(end) + vaddr % kPage;
  load.header.p_vaddr = vaddr;
  load.header.p_filesz = bytes.size();
  load.header.p_memsz = memory_size ? memory_size : bytes.size();
  load.header.p_align = kPage;
  load.bytes = std::move(bytes);
  loads_.push_back(std::move(load));
  return *this;
}

ImageBuilder& ImageBuilder::tls(uint64_t vaddr, uint64_t memory_size, uint64_t alignment) {
  header(PT_TLS, vaddr, memory_size);
  extra_.back().p_align = alignment;
  return *this;
}

ImageBuilder& ImageBuilder::header(uint32_t type, uint64_t vaddr, uint64_t size) {
  Elf64_Phdr segment{};
  segment.p_type = type;
  segment.p_vaddr = vaddr;
  segment.p_filesz = segment.p_memsz = size;
  extra_.push_back(segment);
  return *this;
}

void ImageBuilder::Table::add(const std::string& name, uint64_t value, uint64_t size, int type, int binding,
                              uint16_t section) {
  Elf64_Sym symbol{};
  symbol.st_name = static_cast<Elf64_Word>(strings.size());
  symbol.st_value = value;
  symbol.st_size = size;
  symbol.st_info = static_cast<unsigned char>(ELF64_ST_INFO(binding, type));
  symbol.st_shndx = section;
  entries.push_back(symbol);
  strings.append(name).push_back('\0');
}

ImageBuilder& ImageBuilder::symbol(std::string name, uint64_t value, uint64_t size, int type, int binding,
                                   uint16_t section) {
  full_.add(name, value, size, type, binding, section);
  return *this;
}

ImageBuilder& ImageBuilder::dynamic_symbol(std::string name, uint64_t value, uint64_t size, int type) {
  dynamic_.add(name, value, size, type, STB_GLOBAL, 1);
  return *this;
}

ImageBuilder& ImageBuilder::section_end(uint64_t vaddr) {
  section_end_ = vaddr;
  return *this;
}

ImageBuilder& ImageBuilder::section(std::string name, std::string bytes, uint32_t type, uint64_t flags) {
  Section added;
  added.header.sh_type = type;
  added.header.sh_flags = flags;
  added.header.sh_size = bytes.size();
  added.name = std::move(name);
  added.bytes = std::move(bytes);
  named_.push_back(std::move(added));
  return *this;
}

uint64_t ImageBuilder::offset_of(uint64_t vaddr) const {
  for (const Load& load : loads_)
    if (load.header.p_vaddr == vaddr) return load.header.p_offset;
  throw std::out_of_range("no segment is loaded there");
}

std::string ImageBuilder::build() const {
  std::vector<Elf64_Phdr> headers;
  Elf64_Phdr first{};
  first.p_type = PT_LOAD;
  first.p_flags = PF_R;
  first.p_vaddr = base_;
  first.p_filesz = first.p_memsz = kPage;
  headers.push_back(first);
  for (const Load& load : loads_) headers.push_back(load.header);
  headers.insert(headers.end(), extra_.begin(), extra_.end());
  std::string id_note = build_id_.empty() ? "" : note(NT_GNU_BUILD_ID, "GNU", build_id_);
  Elf64_Phdr notes{};
  notes.p_type = PT_NOTE;
  notes.p_offset = sizeof(Elf64_Ehdr) + (headers.size() + 1) * sizeof(Elf64_Phdr);
  notes.p_filesz = id_note.size();
  headers.push_back(notes);

  Elf64_Ehdr header = elf_header(type_, headers.size());
  header.e_entry = entry_;
  std::string out = raw(header);
  for (const Elf64_Phdr& segment : headers) out += raw(segment);
  out += id_note;
  pad(out, kPage);
  for (const Load& load : loads_) {
    pad(out, load.header.p_offset);
    out += load.bytes;
  }

  // 0: null, 1: what the symbols belong to, then table and strings of both kinds.
  std::vector<Elf64_Shdr> sections(2);
  sections[1].sh_type = SHT_NOBITS;
  sections[1].sh_size = section_end_;
  auto add_table = [&](const Table& table, uint32_t type) {
    if (table.entries.size() < 2) return;
    Elf64_Shdr symbols{}, strings{};
    symbols.sh_type = type;
    symbols.sh_entsize = sizeof(Elf64_Sym);
    symbols.sh_link = static_cast<Elf64_Word>(sections.size() + 1);
    symbols.sh_offset = out.size();
    symbols.sh_size = table.entries.size() * sizeof(Elf64_Sym);
    for (const Elf64_Sym& symbol : table.entries) out += raw(symbol);
    strings.sh_type = SHT_STRTAB;
    strings.sh_offset = out.size();
    strings.sh_size = table.strings.size();
    out += table.strings;
    sections.push_back(symbols);
    sections.push_back(strings);
  };
  add_table(full_, SHT_SYMTAB);
  add_table(dynamic_, SHT_DYNSYM);
  std::string names(1, '\0');
  for (const Section& section : named_) {
    sections.push_back(section.header);
    sections.back().sh_name = static_cast<Elf64_Word>(names.size());
    sections.back().sh_offset = out.size();
    names.append(section.name).push_back('\0');
    out += section.bytes;
  }
  if (!named_.empty()) {
    header.e_shstrndx = static_cast<uint16_t>(sections.size());
    Elf64_Shdr strings{};
    strings.sh_type = SHT_STRTAB;
    strings.sh_offset = out.size();
    strings.sh_size = names.size();
    out += names;
    sections.push_back(strings);
  }
  header.e_shoff = out.size();
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<uint16_t>(sections.size());
  for (const Elf64_Shdr& section : sections) out += raw(section);
  out.replace(0, sizeof(header), raw(header));
  return out;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "inquest-test-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
  path_ = std::filesystem::canonical(name);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, std::string_view bytes) const {
  std::filesystem::path file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::remove(file);  // rewriting in place makes ext4 flush to the disk on close
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return file.string();
}

}  // namespace inquest::test
