#include "v8/strings/string_census.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>

#include "v8/heap/object_index.h"
#include "v8/heap/parallel.h"
#include "v8/strings/string_content.h"

namespace inquest::v8 {
namespace {

constexpr size_t kParts = 64;  ///< strings are shared out by their hashes, to be sorted side by side
constexpr size_t kRowsKeptAtOnce = 4096;

struct HashedString {
  uint64_t hash;
  uint64_t word;  ///< tagged
};

bool wanted(Reachability which, const Page& page, uint64_t address) {
  if (which == Reachability::kAll) return true;
  bool live = page.space == Space::kReadOnly || ObjectIndex::is_marked(page, address);
  return live == (which == Reachability::kLive);
}

/// What one worker reads with.
struct Reader {
  explicit Reader(const Heap& whole)
      : heap(whole),
        maps(whole.new_map_cache()),
        objects(whole, maps),
        contents(objects),
        walker(whole.new_walker(maps)) {}

  bool read(uint64_t word, StringContent& content) {
    const MapInfo* map = objects.map_of(word);
    return map != nullptr && contents.read(word, *map, content) == StringContents::Outcome::kRead;
  }

  const Heap& heap;
  MapCache maps;
  ObjectReader objects;
  StringContents contents;
  Walker walker;
};

uint64_t hash_of(const StringContent& content, uint32_t isolate) {
  uint64_t hash = std::hash<std::string_view>()(content.bytes);
  return hash ^ (uint64_t{isolate} * 2 + content.two_byte) * 0x9e3779b97f4a7c15ull;
}

/// The first half: a worker's share of the pages.
class Collector {
 public:
  Collector(const Heap& heap, const StringOptions& options) : reader_(heap), options_(options) {}

  void page(const Page& page, Reachability which) {
    WalkStats stats;
    reader_.walker.walk(page, reader_.heap.areas_of(page), stats,
                        [&](uint64_t address, const MapInfo& map, uint64_t, const std::byte*) {
                          if (map.category != Category::kString || !wanted(which, page, address)) return;
                          add(address + kHeapObjectTag, map, page.isolate);
                        });
  }

  std::array<std::vector<HashedString>, kParts> parts;
  uint64_t strings = 0, size = 0, not_compared = 0, unreadable = 0;

 private:
  void add(uint64_t word, const MapInfo& map, uint32_t isolate) {
    if (reader_.objects.string_length(word).value_or(0) < options_.min_length) return;
    ++strings;
    size += string_size(reader_.objects, word, map);
    StringContent content;
    switch (reader_.contents.read(word, map, content)) {
      case StringContents::Outcome::kRead: break;
      case StringContents::Outcome::kTooLong: ++not_compared; return;
      case StringContents::Outcome::kUnreadable: ++unreadable; return;
    }
    uint64_t hash = hash_of(content, isolate);
    parts[hash % kParts].push_back({hash, word});
  }

  Reader reader_;
  const StringOptions& options_;
};

bool before(StringOptions::Sort sort, const StringRow& a, const StringRow& b) {
  auto key = [sort](const StringRow& row) {
    switch (sort) {
      case StringOptions::Sort::kWasted: return row.wasted;
      case StringOptions::Sort::kCount: return row.count;
      case StringOptions::Sort::kSize: return row.size;
      case StringOptions::Sort::kLength: return row.length;
    }
    return row.size;
  };
  if (key(a) != key(b)) return key(a) > key(b);
  if (a.size != b.size) return a.size > b.size;
  return a.sample < b.sample;
}

/// The second half: strings whose hashes fall into one part.
class Grouper {
 public:
  Grouper(const Heap& heap, const StringOptions& options) : reader_(heap), options_(options) {
    if (options.pattern) matcher_.emplace(*options.pattern);
  }

  void group(std::vector<HashedString>& entries) {
    std::ranges::sort(entries, [](const HashedString& a, const HashedString& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.word < b.word;
    });
    for (size_t from = 0; from < entries.size();) {
      size_t to = from + 1;
      while (to < entries.size() && entries[to].hash == entries[from].hash) ++to;
      alike(std::span(entries).subspan(from, to - from));
      from = to;
    }
  }

  uint64_t not_matched() const { return matcher_ ? matcher_->not_matched() : 0; }

  std::vector<StringRow> rows;
  uint64_t chosen = 0, duplicated = 0, wasted = 0;

