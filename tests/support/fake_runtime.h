// A V8 whose heap is what a test writes down.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "v8/runtime.h"

namespace inquest::testing {

/// What a FakeRuntime answers; shared with the test, which may change it at any time.
struct FakeHeap {
  v8::RuntimeInfo info;
  std::vector<v8::Runtime::Note> notes;
  std::map<v8::Reachability, std::vector<v8::CensusRow>> rows;  ///< kAll also stands in for those absent
  std::optional<Error> census_error;
  /// Called by each census, as the real one calls its progress; false stops it.
  int progress_calls = 0;
  uint64_t heap_size = 0;  ///< what walk() compares with its limit
  v8::AsyncReport async;
  v8::ErrorReport errors;
  std::vector<v8::FunctionInfo> functions;
  v8::FunctionFilter function_filter;  ///< the last that was asked for
  v8::SourceLines source;
  v8::SourceRequest source_request;          ///< the last that was asked for
  std::map<uint64_t, v8::HeapPlace> places;  ///< by address
  v8::StringReport strings;
  v8::StringOptions string_options;  ///< the last that were asked for
  v8::NodeState node;
  std::vector<v8::ScriptInfo> scripts;
  bool has_condition = false;  ///< of the last request for instances
  std::optional<v8::MemberPath> sort;
  bool descending = false;

  std::map<uint64_t, v8::References> references;  ///< by the word asked for; 0 for names, strings and numbers

  // What was asked for.
  std::vector<v8::ReferenceQuery> reference_queries;
  int opened = 0;
  std::vector<v8::CensusOptions> asked;
  std::vector<uint64_t> walks;  ///< limits given to walk()
};

class FakeRuntime : public v8::Runtime {
 public:
  explicit FakeRuntime(std::shared_ptr<FakeHeap> heap) : heap_(std::move(heap)) { ++heap_->opened; }

  const v8::RuntimeInfo& info() const override { return heap_->info; }
  std::vector<Note> notes() const override { return heap_->notes; }

  Result<bool> walk(uint64_t limit) override {
    heap_->walks.push_back(limit);
    if (heap_->census_error) return *heap_->census_error;
    return heap_->heap_size <= limit;
  }

  Result<v8::Census> census(const v8::CensusOptions& options) override {
    heap_->asked.push_back(options);
    if (heap_->census_error) return *heap_->census_error;
    for (int i = 0; i < heap_->progress_calls; ++i) {
      auto total = static_cast<uint64_t>(heap_->progress_calls);
      if (progress_ && !progress_("walking the heap", static_cast<uint64_t>(i), total))
        return incomplete("interrupted");
    }
    v8::Census census;
    census.rows = rows(options.which);
    for (const v8::CensusRow& row : census.rows) {
      census.count += row.count;
      census.size += row.size;
      census.self_size += row.self_size;
    }
    return census;
  }

  /// Instances of a row lie 0x20 bytes apart from its sample on.
  Result<v8::Instances> instances(std::string_view type, const v8::InstanceOptions& options) override {
    v8::Instances found;
    heap_->has_condition = options.select.where != nullptr;
    heap_->sort = options.select.sort;
    heap_->descending = options.select.descending;
    for (const v8::CensusRow& row : rows(options.which)) {
      if (row.type != type) continue;
      for (uint64_t i = 0; i < row.count; ++i) {
        uint64_t at = found.total++;
        if (at < options.skip || (options.limit > 0 && at >= options.skip + options.limit)) continue;
        found.rows.push_back({row.sample + i * 0x20, row.isolate, row.size / row.count, row.self_size / row.count});
      }
    }
    found.of_type = found.total;
    return found;
  }

  /// No frame is V8's.
  Result<v8::Value> inspect(uint64_t word, std::span<const std::string> path,
                            const v8::InspectOptions& options) override {
    v8::Value value;
    value.address = Address(word);
    value.kind = v8::ValueKind::kObject;
    value.type = path.empty() ? "Session" : path.back();
    if (options.depth == 0) return value;
    v8::NamedValue member;
    member.name = "name";
    member.value.kind = v8::ValueKind::kNumber;
    member.value.value = 1.0;
    value.properties.push_back(std::move(member));
    return value;
  }
  std::unique_ptr<v8::InstanceReader> instance_reader(std::vector<v8::MemberPath> columns) override {
    return std::make_unique<FakeInstanceReader>(*this, std::move(columns));
  }
  std::optional<std::string> bytes(uint64_t) override { return "bytes"; }
  std::optional<v8::HeapPlace> locate(Address address) override {
    auto found = heap_->places.find(address.value());
    return found == heap_->places.end() ? std::nullopt : std::optional(found->second);
  }

