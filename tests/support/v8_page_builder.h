// A small V8 heap in synthetic memory: pages, maps, roots, isolates, symbols. Odd inputs are one-liners on top of it.
//
// Numbers of instance types are the builder's own; the code under test learns them from v8dbg_* symbols and the roots,
// as it does with a real binary. Page headers follow the layout table of the version asked for.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_process.h"
#include "v8/heap/census.h"
#include "v8/heap/heap.h"
#include "v8/heap/object_index.h"

namespace inquest::testing {

/// Instance types as the builder numbers them.
namespace type {
enum : uint16_t {
  kInternalized = 0x08,
  kString = 0x20,
  kConsString,
  kExternalString,
  kSlicedString,
  kThinString = 0x25,
  kOneByteString = 0x28,
  kOneByteConsString,
  kOneByteExternalString,
  kOneByteSlicedString,
  kOneByteThinString = 0x2d,
  kSymbol = 0x40,
  kHeapNumber,
  kBigInt,
  kOddball,
  kMap = 0x50,
  kFreeSpace,
  kFiller,
  kFixedArray,
  kFixedDoubleArray,
  kPropertyArray,
  kByteArray,
  kDescriptorArray,
  kStrongDescriptorArray,
  kNameDictionary,
  kGlobalDictionary,
  kEphemeronTable,
  kWeakCell,
  kWeakFixedArray,
  kScopeInfo,
  kSharedFunctionInfo,
  kFunctionTemplateInfo,
  kFeedbackVector,
  kFunctionContext,
  kStringTable,
  kCell,
  kPromiseReaction,
  kPromiseCapability,
  kJSProxy = 0x400,
  kJSObject = 0x421,
  kJSArray,
  kJSWeakRef,
  kJSPrimitiveWrapper,
  kJSGeneratorObject,
  kJSAsyncFunctionObject,
  kJSAsyncGeneratorObject,
  kJSPromise,
  kJSFunction = 0x480,
};
}

constexpr uint64_t smi(int32_t value) { return uint64_t{static_cast<uint32_t>(value)} << 32; }
constexpr uint64_t weak(uint64_t word) { return word | 2; }

struct MapSpec {
  uint16_t type = type::kJSObject;
  uint32_t size = 24;  ///< bytes of each instance; 0 when it varies
  uint8_t inobject_start = 3;
  uint8_t bit_field2 = 0;
  uint32_t bit_field3 = 0;
  uint64_t prototype = 0;
  uint64_t constructor = 0;
  uint64_t descriptors = 0;
};
constexpr uint8_t kNewTargetIsBase = 1;                                     // in bit_field2
constexpr uint32_t kPrototypeMap = 1u << 20;                                // in bit_field3
constexpr uint32_t kDictionaryMap = 1u << 21;                               // in bit_field3
constexpr uint32_t own_descriptors(uint32_t count) { return count << 10; }  // in bit_field3

struct PageSpec {
  uint64_t size = 0x40000;
  uint64_t flags = 0;
  uint32_t isolate = 0;
};

struct FakePage {
  v8::Space space;
  PageSpec spec;
  uint64_t chunk = 0;
  uint64_t header = 0;  ///< the chunk or its metadata
  uint64_t area_start = 0;
  uint64_t area_end = 0;
  uint64_t top = 0;  ///< where the next object goes; zeros from here on
};

/// A heap that has been opened and indexed.
struct OpenHeap {
  std::unique_ptr<v8::Heap> heap;
  std::unique_ptr<v8::ObjectIndex> index;
  v8::HeapTotals totals;

