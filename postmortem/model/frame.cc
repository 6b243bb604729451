#include "postmortem/model/frame.h"

namespace inquest {

std::string_view to_string(FoundBy found_by) {
  switch (found_by) {
    case FoundBy::kRegisters:
    case FoundBy::kCfi: return "cfi";
    case FoundBy::kV8: return "v8";
    case FoundBy::kFramePointer: return "frame-pointer";
    case FoundBy::kTailCall: return "tail-call";
    case FoundBy::kScan: return "scan";
  }
  return "scan";
}

}  // namespace inquest
