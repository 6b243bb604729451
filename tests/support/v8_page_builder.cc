#include "tests/support/v8_page_builder.h"

#include <algorithm>
#include <stdexcept>

#include "v8/layout/layout_table.h"

namespace inquest::testing {
namespace {

constexpr uint64_t kMapBytes = 80;
constexpr uint64_t kNative = 0x20000000;
constexpr uint64_t kNativeBytes = 0x100000;
constexpr uint64_t kIsolates = 0x30000000;
constexpr uint64_t kIsolateBytes = 0x10000;
constexpr size_t kNames = 160;

struct RootMap {
  const char* name;
  uint16_t type;
  uint32_t size;
};
constexpr RootMap kRootMaps[] = {
    {"free_space_map", type::kFreeSpace, 0},
    {"one_pointer_filler_map", type::kFiller, 8},
    {"two_pointer_filler_map", type::kFiller, 16},
    {"fixed_array_map", type::kFixedArray, 0},
    {"fixed_cow_array_map", type::kFixedArray, 0},
    {"fixed_double_array_map", type::kFixedDoubleArray, 0},
    {"property_array_map", type::kPropertyArray, 0},
    {"byte_array_map", type::kByteArray, 0},
    {"descriptor_array_map", type::kDescriptorArray, 0},
    {"strong_descriptor_array_map", type::kStrongDescriptorArray, 0},
    {"name_dictionary_map", type::kNameDictionary, 0},
    {"global_dictionary_map", type::kGlobalDictionary, 0},
    {"ephemeron_hash_table_map", type::kEphemeronTable, 0},
    {"weak_cell_map", type::kWeakCell, 48},
    {"weak_fixed_array_map", type::kWeakFixedArray, 0},
    {"scope_info_map", type::kScopeInfo, 0},
    {"shared_function_info_map", type::kSharedFunctionInfo, 64},
    {"function_template_info_map", type::kFunctionTemplateInfo, 64},
    {"feedback_vector_map", type::kFeedbackVector, 0},
    {"function_context_map", type::kFunctionContext, 0},
    {"string_table_map", type::kStringTable, 0},
    {"cell_map", type::kCell, 16},
    {"promise_reaction_map", type::kPromiseReaction, 40},
    {"promise_capability_map", type::kPromiseCapability, 32},
    {"symbol_map", type::kSymbol, 24},
    {"heap_number_map", type::kHeapNumber, 16},
    {"bigint_map", type::kBigInt, 0},
    {"undefined_map", type::kOddball, 48},
    {"internalized_string_map", type::kInternalized, 0},
    {"string_map", type::kString, 0},
    {"one_byte_string_map", type::kOneByteString, 0},
    {"cons_string_map", type::kConsString, 32},
    {"cons_one_byte_string_map", type::kOneByteConsString, 32},
    {"sliced_one_byte_string_map", type::kOneByteSlicedString, 32},
    {"thin_one_byte_string_map", type::kOneByteThinString, 24},
    {"external_one_byte_string_map", type::kOneByteExternalString, 32},
};

struct SpaceClass {
  v8::Space space;
  const char* name;  // with its length, as mangled
};
constexpr SpaceClass kSpaces[] = {
    {v8::Space::kNew, "9SemiSpace"},
    {v8::Space::kOld, "8OldSpace"},
    {v8::Space::kCode, "9CodeSpace"},
    {v8::Space::kOldLarge, "19OldLargeObjectSpace"},
    {v8::Space::kNewLarge, "19NewLargeObjectSpace"},
};

constexpr std::pair<const char*, int> kConstants[] = {
    {"SmiTag", 0},
    {"FirstNonstringType", type::kSymbol},
    {"FirstJSFunctionType", type::kJSFunction},
    {"LastJSFunctionType", type::kJSFunction + 1},
    {"type_Map__MAP_TYPE", type::kMap},
    {"type_JSProxy__JS_PROXY_TYPE", type::kJSProxy},
    {"type_JSObject__JS_OBJECT_TYPE", type::kJSObject},
    {"type_JSArray__JS_ARRAY_TYPE", type::kJSArray},
    {"type_JSWeakRef__JS_WEAK_REF_TYPE", type::kJSWeakRef},
    {"type_JSPrimitiveWrapper__JS_PRIMITIVE_WRAPPER_TYPE", type::kJSPrimitiveWrapper},
    {"type_JSFunction__JS_FUNCTION_TYPE", type::kJSFunction},
    {"type_JSAsyncFunctionObject__JS_ASYNC_FUNCTION_OBJECT_TYPE", type::kJSAsyncFunctionObject},
    {"type_JSPromise__JS_PROMISE_TYPE", type::kJSPromise},
};

uint64_t round_up(uint64_t value) { return (value + 7) & ~7ull; }

}  // namespace

bool OpenHeap::live(uint64_t word) const {
  const v8::Page* page = page_of(word);
  return page && (page->space == v8::Space::kReadOnly || v8::ObjectIndex::is_marked(*page, word - 1));
}

V8Builder::V8Builder(v8::V8Version version, uint32_t isolates) : version_(version) {
  binary.version(version);
  for (auto [name, value] : kConstants) binary.dbg(name, value);
  for (const SpaceClass& space : kSpaces) {
    uint64_t vtable = binary.allocate(0x40);
    binary.symbols->add(std::string("_ZTVN2v88internal") + space.name + "E", binary.module().link_time(Address(vtable)),
                        0x40);
    vtables_[space.space] = vtable + 16;
  }
  memory().map(kNative, kNativeBytes);
  native_ = kNative + 0x1000;
  native_end_ = kNative + kNativeBytes;
  for (uint32_t i = 0; i < isolates; ++i) {
    isolates_.push_back(kIsolates + 2 * i * kIsolateBytes);
    memory().map(isolates_[i], kIsolateBytes);
    next_area_.push_back(heap_address(i) + 0x100);
  }
  read_only_ = &add_page(v8::Space::kReadOnly);
  old_ = &add_page(v8::Space::kOld);
  make_roots();
}

void V8Builder::make_roots() {
  names_ = {"meta_map"};
  for (const RootMap& map : kRootMaps) {
    names_.push_back(map.name);
    // Other roots in between, as in real tables: no shifted position fits nearly as well.
    if (names_.size() % 5 == 0) names_.push_back("spare_root_" + std::to_string(names_.size()));
  }
  for (const char* name :
       {"empty_fixed_array", "empty_property_array", "to_string_tag_symbol", "constructor_string", "undefined_value"}) {
    names_.push_back(name);
  }
  while (names_.size() < kNames) names_.push_back("spare_root_" + std::to_string(names_.size()));
  binary.root_names(names_);
  set_root("meta_map", read_only_->top + 1);  // its own map
  new_map({.type = type::kMap, .size = kMapBytes});
  for (const RootMap& map : kRootMaps) set_root(map.name, new_map({.type = map.type, .size = map.size}));
  set_root("empty_fixed_array", add(*read_only_, {root("fixed_array_map"), smi(0)}));
  set_root("empty_property_array", add(*read_only_, {root("property_array_map"), smi(0)}));
  set_root("to_string_tag_symbol", symbol("Symbol.toStringTag"));
  set_root("constructor_string", string("constructor", "internalized_string_map"));
  set_root("undefined_value", add(*read_only_, {root("undefined_map"), 0, 0, 0, 0, smi(5)}));
  put(root("meta_map") - 1 + 40, descriptors({}));
}

uint64_t V8Builder::allocate(uint64_t size) {
  uint64_t at = native_;
  native_ += round_up(size);
  if (native_ > native_end_) throw std::length_error("native memory of the fake process is full");
  return at;
}

uint64_t V8Builder::space_object(v8::Space space, uint32_t isolate) {
  if (space == v8::Space::kReadOnly) return 0;
  uint64_t& object = spaces_[{space, isolate}];
  if (!object) {
    object = allocate(0x1000) + 0x800;  // far from other native memory, which is searched for allocation areas
    put(object, vtables_.at(space));
  }
  return object;
}

FakePage& V8Builder::add_page(v8::Space space, PageSpec spec) {
  const v8::PageHeaderLayout& layout = v8::layout_table_for(version_).page;
  FakePage page{.space = space, .spec = spec, .chunk = next_chunk_};
  next_chunk_ += (spec.size + 0x7ffff) & ~0x7ffffull;
  memory().map(page.chunk, spec.size);
  page.header = page.chunk;
  if (layout.separate_metadata) {
    page.header = allocate(0x200);
    put(page.chunk + 8, page.header);
  }
  page.area_start = page.top = page.chunk + kAreaOffset;
  page.area_end = page.chunk + spec.size;
  put(page.chunk + layout.flags, spec.flags);
  put(page.header + layout.size, spec.size);
  put(page.header + layout.heap, space == v8::Space::kReadOnly ? 0 : heap_address(spec.isolate));
  put(page.header + layout.area_start, page.area_start);
  put(page.header + layout.area_end, page.area_end);
  put(page.header + layout.owner, space_object(space, spec.isolate));
  return pages_.emplace_back(page);
}

uint64_t V8Builder::add(FakePage& page, const std::vector<uint64_t>& words) {
  if (page.top + 8 * words.size() > page.area_end) throw std::length_error("no room on the page");
  memory().put_bytes(page.top, words.data(), 8 * words.size());
  page.top += 8 * words.size();
  return page.top - 8 * words.size() + 1;
}

uint64_t V8Builder::add(const std::vector<uint64_t>& words) {
  if (old_->top + 8 * words.size() > old_->area_end) old_ = &add_page(v8::Space::kOld);
  return add(*old_, words);
}

uint64_t V8Builder::root(std::string_view name) const {
  auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) throw std::out_of_range("no root " + std::string(name));
  auto index = static_cast<uint64_t>(found - names_.begin());
  return *binary.process.memory_.read_u64(Address(isolates_[0] + kRootsOffset + 8 * index));
}