  const v8::Page* page_of(uint64_t word) const { return heap->pages().page_of(word - 1); }
  bool live(uint64_t word) const;
};

class V8Builder {
 public:
  static constexpr uint64_t kAreaOffset = 0x200;   ///< of the first object on every page
  static constexpr uint64_t kListNode = 0x120;     ///< of next and previous page in page headers
  static constexpr uint64_t kRootsOffset = 0x100;  ///< of the roots table in an isolate
  static constexpr uint64_t kHeapOffset = 0x4000;  ///< of the Heap in an isolate
  static constexpr v8::V8Version kInChunk{9, 4, 146, 24};
  static constexpr v8::V8Version kSeparate{13, 6, 233, 17};

  explicit V8Builder(v8::V8Version version = kInChunk, uint32_t isolates = 1);

  FakeMemory& memory() { return binary.process.memory_; }
  void put(uint64_t address, uint64_t word) { memory().put(address, word); }
  uint64_t word(uint64_t address) { return memory().read_u64(Address(address)).value_or(0); }

  FakePage& add_page(v8::Space space, PageSpec spec = {});
  FakePage& read_only() { return *read_only_; }
  FakePage& old() { return *old_; }
  /// Native memory: zeros, writable, outside all pages.
  uint64_t allocate(uint64_t size);
  uint64_t isolate(uint32_t index) const { return isolates_[index]; }
  uint64_t heap_address(uint32_t index) const { return isolates_[index] + kHeapOffset; }
  uint64_t space_object(v8::Space space, uint32_t isolate);

  /// Appends an object and returns its tagged address. Without a page: in old space of the first isolate, on a new
  /// page when the last one is full.
  uint64_t add(FakePage& page, const std::vector<uint64_t>& words);
  uint64_t add(const std::vector<uint64_t>& words);
  uint64_t root(std::string_view name) const;
  void set_root(std::string_view name, uint64_t word);
  uint64_t new_map(const MapSpec& spec);

  uint64_t fixed_array(std::vector<uint64_t> elements, std::string_view map = "fixed_array_map");
  uint64_t ephemeron_table(const std::vector<uint64_t>& keys_and_values);
  uint64_t heap_number(double value);
  uint64_t string(std::string_view text, std::string_view map = "one_byte_string_map");
  uint64_t two_byte(std::u16string_view text);
  uint64_t cons(uint64_t first, uint64_t second, uint32_t length, std::string_view map = "cons_one_byte_string_map");
  uint64_t symbol(std::string_view description);
  uint64_t object(uint64_t map, std::vector<uint64_t> fields = {}, uint64_t properties = 0, uint64_t elements = 0);
  uint64_t function(std::string_view name);
  /// The descriptors of data fields with these keys, in order.
  uint64_t descriptors(const std::vector<uint64_t>& keys);
  /// A NameDictionary of data properties: key, value, key, value ...
  uint64_t dictionary(const std::vector<uint64_t>& keys_and_values);

  /// A root: a word of native memory.
  void keep(uint64_t word) { put(allocate(8), word); }
  /// {start, top, limit} in the isolate, as V8 keeps linear allocation areas.
  void add_area(uint64_t start, uint64_t top, uint64_t limit, uint32_t isolate = 0);
  Thread& add_thread(uint64_t tid, uint64_t stack, uint64_t stack_size, uint64_t rsp);

  /// Opens the heap; fails the test when that does not work.
  std::unique_ptr<v8::Heap> open();
  OpenHeap open_indexed();

  FakeBinary binary;

 private:
  void make_roots();
  uint64_t string_of(std::string_view map, uint32_t length, const void* bytes, size_t size);

  v8::V8Version version_;
  std::vector<std::string> names_;
  std::vector<uint64_t> isolates_;
  std::map<std::pair<v8::Space, uint32_t>, uint64_t> spaces_;
  std::map<v8::Space, uint64_t> vtables_;
  std::deque<FakePage> pages_;
  FakePage* read_only_ = nullptr;
  FakePage* old_ = nullptr;
  uint64_t next_chunk_ = 0x3f00000000;
  uint64_t native_ = 0;
  uint64_t native_end_ = 0;
  std::vector<uint64_t> next_area_;
};

}  // namespace inquest::testing
