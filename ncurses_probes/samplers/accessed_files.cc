#include "ncurses_probes/samplers/accessed_files.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "ncurses_probes/attach/bpf_support.h"
#include "ncurses_probes/bpf/watch.h"
#include "ncurses_probes/files.skel.h"
#include "ncurses_probes/samplers/watch_end.h"

namespace inquest::probes {
namespace {

constexpr int kForever = 1'000'000;  // milliseconds of one wait

struct Destroy {
  void operator()(inquest_files* skeleton) const { inquest_files__destroy(skeleton); }
};

std::string text_of(const char (&text)[INQUEST_FILE_NAME]) { return {text, strnlen(text, INQUEST_FILE_NAME)}; }

bool is_64_bit(uint64_t pid) {
  std::ifstream program(fmt::format("/proc/{}/exe", pid), std::ios::binary);
  char header[EI_NIDENT] = {};
  program.read(header, sizeof header);
  // What cannot be read is most likely what all others are.
  return program.gcount() != EI_NIDENT || header[EI_CLASS] == ELFCLASS64;
}

class LiveFileWatch : public FileWatch {
 public:
  std::optional<Error> start(const FileWatchRequest& request) {
    auto end = WatchEnd::prepare(request.pid, request.seconds);
    if (!end) return std::move(end).error();
    end_ = std::move(*end);
    std::error_code error;
    program_ = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", request.pid), error);
    if (!is_64_bit(request.pid))
      return unusable(fmt::format("process {} is a 32-bit program", request.pid), "only 64-bit ones are watched");
    keep_libbpf_messages();
    skeleton_.reset(inquest_files__open());
    if (!skeleton_) return missing_right(errno, "cannot prepare the program that counts");
    skeleton_->rodata->wanted_tgid = static_cast<uint32_t>(request.pid);
    if (int failure = inquest_files__load(skeleton_.get()); failure != 0)
      return missing_right(-failure, "cannot load the program that counts");
    if (int failure = inquest_files__attach(skeleton_.get()); failure != 0)
      return missing_right(-failure, "cannot watch calls");
    return std::nullopt;
  }

  const std::string& program() const override { return program_; }

  std::vector<FileAccess> finish() override {
    while (!end_->wait(kForever)) {
    }
    inquest_files__detach(skeleton_.get());
    std::vector<FileAccess> files;
    bpf_map* map = skeleton_->maps.files;
    inquest_file_key key = {};
    const inquest_file_key* before = nullptr;
    while (files.size() < INQUEST_MAX_FILES && bpf_map__get_next_key(map, before, &key, sizeof key) == 0) {
      before = &key;
      inquest_file_counts counts = {};
      if (bpf_map__lookup_elem(map, &key, sizeof key, &counts, sizeof counts, 0) != 0) continue;
      files.push_back({.name = text_of(counts.name),
                       .folder = text_of(counts.folder),
                       .device = key.device,
                       .inode = key.inode,
                       .reads = counts.reads,
                       .read_bytes = counts.read_bytes,
                       .writes = counts.writes,
                       .written_bytes = counts.written_bytes});
    }
    return files;
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes;
    if (uint64_t lost = skeleton_->bss->not_counted; lost > 0)
      notes.push_back(fmt::format("{} calls are not counted: they are of more files than {}", lost, INQUEST_MAX_FILES));
    if (uint64_t lost = skeleton_->bss->not_found; lost > 0)
      notes.push_back(fmt::format("of {} calls the file is not known: it was closed meanwhile", lost));
    return notes;
  }

 private:
  std::string program_;
  std::unique_ptr<WatchEnd> end_;
  std::unique_ptr<inquest_files, Destroy> skeleton_;
};

}  // namespace

Result<std::unique_ptr<FileWatch>> watch_files(const FileWatchRequest& request) {
  auto watch = std::make_unique<LiveFileWatch>();
  if (auto problem = watch->start(request)) return *std::move(problem);
  return std::unique_ptr<FileWatch>(std::move(watch));
}

}  // namespace inquest::probes