 private:
  /// Equal hashes are equal texts but for accidents, which make rounds of their own.
  void alike(std::span<HashedString> entries) {
    while (!entries.empty()) {
      size_t same = 1;
      if (entries.size() > 1) {
        StringContent first, other;
        if (!reader_.read(entries[0].word, first)) return;
        std::string text(first.bytes);
        auto rest = std::stable_partition(entries.begin() + 1, entries.end(), [&](const HashedString& entry) {
          return reader_.read(entry.word, other) && other.two_byte == first.two_byte && other.bytes == text;
        });
        same = static_cast<size_t>(rest - entries.begin());
      }
      add(entries.first(same));
      entries = entries.subspan(same);
    }
  }

  void add(std::span<const HashedString> entries) {
    if (entries.size() < 2 && !options_.single) return;
    const ObjectReader& objects = reader_.objects;
    uint64_t word = entries[0].word;
    if (matcher_ && !matcher_->matches(objects, word)) return;
    StringRow row;
    row.count = entries.size();
    row.length = objects.string_length(word).value_or(0);
    row.sample = Address(word);
    const Page* page = reader_.heap.pages().page_of(word - kHeapObjectTag);
    row.isolate = page != nullptr ? page->isolate : 0;
    uint64_t largest = 0;
    for (const HashedString& entry : entries) {
      const MapInfo* map = objects.map_of(entry.word);
      if (map == nullptr) continue;
      uint64_t size = string_size(objects, entry.word, *map);
      row.size += size;
      largest = std::max(largest, size);
      switch (string_kind(*map)) {
        case StringKind::kFlat: ++row.flat; break;
        case StringKind::kCons: ++row.cons; break;
        case StringKind::kExternal: ++row.external; break;
        case StringKind::kSliced: ++row.sliced; break;
        case StringKind::kThin: ++row.thin; break;
      }
    }
    row.wasted = row.size - largest;
    ++chosen;
    if (row.count > 1) {
      ++duplicated;
      wasted += row.wasted;
    }
    rows.push_back(std::move(row));
    if (options_.limit != 0 && rows.size() >= options_.limit + kRowsKeptAtOnce) cut();
  }

  void cut() {
    auto last = rows.begin() + static_cast<ptrdiff_t>(options_.limit);
    std::ranges::nth_element(rows, last,
                             [&](const StringRow& a, const StringRow& b) { return before(options_.sort, a, b); });
    rows.erase(last, rows.end());
  }

  Reader reader_;
  const StringOptions& options_;
  std::optional<StringMatcher> matcher_;
};

}  // namespace

StringReport survey_strings(const Heap& heap, const StringOptions& options, Reachability which,
                            const std::function<bool()>& go_on) {
  size_t workers = worker_count();
  std::atomic<bool> stop{false};
  auto stopped = [&](size_t worker) {
    if (worker == 0 && go_on && !go_on()) stop = true;
    return stop.load();
  };
  std::vector<std::unique_ptr<Collector>> collectors;
  std::vector<std::unique_ptr<Grouper>> groupers;
  for (size_t i = 0; i < workers; ++i) {
    collectors.push_back(std::make_unique<Collector>(heap, options));
    groupers.push_back(std::make_unique<Grouper>(heap, options));
  }
  const std::vector<Page>& pages = heap.pages().pages();
  parallel_for(pages.size(), workers, [&](size_t worker, size_t i) {
    if (!pages[i].stale && !stopped(worker)) collectors[worker]->page(pages[i], which);
  });
  parallel_for(kParts, workers, [&](size_t worker, size_t part) {
    if (stopped(worker)) return;
    std::vector<HashedString> entries;
    for (auto& collector : collectors) {
      entries.insert(entries.end(), collector->parts[part].begin(), collector->parts[part].end());
      collector->parts[part] = {};
    }
    groupers[worker]->group(entries);
  });
  StringReport report;
  for (auto& collector : collectors) {
    report.strings += collector->strings;
    report.size += collector->size;
    report.not_compared += collector->not_compared;
    report.unreadable += collector->unreadable;
  }
  for (auto& grouper : groupers) {
    report.chosen += grouper->chosen;
    report.duplicated += grouper->duplicated;
    report.wasted += grouper->wasted;
    report.not_matched += grouper->not_matched();
    std::ranges::move(grouper->rows, std::back_inserter(report.rows));
  }
  std::ranges::sort(report.rows, [&](const StringRow& a, const StringRow& b) { return before(options.sort, a, b); });
  if (options.limit != 0 && report.rows.size() > options.limit) report.rows.resize(options.limit);
  MapCache maps = heap.new_map_cache();
  ObjectReader objects(heap, maps);
  for (StringRow& row : report.rows) {
    row.text = objects.string(row.sample.value(), options.max_text).value_or("");
    row.cut = row.length > options.max_text;
  }
  return report;
}

}  // namespace inquest::v8
