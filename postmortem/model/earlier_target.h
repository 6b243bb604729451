// A process as its core shows it, with the stack that one of its threads had at an earlier moment.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "postmortem/model/earlier_stack.h"
#include "postmortem/model/target.h"

namespace inquest {

/// A part of a stack as it was.
struct StackPiece {
  Address start;
  std::span<const std::byte> bytes;
};

/// Pieces of stacks over the memory of later. Of the stacks nothing but the pieces can be read: what the memory holds
/// around them is of later.
class EarlierPieces {
 public:
  /// `pieces` must live as long as they are shown. `is_whole`: they reach the top of their stacks.
  void show(const MemoryReader& later, std::span<const StackPiece> pieces, bool is_whole);
  std::span<const std::byte> view(const MemoryReader& later, Address address, uint64_t limit) const;

 private:
  struct Range {
    Address start, end;
  };
  std::vector<StackPiece> pieces_;
  std::vector<Range> later_;
};

/// Threads, modules and facts are those of the core. Of the stacks that are shown nothing but the pieces can be read:
/// what the core holds around them is of later.
class EarlierTarget : public Target {
 public:
  /// `core` must outlive this.
  explicit EarlierTarget(const Target& core) : core_(core), memory_(core.memory()) {}

  struct Moment {
    uint64_t age = UINT64_MAX;               ///< EarlierStack::age
    std::optional<uint64_t> monotonic = {};  ///< EarlierStack::moment
    bool is_whole = false;                   ///< the pieces reach the top of their stacks
  };
  /// `pieces` must live as long as they are shown.
  void show(std::span<const StackPiece> pieces, const Moment& moment) { memory_.show(pieces, moment); }

  const MemoryReader& memory() const override { return memory_; }
  std::span<const Module> modules() const override { return core_.modules(); }
  std::span<const Thread> threads() const override { return core_.threads(); }
  const ProcessFacts& facts() const override { return core_.facts(); }
  std::span<const std::string> notes() const override { return {}; }
  std::optional<Address> tls_address(const Thread& thread, const Module& module, const Symbol& symbol) const override {
    return core_.tls_address(thread, module, symbol);
  }

 private:
  class Memory : public MemoryReader, public EarlierStack {
   public:
    explicit Memory(const MemoryReader& below) : below_(below) {}
    void show(std::span<const StackPiece> pieces, const Moment& moment) {
      moment_ = moment;
      pieces_.show(below_, pieces, moment.is_whole);
    }
    std::span<const std::byte> view(Address address, uint64_t limit) const override {
      return pieces_.view(below_, address, limit);
    }
    const std::vector<MemoryRegion>& regions() const override { return below_.regions(); }
    std::vector<DataExtent> data_extents(Address start, uint64_t size) const override {
      return below_.data_extents(start, size);
    }
    uint64_t age() const override { return moment_.age; }
    std::optional<uint64_t> moment() const override { return moment_.monotonic; }

   private:
    const MemoryReader& below_;
    Moment moment_;
    EarlierPieces pieces_;
  };

  const Target& core_;
  Memory memory_;
};

}  // namespace inquest
