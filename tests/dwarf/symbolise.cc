// symbolise FILE [--functions]: for each hex address on standard input what `llvm-symbolizer --inlines` prints, so that
// the two can be compared line by line: linker names, and the outermost function always by the symbol table, as LLVM
// does it. With --functions names as inquest shows them in frames.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "postmortem/dwarf/debug_info_source.h"
#include "postmortem/elf/elf_image.h"

int main(int argc, char** argv) {
  using namespace inquest;
  if (argc < 2) {
    std::fprintf(stderr, "usage: symbolise FILE [--functions] < ADDRESSES\n");
    return 2;
  }
  bool functions = argc > 2 && std::string(argv[2]) == "--functions";
  auto source = dwarf::make_debug_info_source(nullptr, {});
  auto info = source->open(argv[1]);
  if (!info) {
    std::fprintf(stderr, "%s\n", info.error().line().c_str());
    return 3;
  }
  int failure = 0;
  auto image = elf::ElfImage::from_file(elf::MappedFile::open(argv[1], &failure));
  auto symbols = image->has_full_symbols() ? elf::ElfImage::symbols(image) : nullptr;
  std::vector<uint64_t> addresses;
  for (std::string line; std::getline(std::cin, line);) addresses.push_back(std::strtoull(line.c_str(), nullptr, 16));
  CodeLocations found = (*info)->locate(addresses);
  std::string out;
  for (size_t i = 0; i < addresses.size(); ++i) {
    char number[32];
    std::snprintf(number, sizeof(number), "0x%llx\n", static_cast<unsigned long long>(addresses[i]));
    out += number;
    auto locations = found.of(i);
    if (locations.empty()) out += "??\n??:0:0\n";
    for (const CodeLocation& location : locations) {
      std::string_view name = functions ? location.function : location.linkage_name;
      auto symbol = functions || location.inlined || !symbols ? std::nullopt : symbols->covering(addresses[i]);
      if (symbol) name = symbol->name;
      out += name.empty() ? "??" : name;
      out += '\n';
      out += location.file.empty() ? "??" : location.file;
      out += ':' + std::to_string(location.line) + ':' + std::to_string(location.column) + '\n';
    }
    out += '\n';
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  for (const std::string& note : (*info)->notes()) std::fprintf(stderr, "%s\n", note.c_str());
  return 0;
}
