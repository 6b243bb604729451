#include "postmortem/dwarf/debug_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "postmortem/dwarf/debuginfod_client.h"
#include "postmortem/dwarf/mini_debug_info.h"

namespace inquest::dwarf {
namespace {

using elf::Bytes;
using elf::ElfImage;
using elf::ElfSection;
using elf::MappedFile;
using Image = std::shared_ptr<const ElfImage>;
using Source = DebugInfoReport::Source;

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }
/// With the slash; empty for a bare name.
std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

std::string real_path(const std::string& path) {
  std::error_code error;
  auto real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

bool same_file(const MappedFile& a, const MappedFile& b) {
  struct stat first, second;
  return fstat(a.descriptor(), &first) == 0 && fstat(b.descriptor(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

bool is_whole(const ElfSection& section) {
  return section.header.sh_type != SHT_NOBITS && section.header.sh_size > 0 &&
         section.bytes.size() == section.header.sh_size;
}

/// The .debug_info section, under either name; null when there is none or only its header was kept.
const ElfSection* units_of(const ElfImage& image) {
  for (const char* name : {".debug_info", ".zdebug_info"}) {
    const ElfSection* section = image.section(name);
    if (section && section->header.sh_type != SHT_NOBITS && section->header.sh_size > 0) return section;
  }
  return nullptr;
}

/// "/usr/lib/x.so" is "/lib/x.so" too where /lib is a link (merged /usr), and packages name either.
std::vector<std::string> aliases_of(const std::string& path) {
  std::vector<std::string> result = {path};
  if (path.starts_with("/usr/")) result.push_back(path.substr(4));
  if (path.starts_with("/lib") || path.starts_with("/bin/") || path.starts_with("/sbin/"))
    result.push_back("/usr" + path);
  return result;
}

/// The section headers, which linkers put last, lie beyond the end of the file.
bool lacks_sections(const ElfImage& image) {
  const Elf64_Ehdr& header = image.headers().header;
  return header.e_shoff != 0 && header.e_shoff >= image.bytes().size();
}

/// What a candidate has to prove.
struct Proof {
  std::string build_id;         ///< empty: none to compare with
  std::optional<uint32_t> crc;  ///< of .gnu_debuglink
};

/// The search for one module.
class Search {
 public:
  Search(const DebugFileFinder& finder, Image image, std::string path, std::string build_id)
      : finder_(finder), path_(std::move(path)), build_id_(std::move(build_id)) {
    files_.image = std::move(image);
    if (build_id_.empty() && files_.image) build_id_ = build_id_of(*files_.image);
  }

  void add_attempts(const std::vector<std::string>& tried) {
    for (const std::string& text : tried) {
      size_t colon = text.find(": ");
      files_.attempts.push_back({text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 2)});
    }
  }

  DebugFiles run() {
    look_inside();
    if (!files_.debug) by_build_id();
    if (!files_.debug) by_debuglink();
    if (!files_.debug) by_copies();
    if (!files_.debug && finder_.options().debuginfod) by_debuginfod();
    if (files_.debug) find_alternate();
    find_symbols();
    return std::move(files_);
  }

 private:
  void attempt(std::string path, std::string outcome) {
    files_.attempts.push_back({std::move(path), std::move(outcome)});
  }
  void refuse(const std::string& path, const std::string& outcome) {
    files_.refused.push_back(path + ": " + outcome);
    attempt(path, outcome);
  }

  void look_inside() {
    if (!files_.image || !files_.image->file()) return;
    const std::string& path = files_.image->file()->path();
    const ElfSection* units = units_of(*files_.image);
    if (!units) return attempt(path, "no debug information in it");
    if (!is_whole(*units)) return refuse(path, "its debug information is cut short: the file is truncated");
    attempt(path, "taken: it has debug information itself");
    files_.debug = files_.image;
    files_.source = Source::kEmbedded;
  }

  void by_build_id() {
    if (build_id_.size() <= 2) return;
    std::string name = "/.build-id/" + build_id_.substr(0, 2) + "/" + build_id_.substr(2) + ".debug";
    for (const std::string& folder : finder_.folders())
      if (consider(folder + name, {build_id_, std::nullopt}, Source::kBuildId)) return;
  }

  void by_debuglink() {
    const ElfSection* section = files_.image ? files_.image->section(".gnu_debuglink") : nullptr;
    if (!section) return;
    auto link = parse_debuglink(section->bytes);
    if (!link) return refuse(path_, "its .gnu_debuglink is damaged");
    Proof proof{build_id_, link->crc};
    for (const std::string& candidate : debuglink_candidates(link->name))
      if (consider(candidate, proof, Source::kDebuglink)) return;
  }

  std::vector<std::string> debuglink_candidates(const std::string& name) const {
    std::vector<std::string> result;
    const MappedFile* file = files_.image->file();
    std::string used = file ? file->path() : path_, real = real_path(used);
    for (const std::string& beside : {folder_of(used), folder_of(real)}) {
      result.push_back(beside + name);
      result.push_back(beside + ".debug/" + name);
    }
    const std::string& sysroot = finder_.options().sysroot;
    if (!sysroot.empty() && real.starts_with(sysroot + "/")) real.erase(0, sysroot.size());
    for (const std::string& folder : finder_.folders()) {
      for (const std::string& known : {path_, real}) {
        if (!known.starts_with('/')) continue;
        for (const std::string& alias : aliases_of(known)) result.push_back(folder + folder_of(alias) + name);
      }
    }
    for (const std::string& folder : finder_.options().debug_dirs) result.push_back(folder + "/" + name);
    return result;
  }

  /// People put the unstripped file where debug files belong.
  void by_copies() {
    for (const std::string& folder : finder_.options().debug_dirs) {
      std::vector<std::string> candidates;
      if (build_id_.size() > 2)
        candidates.push_back(folder + "/.build-id/" + build_id_.substr(0, 2) + "/" + build_id_.substr(2));
      for (const char* ending : {"", ".debug"}) {
        candidates.push_back(folder + path_ + ending);
        candidates.push_back(folder + "/" + base_name(path_) + ending);
      }
      for (const std::string& candidate : candidates)
        if (consider(candidate, {build_id_, std::nullopt}, Source::kBuildId)) return;
    }
  }

  void by_debuginfod() {
    if (build_id_.empty()) return attempt("debuginfod", "not asked: there is no build-id to ask for");
    DebuginfodAnswer answer = ask_debuginfod(build_id_);
    if (answer.path.empty()) return attempt("debuginfod", answer.reason);
    consider(answer.path, {build_id_, std::nullopt}, Source::kDebuginfod);
  }

  /// Opens `path` and takes it when it proves to be the debug file. True when debug information has been found.
  bool consider(const std::string& path, const Proof& proof, Source source) {
    if (std::ranges::count(considered_, path) > 0) return false;
    considered_.push_back(path);
    Image candidate = open(path);
    if (!candidate) return false;
    if (auto reason = disproof(*candidate, proof)) {
      refuse(path, *reason);
      return false;
    }
    const ElfSection* units = units_of(*candidate);
    if (units ? !is_whole(*units) : lacks_sections(*candidate)) {
      refuse(path, "the right file, but cut short");
      return false;
    }
    if (!units) {
      bool symbols = candidate->has_full_symbols();
      attempt(path,
              symbols ? "the right file, but it has symbols only" : "the right file, but without debug information");
      if (symbols && !files_.symbols) files_.symbols = std::move(candidate);
      return false;
    }
    attempt(path, "taken");
    files_.debug = std::move(candidate);
    files_.source = source;
    return true;
  }

  Image open(const std::string& path) {
    int failure = 0;
    auto file = MappedFile::open(path, &failure);
    if (!file) {
      attempt(path, open_failure(failure));
      return nullptr;
    }
    if (files_.image && files_.image->file() && same_file(*file, *files_.image->file())) {
      attempt(path, "is the file itself");
      return nullptr;
    }
    bool empty = file->bytes().empty();
    Image image = ElfImage::from_file(std::move(file));
    if (!image) refuse(path, empty ? "is empty" : "not an x86-64 ELF file");
    return image;
  }

  /// Why `candidate` is not what is looked for.
  static std::optional<std::string> disproof(const ElfImage& candidate, const Proof& proof) {
    std::string id = build_id_of(candidate);
    if (!proof.build_id.empty() && !id.empty() && id != proof.build_id)
      return fmt::format("another build (build-id {}, wanted {})", id, proof.build_id);
    if (proof.crc) {
      uint32_t crc = debuglink_crc(candidate.bytes());
      if (crc != *proof.crc) return fmt::format("CRC {:08x}, wanted {:08x}", crc, *proof.crc);
      return std::nullopt;
    }
    if (proof.build_id.empty()) return "nothing proves that it belongs to the program, which has no build-id";
    if (id.empty()) return "it has no build-id, wanted " + proof.build_id;
    return std::nullopt;
  }

  void find_alternate() {
    auto link = alternate_link(*files_.debug);
    if (!link) return;
    for (const std::string& candidate : alternate_candidates(*link)) {
      if (std::ranges::count(considered_, candidate) > 0) continue;
      considered_.push_back(candidate);
      Image image = open(candidate);
      if (!image) continue;
      std::string id = build_id_of(*image);
      if (const ElfSection* own = id.empty() ? image->section(".debug_sup") : nullptr) {
        if (auto checksum = parse_debug_sup(own->bytes)) id = checksum->build_id;
      }
      if (!id.empty() && id == link->build_id) {
        attempt(candidate, "taken as the file that dwz moved common parts to");
        files_.alternate = std::move(image);
        return;
      }
      refuse(candidate, fmt::format("another build of the dwz file (build-id {}, wanted {})",
                                    id.empty() ? "absent" : id, link->build_id));
    }
    files_.missing_alternate = link->name;
  }

  std::vector<std::string> alternate_candidates(const AlternateLink& link) const {
    std::vector<std::string> result;
    const MappedFile* file = files_.debug->file();
    const std::string& sysroot = finder_.options().sysroot;
    if (link.name.starts_with('/')) {
      if (!sysroot.empty()) result.push_back(sysroot + link.name);
      result.push_back(link.name);
    } else if (file) {
      result.push_back(folder_of(file->path()) + link.name);
      result.push_back(folder_of(real_path(file->path())) + link.name);
    }
    for (const std::string& folder : finder_.folders()) {
      if (link.build_id.size() > 2)
        result.push_back(folder + "/.build-id/" + link.build_id.substr(0, 2) + "/" + link.build_id.substr(2) +
                         ".debug");
      // Distributions keep these files in DEBUGDIR/.dwz.
      if (size_t at = link.name.rfind("/.dwz/"); at != std::string::npos)
        result.push_back(folder + link.name.substr(at));
      result.push_back(folder + "/.dwz/" + base_name(link.name));
    }
    for (const std::string& folder : finder_.options().debug_dirs)
      result.push_back(folder + "/" + base_name(link.name));
    return result;
  }

  void find_symbols() {
    if (files_.image && files_.image->has_full_symbols()) {
      files_.symbols = nullptr;
      return;
    }
    if (files_.debug && files_.debug->has_full_symbols()) {
      files_.symbols = files_.debug;
      return;
    }
    const ElfSection* packed = files_.image ? files_.image->section(".gnu_debugdata") : nullptr;
    if (files_.symbols || !packed) return;
    std::string failure;
    files_.symbols = unpack_mini_debug_info(packed->bytes, &failure);
    files_.symbols_are_mini = files_.symbols != nullptr;
    std::string where = path_ + " [.gnu_debugdata]";
    if (files_.symbols) return attempt(where, "taken: names of functions");
    refuse(where, failure);
  }

  const DebugFileFinder& finder_;
  std::string path_;
  std::string build_id_;
  std::vector<std::string> considered_;
  DebugFiles files_;
};

}  // namespace

DebugFileFinder::DebugFileFinder(SearchOptions options) : options_(std::move(options)) {
  auto trim = [](std::string& folder) {
    while (folder.ends_with('/')) folder.pop_back();
  };
  trim(options_.sysroot);
  std::vector<std::string> plain = options_.debug_dirs;
  plain.emplace_back("/usr/lib/debug");
  for (std::string& folder : plain) {
    trim(folder);
    for (const std::string& candidate : {options_.sysroot + folder, folder})
      if (std::ranges::count(folders_, candidate) == 0) folders_.push_back(candidate);
  }
}

DebugFiles DebugFileFinder::find(const Module& module) const {
  Image image;
  if (!module.file.empty()) {
    if (auto file = MappedFile::open(module.file, nullptr)) image = ElfImage::from_file(std::move(file));
  }
  Search search(*this, std::move(image), module.path, module.build_id);
  search.add_attempts(module.tried);
  return search.run();
}

DebugFiles DebugFileFinder::find(std::shared_ptr<const ElfImage> image) const {
  std::string path = image->file() ? image->file()->path() : "";
  std::error_code error;
  auto full = std::filesystem::absolute(path, error);
  std::string sysroot = options_.sysroot;
  std::string known = error ? path : full.lexically_normal().string();
  if (!sysroot.empty() && known.starts_with(sysroot + "/")) known.erase(0, sysroot.size());
  return Search(*this, std::move(image), known, "").run();
}

bool has_debug_info(const ElfImage& image) {
  const ElfSection* units = units_of(image);
  return units && is_whole(*units);
}

std::string build_id_of(const ElfImage& image) {
  constexpr size_t kMaxBytes = 64;
  std::string build_id;
  for (const ElfSection& section : image.sections()) {
    if (section.header.sh_type != SHT_NOTE) continue;
    elf::for_each_note(section.bytes, section.header.sh_addralign,
                       [&](uint32_t type, std::string_view name, Bytes desc) {
                         if (build_id.empty() && type == NT_GNU_BUILD_ID && name == "GNU" && desc.size() <= kMaxBytes)
                           build_id = elf::to_hex(desc);
                       });
    if (!build_id.empty()) return build_id;
  }
  return image.build_id();
}

std::optional<Debuglink> parse_debuglink(Bytes section) {
  std::string name(elf::c_string(section, 0));
  // A name with a slash would lead out of the folders that are searched; no tool writes one.
  if (name.empty() || name.size() >= section.size() || name.find('/') != std::string::npos) return std::nullopt;
  auto crc = elf::load<uint32_t>(section, elf::round_up(name.size() + 1, 4));
  if (!crc) return std::nullopt;
  return Debuglink{std::move(name), *crc};
}

std::optional<AlternateLink> parse_altlink(Bytes section) {
  std::string name(elf::c_string(section, 0));
  if (name.empty() || name.size() + 1 >= section.size()) return std::nullopt;
  std::string build_id = elf::to_hex(section.subspan(name.size() + 1));
  return AlternateLink{std::move(name), std::move(build_id)};
}

std::optional<AlternateLink> parse_debug_sup(Bytes section) {
  // uhalf version, ubyte is_supplementary, string name, uleb length, checksum
  constexpr uint64_t kName = 3;
  AlternateLink link{std::string(elf::c_string(section, kName)), {}};
  uint64_t at = kName + link.name.size() + 1;
  auto length = elf::load<uint8_t>(section, at);
  if (!length || *length > 127) return std::nullopt;  // one byte of LEB128; checksums have 8 to 64
  Bytes checksum = elf::slice(section, at + 1, *length);
  if (checksum.size() != *length) return std::nullopt;
  link.build_id = elf::to_hex(checksum);
  return link;
}

std::optional<AlternateLink> alternate_link(const ElfImage& image) {
  if (const ElfSection* section = image.section(".gnu_debugaltlink")) return parse_altlink(section->bytes);
  const ElfSection* section = image.section(".debug_sup");
  constexpr uint64_t kIsSupplementary = 2;
  if (!section || elf::load<uint8_t>(section->bytes, kIsSupplementary).value_or(1) != 0) return std::nullopt;
  auto link = parse_debug_sup(section->bytes);
  return link && !link->name.empty() ? link : std::nullopt;
}

uint32_t debuglink_crc(Bytes bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string open_failure(int failure) {
  switch (failure) {
    case ENOENT:
    case ENOTDIR: return "not there";
    case EISDIR: return "is a directory";
    case EINVAL: return "not a regular file";
    case EACCES:
    case EPERM: return "permission denied";
    default: return std::strerror(failure);
  }
}

}  // namespace inquest::dwarf