void V8Builder::set_root(std::string_view name, uint64_t word) {
  auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) throw std::out_of_range("no root " + std::string(name));
  auto index = static_cast<uint64_t>(found - names_.begin());
  for (uint64_t isolate : isolates_) put(isolate + kRootsOffset + 8 * index, word);
}

uint64_t V8Builder::new_map(const MapSpec& spec) {
  std::vector<uint64_t> words(kMapBytes / 8);
  auto* bytes = reinterpret_cast<std::byte*>(words.data());
  words[0] = root("meta_map");
  bytes[8] = static_cast<std::byte>(spec.size / 8);
  bytes[9] = static_cast<std::byte>(spec.inobject_start);
  std::memcpy(bytes + 12, &spec.type, 2);
  bytes[15] = static_cast<std::byte>(spec.bit_field2);
  std::memcpy(bytes + 16, &spec.bit_field3, 4);
  words[3] = spec.prototype;
  words[4] = spec.constructor;
  words[5] = spec.descriptors;
  // Maps that tests make lie in old space, so that they can be many and need not be alive.
  return spec.type >= type::kJSProxy ? add(words) : add(*read_only_, words);
}

uint64_t V8Builder::fixed_array(std::vector<uint64_t> elements, std::string_view map) {
  auto length = static_cast<int32_t>(elements.size());
  elements.insert(elements.begin(), {root(map), smi(length)});
  return add(elements);
}

