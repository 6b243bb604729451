// Finds the file on this machine that the dead process had mapped, and refuses another build of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/elf/elf_image.h"
#include "postmortem/model/memory_reader.h"

namespace inquest::elf {

/// What the core itself says about a mapped file: its first page, when that was dumped.
struct CoreIdentity {
  Bytes first_page;                   ///< empty when the core does not hold it
  std::optional<ElfHeaders> headers;  ///< parsed from it
  std::string build_id;               ///< empty: no build-id, or its bytes are not in the core
};

/// How sure it is that the file is the one the process had mapped.
enum class FileProof : uint8_t {
  kBuildId,  ///< same build-id
  kHeaders,  ///< neither has a build-id, but the ELF headers in the core's first page are the file's
  kNone,     ///< the core holds nothing to compare with
};

struct FileChoice {
  std::shared_ptr<const ElfImage> image;  ///< null when no file was accepted
  FileProof proof = FileProof::kNone;
  std::optional<FaultCause> missing;  ///< kFileMissing or kFileMismatch when `image` is null
  bool not_elf = false;               ///< the file is there but is data (locale-archive, a font ...): not a module
  std::vector<std::string> tried;     ///< "PATH: reason", for each file that was refused
};

/// The build-id comparison of one file with the core; on refusal `reason` says why in words.
std::optional<FileProof> compare(const ElfImage& image, const CoreIdentity& core, std::string* reason);

class FileResolver {
 public:
  /// `sysroot` may be empty; `core_path` gives the folder where files lying beside the core are looked for.
  FileResolver(std::string sysroot, std::vector<std::string> debug_dirs, const std::string& core_path);

  /// Tries the path itself (below the sysroot, if there is one), then the core's folder, then the debug folders.
  FileChoice resolve(const std::string& path, const CoreIdentity& core) const;

  /// The separate debug file of this build-id (.build-id/xx/....debug in a debug folder or /usr/lib/debug), or null.
  std::shared_ptr<const ElfImage> debug_file(const std::string& build_id) const;

 private:
  std::vector<std::string> candidates(const std::string& path, const std::string& build_id) const;

  std::string sysroot_;
  std::vector<std::string> debug_dirs_;
  std::string core_folder_;
};

}  // namespace inquest::elf
