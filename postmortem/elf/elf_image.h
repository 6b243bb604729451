// An ELF64 x86-64 program or library: a file on this machine, or the vdso as the core holds it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/elf/elf_headers.h"
#include "postmortem/elf/mapped_file.h"
#include "postmortem/model/symbol.h"

namespace inquest::elf {

struct ElfSection {
  std::string_view name;
  Elf64_Shdr header{};
  Bytes bytes;  ///< as stored (maybe compressed); empty for SHT_NOBITS and for what lies beyond the end of the file
};

class ElfImage {
 public:
  /// Null when `file` is not an ELF64 x86-64 image.
  static std::shared_ptr<const ElfImage> from_file(std::shared_ptr<const MappedFile> file);
  /// The same over bytes that outlive the image.
  static std::shared_ptr<const ElfImage> from_bytes(Bytes bytes);

  const ElfHeaders& headers() const { return headers_; }
  Bytes bytes() const { return bytes_; }
  /// Null for an image in memory.
  const MappedFile* file() const { return file_.get(); }
  const std::string& build_id() const { return build_id_; }
  const std::vector<ElfSection>& sections() const { return sections_; }
  const ElfSection* section(std::string_view name) const;

  bool has_full_symbols() const;
  /// Symbols of `image`; where it was stripped those of `debug`, its separate debug file. Either may be null. Both are
  /// kept alive; indexes are built on first use.
  static std::shared_ptr<const SymbolSource> symbols(const std::shared_ptr<const ElfImage>& image,
                                                     const std::shared_ptr<const ElfImage>& debug = nullptr);

 private:
  ElfImage() = default;
  bool parse();
  void parse_sections();

  std::shared_ptr<const MappedFile> file_;
  Bytes bytes_;
  ElfHeaders headers_;
  std::string build_id_;
  std::vector<ElfSection> sections_;
};

}  // namespace inquest::elf