uint64_t V8Builder::ephemeron_table(const std::vector<uint64_t>& keys_and_values) {
  std::vector<uint64_t> words = {smi(static_cast<int32_t>(keys_and_values.size() / 2)), smi(0),
                                 smi(static_cast<int32_t>(keys_and_values.size() / 2))};
  words.insert(words.end(), keys_and_values.begin(), keys_and_values.end());
  return fixed_array(words, "ephemeron_hash_table_map");
}

uint64_t V8Builder::heap_number(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return add({root("heap_number_map"), bits});
}

uint64_t V8Builder::string_of(std::string_view map, uint32_t length, const void* bytes, size_t size) {
  std::vector<uint64_t> words(2 + round_up(size) / 8);
  words[0] = root(map);
  words[1] = uint64_t{length} << 32;
  std::memcpy(words.data() + 2, bytes, size);
  return add(words);
}

uint64_t V8Builder::string(std::string_view text, std::string_view map) {
  return string_of(map, static_cast<uint32_t>(text.size()), text.data(), text.size());
}

uint64_t V8Builder::two_byte(std::u16string_view text) {
  return string_of("string_map", static_cast<uint32_t>(text.size()), text.data(), 2 * text.size());
}

uint64_t V8Builder::cons(uint64_t first, uint64_t second, uint32_t length, std::string_view map) {
  return add({root(map), uint64_t{length} << 32, first, second});
}