  const FrameStepper& frame_stepper() override { return no_frames_; }
  std::vector<v8::V8Frame> describe_frame(const Frame&) override { return {{}}; }

  Result<v8::AsyncReport> async_report(v8::Reachability which) override {
    heap_->asked.push_back({.which = which});
    return heap_->async;
  }
  std::vector<v8::AsyncFrame> running_async_tail(uint32_t) override { return {}; }
  Result<v8::ErrorReport> errors(v8::Reachability) override { return heap_->errors; }
  Result<v8::StringReport> strings(const v8::StringOptions& options, v8::Reachability) override {
    heap_->string_options = options;
    return heap_->strings;
  }
  v8::NodeState node_state() override { return heap_->node; }
  Result<std::vector<v8::ScriptInfo>> scripts(v8::Reachability) override { return heap_->scripts; }
  Result<std::vector<v8::FunctionInfo>> functions(const v8::FunctionFilter& filter, v8::Reachability) override {
    heap_->function_filter = filter;
    return heap_->functions;
  }
  Result<v8::SourceLines> source(const v8::SourceRequest& request) override {
    heap_->source_request = request;
    if (heap_->source.lines.empty()) return unusable("no script");
    return heap_->source;
  }

  Result<v8::References> references(const v8::ReferenceQuery& query) override {
    heap_->reference_queries.push_back(query);
    auto found = heap_->references.find(query.word);
    return found == heap_->references.end() ? v8::References{} : found->second;
  }

  std::string describe(uint64_t word) override { return fmt::format("<Object: at {:x}>", word); }
  std::optional<v8::Value> member(uint64_t word, const v8::MemberPath& path, const v8::InspectOptions&) override {
    v8::Value value;
    if (path.empty() || path.back() == "missing") return std::nullopt;
    value.kind = path.back() == "text" ? v8::ValueKind::kString : v8::ValueKind::kNumber;
    value.value = static_cast<double>(word);
    if (path.back() == "text") value.value = "of " + path.front();
    return value;
  }
  void set_progress(v8::Progress progress) override { progress_ = std::move(progress); }

 private:
  class FakeInstanceReader : public v8::InstanceReader {
   public:
    FakeInstanceReader(FakeRuntime& runtime, std::vector<v8::MemberPath> columns)
        : runtime_(runtime), columns_(std::move(columns)) {}
    v8::Value inspect(uint64_t word, const v8::InspectOptions& options) override {
      return std::move(*runtime_.inspect(word, {}, options));
    }
    std::string_view plain_type(uint64_t) override { return {}; }
    v8::Member member(uint64_t word, size_t column) override {
      auto value = runtime_.member(word, columns_.at(column), {});
      if (!value) return {};
      last_ = std::move(*value);
      if (last_.kind == v8::ValueKind::kString) return {v8::Member::Kind::kString, 0, word};
      return {v8::Member::Kind::kNumber, std::get<double>(last_.value), word};
    }
    v8::Value value(const v8::Member&, const v8::InspectOptions&) override { return last_; }

   private:
    FakeRuntime& runtime_;
    std::vector<v8::MemberPath> columns_;
    v8::Value last_;  ///< of member()
  };
  struct NoFrames : FrameStepper {
    bool owns(const Frame&) const override { return false; }
    std::optional<FrameRegisters> caller(const Frame&) const override { return std::nullopt; }
  };
  NoFrames no_frames_;
  const std::vector<v8::CensusRow>& rows(v8::Reachability which) const {
    auto found = heap_->rows.find(which);
    static const std::vector<v8::CensusRow> kNone;
    if (found == heap_->rows.end()) found = heap_->rows.find(v8::Reachability::kAll);
    return found == heap_->rows.end() ? kNone : found->second;
  }

  std::shared_ptr<FakeHeap> heap_;
  v8::Progress progress_;
};

}  // namespace inquest::testing
