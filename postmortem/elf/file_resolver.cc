#include "postmortem/elf/file_resolver.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace inquest::elf {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Entry point and program headers, which `strip` and `objcopy --add-gnu-debuglink` leave alone but for the offsets.
bool same_headers(const ElfHeaders& a, const ElfHeaders& b) {
  if (a.header.e_type != b.header.e_type || a.header.e_entry != b.header.e_entry) return false;
  if (a.header.e_phnum != b.header.e_phnum) return false;
  size_t common = std::min(a.segments.size(), b.segments.size());
  return std::equal(a.segments.begin(), a.segments.begin() + static_cast<ptrdiff_t>(common), b.segments.begin(),
                    [](Elf64_Phdr x, Elf64_Phdr y) {
                      x.p_offset = y.p_offset = 0;
                      return std::memcmp(&x, &y, sizeof x) == 0;
                    });
}

std::string failure_text(int failure) {
  switch (failure) {
    case ENOENT:
    case ENOTDIR: return "not found";
    case EISDIR: return "is a directory";
    case EINVAL: return "not a regular file";
    case EACCES: return "permission denied";
    default: return std::strerror(failure);
  }
}

}  // namespace

std::optional<FileProof> compare(const ElfImage& image, const CoreIdentity& core, std::string* reason) {
  if (!core.headers) return FileProof::kNone;
  if (!core.build_id.empty() || !image.build_id().empty()) {
    if (core.build_id == image.build_id()) return FileProof::kBuildId;
    auto named = [](const std::string& id) { return id.empty() ? std::string("absent") : id; };
    if (!core.build_id.empty()) {
      *reason = "its build-id is " + named(image.build_id()) + ", the core's is " + core.build_id;
      return std::nullopt;
    }
    // The note may lie behind the one page that the kernel dumps; then the headers decide.
  }
  if (same_headers(image.headers(), *core.headers)) return FileProof::kHeaders;
  *reason = "its ELF headers differ from those in the core";
  return std::nullopt;
}

FileResolver::FileResolver(std::string sysroot, std::vector<std::string> debug_dirs, const std::string& core_path)
    : sysroot_(std::move(sysroot)), debug_dirs_(std::move(debug_dirs)) {
  while (sysroot_.ends_with('/')) sysroot_.pop_back();
  std::error_code failure;
  std::filesystem::path core = std::filesystem::absolute(core_path, failure);
  core_folder_ = (failure ? std::filesystem::path(core_path) : core).lexically_normal().parent_path().string() + "/";
}

std::vector<std::string> FileResolver::candidates(const std::string& path, const std::string& build_id) const {
  std::vector<std::string> result;
  auto add = [&result](std::string candidate) {
    if (std::find(result.begin(), result.end(), candidate) == result.end()) result.push_back(std::move(candidate));
  };
  if (!sysroot_.empty()) add(sysroot_ + path);
  // With a sysroot the file of this machine is used only when its build-id proves it right (see resolve).
  add(path);
  add(core_folder_ + base_name(path));
  for (const std::string& folder : debug_dirs_) {
    if (build_id.size() > 2) add(folder + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2));
    add(folder + path);
    add(folder + "/" + base_name(path));
  }
  return result;
}

std::shared_ptr<const ElfImage> FileResolver::debug_file(const std::string& build_id) const {
  if (build_id.size() <= 2) return nullptr;
  std::vector<std::string> folders = debug_dirs_;
  if (!sysroot_.empty()) folders.push_back(sysroot_ + "/usr/lib/debug");
  folders.push_back("/usr/lib/debug");
  for (const std::string& folder : folders) {
    auto file =
        MappedFile::open(folder + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug", nullptr);
    auto image = file ? ElfImage::from_file(std::move(file)) : nullptr;
    if (image && image->build_id() == build_id) return image;
  }
  return nullptr;
}

FileChoice FileResolver::resolve(const std::string& path, const CoreIdentity& core) const {
  FileChoice choice;
  bool mismatch = false;
  for (const std::string& candidate : candidates(path, core.build_id)) {
    int failure = 0;
    auto file = MappedFile::open(candidate, &failure);
    if (!file) {
      choice.tried.push_back(candidate + ": " + failure_text(failure));
      continue;
    }
    auto image = ElfImage::from_file(std::move(file));
    if (!image) {
      choice.not_elf = true;
      choice.tried.push_back(candidate + ": not an x86-64 ELF file");
      continue;
    }
    std::string reason;
    auto proof = compare(*image, core, &reason);
    bool own_file = !sysroot_.empty() && candidate == path;
    if (proof && own_file && *proof != FileProof::kBuildId) {
      proof.reset();
      reason = "outside the sysroot, and nothing proves that it is the right one";
    } else if (!proof) {
      mismatch = true;
    }
    if (!proof) {
      choice.tried.push_back(candidate + ": " + reason);
      continue;
    }
    choice.image = std::move(image);
    choice.proof = *proof;
    choice.not_elf = false;
    return choice;
  }
  choice.missing = mismatch ? FaultCause::kFileMismatch : FaultCause::kFileMissing;
  return choice;
}

}  // namespace inquest::elf
