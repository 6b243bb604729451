// Which functions write a global variable: the question after `why` has found that a bad pointer was loaded from it.
//
// The code of every module that can reach the variable is searched, not run: those that hold its address in a word of
// data (the global offset table, or a plain pointer) and the one that holds the variable itself, which after a copy
// relocation is the main program. Instructions that name the variable or such a word have its distance in their bytes,
// so a pass over the bytes finds the functions worth decoding; their stores are then followed back by the same walk
// that explains a crash. What is written through a pointer that came from elsewhere is not seen.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "postmortem/crash/explanation.h"
#include "postmortem/crash/names.h"
#include "postmortem/model/target.h"

namespace inquest::crash {

struct Writer {
  const Module* module = nullptr;
  Address function;         ///< its first byte
  std::string symbol;       ///< as linked; empty: it has no name
  Address at;               ///< the store, or the call of another writer
  std::string instruction;  ///< its text
  /// What is stored is argument 0 to 5 of the function (rdi, rsi, rdx, rcx, r8, r9) on every path; or
  std::optional<int> argument = {};
  std::optional<uint64_t> constant = {};  ///< this; neither: `source` says what is known
  std::string source = {};                ///< "its argument 2", "0", "what malloc returned"
  std::string passes_to;                  ///< the writer that it hands its argument on to; empty: it stores itself
};

struct WriterSearch {
  std::vector<Writer> writers;     ///< those that store come first
  std::vector<std::string> notes;  ///< what could not be searched: whole sentences
};

/// The functions that store to `variable`, and those of the same module that pass an argument on to one of them.
WriterSearch find_writers(const Names& names, const Thread& thread, const GlobalVariable& variable);

}  // namespace inquest::crash
