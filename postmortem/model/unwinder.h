// From the registers of a thread to its frames.
#pragma once

#include <cstddef>
#include <optional>

#include "postmortem/model/frame.h"
#include "postmortem/model/target.h"

namespace inquest {

/// Steps over frames that call frame information does not describe (code made by V8). Asked for every frame before
/// anything else is tried.
class FrameStepper {
 public:
  virtual ~FrameStepper() = default;
  /// Whether the code at this frame's pc is its own.
  virtual bool owns(const Frame& frame) const = 0;
  /// The registers of the caller (rip, rsp and rbp known at least), or nothing when the frame makes no sense.
  virtual std::optional<FrameRegisters> caller(const Frame& frame) const = 0;
};

struct UnwindOptions {
  size_t max_frames = 1'000'000;          ///< of one thread; a damaged stack may loop
  const FrameStepper* stepper = nullptr;  ///< may be null
};

class Unwinder {
 public:
  virtual ~Unwinder() = default;
  /// Never fails as a whole: at worst a stack of one frame and a reason. Not thread-safe.
  virtual Stack unwind(const Thread& thread, const UnwindOptions& options) = 0;
};

}  // namespace inquest
