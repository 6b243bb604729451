// Runs command lines against a fake process, as a front end would.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "commands/registry.h"
#include "commands/runner.h"
#include "commands/session.h"
#include "commands/words.h"
#include "tests/support/fake_debug_info.h"
#include "tests/support/fake_runtime.h"
#include "tests/support/fake_target.h"

namespace inquest::testing {

/// One core with the heap in `heap`, and further cores by path.
class FakeCores {
 public:
  struct Core {
    ProcessFacts facts;
    std::vector<std::string> notes;
    std::shared_ptr<FakeHeap> heap = std::make_shared<FakeHeap>();
  };

  FakeCores() {
    main_.facts.core_path = "/cores/core";
    main_.facts.pid = 42;
  }

  Core& main() { return main_; }
  FakeHeap& heap() { return *main_.heap; }
  FakeFiles& files() { return files_; }
  Core& other(const std::string& path) {
    Core& core = others_[path];
    core.facts.core_path = path;
    return core;
  }

  commands::Session& session() {
    if (!session_) session_ = std::make_unique<commands::Session>(target_of(main_), hooks());
    return *session_;
  }

  struct Answer {
    std::string text;
    commands::Outcome outcome;
  };

  /// Parses and runs; a usage error comes as the outcome's error.
  Answer run(const std::string& line) {
    Answer answer;
    auto words = commands::split_words(line);
    auto invocation = commands::prepare(registry_, words.value());
    if (!invocation) {
      answer.outcome.error = invocation.error();
      answer.outcome.status = commands::exit_status(invocation.error());
      return answer;
    }
    commands::Output output([&](std::string_view block) {
      answer.text += block;
      return true;
    });
    answer.outcome = commands::execute(*invocation, session(), output);
    output.flush();
    return answer;
  }

  v8::CensusRow& add(std::string type, uint64_t count, uint64_t size, uint32_t isolate = 0) {
    return add(heap(), std::move(type), count, size, isolate);
  }
  static v8::CensusRow& add(FakeHeap& heap, std::string type, uint64_t count, uint64_t size, uint32_t isolate = 0) {
    v8::CensusRow row;
    row.type = std::move(type);
    row.isolate = isolate;
    row.count = count;
    row.size = size;
    row.self_size = size / 2;
    row.sample = Address(0x1001);
    return heap.rows[v8::Reachability::kAll].emplace_back(std::move(row));
  }

 private:
  static std::unique_ptr<const Target> target_of(const Core& core) {
    auto target = std::make_unique<FakeTarget>();
    target->facts_ = core.facts;
    target->notes_ = core.notes;
    return target;
  }

  commands::SessionHooks hooks() {
    return {
        .open_runtime = [this](const Target& target) -> Result<std::unique_ptr<v8::Runtime>> {
          const std::string& path = target.facts().core_path;
          Core& core = path == main_.facts.core_path ? main_ : others_.at(path);
          if (!core.heap) return unusable(path + " is not a core of Node.js");
          return std::unique_ptr<v8::Runtime>(new FakeRuntime(core.heap));
        },
        .open_core = [this](const std::string& path) -> Result<std::unique_ptr<Target>> {
          auto core = others_.find(path);
          if (core == others_.end()) return unusable("cannot open " + path);
          auto target = std::make_unique<FakeTarget>();
          target->facts_ = core->second.facts;
          target->notes_ = core->second.notes;
          return std::unique_ptr<Target>(std::move(target));
        },
        .open_unwinder = {},
        .open_debug_info =
            [this](const Target*) { return std::unique_ptr<DebugInfoSource>(new FakeDebugInfoSource(files_)); },
        .open_object = [this](const std::string& path) -> Result<ObjectFile> {
          auto object = files_.objects.find(path);
          if (object == files_.objects.end()) return unusable("cannot open " + path + ": no such file");
          return object->second;
        },
    };
  }

  commands::Registry registry_;
  Core main_;
  FakeFiles files_;
  std::map<std::string, Core> others_;
  std::unique_ptr<commands::Session> session_;
};

}  // namespace inquest::testing