uint64_t V8Builder::symbol(std::string_view description) {
  uint64_t name = string(description);
  return add({root("symbol_map"), 0, name});
}

uint64_t V8Builder::object(uint64_t map, std::vector<uint64_t> fields, uint64_t properties, uint64_t elements) {
  uint64_t empty = root("empty_fixed_array");
  fields.insert(fields.begin(), {map, properties ? properties : empty, elements ? elements : empty});
  return add(fields);
}

uint64_t V8Builder::function(std::string_view name) {
  uint64_t text = string(name);
  uint64_t shared = add({root("shared_function_info_map"), 0, text, 0, 0, 0, 0, 0});
  return object(new_map({.type = type::kJSFunction, .size = 64, .inobject_start = 8}), {shared, 0, 0, 0, 0});
}

uint64_t V8Builder::descriptors(const std::vector<uint64_t>& keys) {
  std::vector<uint64_t> words = {root("descriptor_array_map"), keys.size() | keys.size() << 16, 0};
  for (size_t i = 0; i < keys.size(); ++i) {
    words.insert(words.end(), {keys[i], smi(static_cast<int32_t>(i << 19)), smi(0)});
  }
  return add(words);
}

uint64_t V8Builder::dictionary(const std::vector<uint64_t>& keys_and_values) {
  auto count = static_cast<int32_t>(keys_and_values.size() / 2);
  std::vector<uint64_t> words = {smi(count), smi(0), smi(count), smi(1), smi(0)};
  for (size_t i = 0; i + 1 < keys_and_values.size(); i += 2) {
    words.insert(words.end(), {keys_and_values[i], keys_and_values[i + 1], smi(0)});
  }
  return fixed_array(words, "name_dictionary_map");
}

void V8Builder::add_area(uint64_t start, uint64_t top, uint64_t limit, uint32_t isolate) {
  for (uint64_t value : {start, top, limit}) {
    put(next_area_[isolate], value);
    next_area_[isolate] += 8;
  }
  next_area_[isolate] += 8;  // a zero in between
}

Thread& V8Builder::add_thread(uint64_t tid, uint64_t stack, uint64_t stack_size, uint64_t rsp) {
  memory().map(stack, stack_size);
  Thread& thread = binary.process.threads_.emplace_back();
  thread.tid = tid;
  thread.registers.gpr[Registers::kRsp] = rsp;
  return thread;
}

std::unique_ptr<v8::Heap> V8Builder::open() {
  auto heap = v8::Heap::open(binary.process, binary.module());
  if (!heap) throw std::runtime_error(heap.error().line());
  return std::move(heap).value();
}

OpenHeap V8Builder::open_indexed() {
  OpenHeap open;
  open.heap = this->open();
  open.index = std::make_unique<v8::ObjectIndex>(open.heap->mutable_pages());
  open.totals = v8::index_heap(*open.heap, nullptr);
  return open;
}

}  // namespace inquest::testing
