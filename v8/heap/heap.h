// The V8 heap of a dead process: isolates, pages, roots and what is needed to walk them. Opening it touches page
// headers, roots and a sample of objects only; walking is done by census and liveness.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/model/result.h"
#include "postmortem/model/target.h"
#include "v8/heap/background_areas.h"
#include "v8/heap/linear_areas.h"
#include "v8/heap/map_cache.h"
#include "v8/heap/object_size.h"
#include "v8/heap/page_table.h"
#include "v8/heap/roots.h"
#include "v8/heap/type_table.h"
#include "v8/heap/walker.h"
#include "v8/layout/constants.h"

namespace inquest::v8 {

struct Isolate {
  uint32_t index = 0;
  Address address;  ///< null when no thread told it
  Address heap;
  Roots roots;
  std::vector<uint64_t> threads;
  bool scavenging = false;  ///< died in the middle of a scavenge: from-space holds live objects
};

/// How facts were obtained, for the capability report.
struct Provenance {
  std::string page_layout;
  std::string table;  ///< "V8 12.4", and why it is not that of the version when it is not
  std::string free_space_unit;
  std::string feedback_vector;
  std::string threads;
  size_t v8dbg_constants = 0;
  WalkStats validation;  ///< of the pages walked when opening
  size_t validated_pages = 0;
};

class Heap {
 public:
  /// `module` is the one that carries V8's symbols.
  static Result<std::unique_ptr<Heap>> open(const Target& target, const Module& module);

  const Target& target() const { return target_; }
  const Module& module() const { return module_; }
  const Layout& layout() const { return layout_; }
  const TypeTable& types() const { return types_; }
  const PageTable& pages() const { return pages_; }
  PageTable& mutable_pages() { return pages_; }
  const std::vector<Isolate>& isolates() const { return isolates_; }
  const SizeCalibration& calibration() const { return calibration_; }
  const Provenance& provenance() const { return provenance_; }
  const Constants& constants() const { return constants_; }
  const RootNames& root_names() const { return root_names_; }
  std::span<const LinearArea> areas_of(const Page& page) const {
    auto index = static_cast<size_t>(&page - pages_.pages().data());
    return index < areas_.size() ? areas_[index] : std::span<const LinearArea>();  // a page of a live process
  }
  /// The process goes on running: nothing stays as it is but what V8 never changes.
  bool is_live() const { return pages_.is_live(); }

  /// The tagged value of a root; 0 when there is no such root in this version.
  uint64_t root(std::string_view name, uint32_t isolate = 0) const;
  /// The same of the isolate whose pages hold `object`, a tagged word; of the first one where that is not known.
  uint64_t root_near(std::string_view name, uint64_t object) const;

  MapCache new_map_cache() const { return MapCache(pages_, layout_, types_); }
  Walker new_walker(MapCache& maps) const {
    return Walker(pages_, layout_, calibration_, maps,
                  [this](uint64_t top) { return background_areas().limit_of(top); });
  }

  /// Searched for on first use, which is where a walk meets bytes that are no object. Thread-safe.
  const BackgroundAreas& background_areas() const;

  bool is_read_only(uint64_t address) const {
    const Page* page = pages_.page_of(address);
    return page && page->space == Space::kReadOnly;
  }

 private:
  Heap(const Target& target, const Module& module) : target_(target), module_(module) {}

  bool choose_page_layout();
  bool read_live_page(Address chunk, Page& page) const;
  void fit_live_layout();
  bool find_isolates(uint16_t map_type);
  void assign_threads();
  void build_types();
  void calibrate_sizes();
  void revive_from_space();
  void validate();
  void try_neighbouring_tables();

  const Target& target_;
  const Module& module_;
  Constants constants_;
  Layout layout_;
  TypeTable types_;
  PageTable pages_;
  RootNames root_names_;
  std::vector<Isolate> isolates_;
  SizeCalibration calibration_;
  std::vector<std::vector<LinearArea>> areas_;
  Provenance provenance_;
  mutable std::once_flag background_once_;
  mutable std::unique_ptr<const BackgroundAreas> background_areas_;
};

}  // namespace inquest::v8
