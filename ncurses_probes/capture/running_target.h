// The process of an event while it goes on running: the stack and the registers of the event over its memory of now.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ncurses_probes/capture/live_memory.h"
#include "postmortem/model/earlier_target.h"
#include "postmortem/model/probe_event.h"

namespace inquest::probes {

class RunningTarget : public Target {
 public:
  /// `files`: modules and what else does not change; must outlive this.
  explicit RunningTarget(const Target& files) : files_(files) {}

  /// False when the process has ended or is not the one that is known. `pieces` must live as long as they are shown.
  bool show(const ProbeEvent& event, std::span<const StackPiece> pieces);

  const MemoryReader& memory() const override { return memory_; }
  std::span<const Module> modules() const override { return files_.modules(); }
  std::span<const Thread> threads() const override { return threads_; }
  const ProcessFacts& facts() const override { return facts_; }
  std::span<const std::string> notes() const override { return {}; }
  std::optional<Address> tls_address(const Thread& thread, const Module& module, const Symbol& symbol) const override {
    return files_.tls_address(thread, module, symbol);
  }

 private:
  class Memory : public MemoryReader, public LazyMemory {
   public:
    void show(const LiveMemory& live, std::span<const StackPiece> pieces, const ProbeEvent& event);
    std::span<const std::byte> view(Address address, uint64_t limit) const override {
      return pieces_.view(*live_, address, limit);
    }
    const std::vector<MemoryRegion>& regions() const override { return live_->regions(); }
    const std::byte* place_of(Address start, uint64_t size) const override { return live_->place_of(start, size); }
    bool load(Address start, uint64_t size) const override { return live_->load(start, size); }
    uint64_t generation() const override { return live_->generation(); }
    uint64_t age() const override;
    std::optional<uint64_t> moment() const override { return moment_; }

   private:
    const LiveMemory* live_ = nullptr;
    uint64_t time_ = 0;  ///< of the event
    std::optional<uint64_t> moment_;
    EarlierPieces pieces_;
  };

  const Target& files_;
  std::unique_ptr<LiveMemory> live_;
  uint64_t pid_ = 0;
  std::optional<AtRandom> at_random_;
  bool ended_ = false;
  Memory memory_;
  std::vector<Thread> threads_;  ///< that had an event, that of this one first
  ProcessFacts facts_;
};

}  // namespace inquest::probes
