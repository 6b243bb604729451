// The ELF files mapped into the process: which there were, where, and which file on this machine gives their bytes.
//
// A module is one load of one file: all NT_FILE entries of a path that agree on the bias. V8 maps the page-aligned
// .text of its embedded builtins a second time near its code range (mremap with old_size 0, v8
// src/codegen/../code-range.cc, RemapEmbeddedBuiltins): NT_FILE names the node binary there with a file offset, so that
// copy becomes a module of its own with another bias. Bytes are therefore resolved per NT_FILE entry, by file offset;
// where the file at hand has another layout than the one that was mapped, by the address that the offset was linked at.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "postmortem/elf/core_file.h"
#include "postmortem/elf/core_notes.h"
#include "postmortem/elf/file_resolver.h"
#include "postmortem/model/target.h"

namespace inquest::elf {

/// A mapped file, all its pieces taken together.
struct MappedObject {
  std::string path;
  std::vector<const FileMapping*> pieces;  ///< by address
  CoreIdentity identity;
  FileChoice choice;
  bool is_elf = false;  ///< known to be a program or library, be the file at hand or not

  /// What tells which file offset is linked where: the headers of the file that the process had mapped where the core
  /// has them, else those of the file that was chosen; null when there are none.
  const ElfHeaders* offsets() const;
  /// Bytes of the chosen file for `address` of `piece`, up to `limit`; empty where it has none. They lie at another
  /// offset than the core says when the file was stripped after the process had started, or the process ran a stripped
  /// one.
  Bytes file_bytes(const FileMapping& piece, uint64_t address, uint64_t limit) const;
};

struct ModuleMap {
  std::vector<MappedObject> objects;
  std::vector<int> object_of_mapping;  ///< index in `objects` for each entry of CoreNotes::files
  std::vector<Module> modules;         ///< the main program first, then by address
  /// Headers per module, for the TLS layout; empty optional when neither core nor file gives them.
  std::vector<std::optional<ElfHeaders>> headers;
};

/// `executable` overrides the main program's file; an error when it cannot be used or is another build.
Result<ModuleMap> find_modules(const CoreFile& core, const CoreNotes& notes, const FileResolver& resolver,
                               const std::string& executable);

}  // namespace inquest::elf
