// Itanium C++ ABI, "Exception Handling", and libsupc++'s unwind-cxx.h (GCC 12), libc++abi's cxa_exception.h (LLVM 19).
//
//   thrown object - 128                 a header (112 bytes of __cxa_exception, reference count before it), ending in
//                 - 112  type_info*     exceptionType; the same distance in both libraries
//                 -  32  _Unwind_Exception: the class, 8 bytes: "GNUCC++\0" (libstdc++), "CLNGC++\0" (libc++); their
//                        last byte is 1 for an exception that std::rethrow_exception threw again (dependent: its
//                        first word points to the thrown object)
//                 +   0  the object
//
// __cxa_get_globals() returns the thread's {caughtExceptions, uncaughtExceptions}. An exception that nobody catches is
// "caught" by __cxa_throw itself before it calls std::terminate, so caughtExceptions leads to it: to the header of
// libstdc++ or libc++abi, whose _Unwind_Exception begins kUnwindHeader bytes further on. The function is run on paper
// (evaluator) except for its call of __tls_get_addr, which is done by the ABI: {module, offset} of the argument, the
// dynamic thread vector at fs:8 ("ELF Handling For Thread-Local Storage", variant II). Where that fails, the stack is
// searched for pointers to an _Unwind_Exception.
#include "postmortem/crash/cxx_exception.h"

#include <algorithm>
#include <array>
#include <functional>

#include "postmortem/crash/evaluator.h"

namespace inquest::crash {
namespace {

constexpr uint64_t kClassMask = 0xffffffffffffff00;
constexpr uint64_t kGnuClass = 0x474e5543432b2b00, kClangClass = 0x434c4e47432b2b00;
constexpr uint64_t kUnwindHeader = 80;  // in libstdc++'s __cxa_exception
constexpr uint64_t kUnwindSize = 32, kTypeDistance = 112;
constexpr uint64_t kSearchedStack = 64 * 1024;  // std::terminate, abort and their callers take about 1 KB
constexpr int kMaxBases = 64;
constexpr size_t kMaxText = 4096;
constexpr size_t kMaxTypeName = 4096;

class ExceptionReader {
 public:
  explicit ExceptionReader(const Scene& scene) : scene_(scene), memory_(scene.memory()) {}

  std::optional<ThrownException> find() const {
    if (auto globals = find_globals()) {
      auto header = memory_.read_pointer(*globals);
      if (header && !header->is_null()) {
        if (auto found = at_unwind_header(*header + kUnwindHeader)) return found;
        // libc++abi's header is 16 bytes longer in front: reserve and reference count come first.
        if (auto found = at_unwind_header(*header + kUnwindHeader + 16)) return found;
      }
    }
    return on_stack();
  }

 private:
  std::optional<Address> find_globals() const {
    for (const Module& module : scene_.names().target().modules()) {
      if (!module.symbols) continue;
      auto symbol = module.symbols->find("__cxa_get_globals");
      if (!symbol) continue;
      Address function = module.runtime(symbol->value);
      if (auto descriptor = tls_descriptor(function)) return thread_local_address(*descriptor);
      auto result = evaluate_call(memory_, scene_.disassembler(), function, 0, scene_.thread().registers.fs_base);
      if (result) return Address(*result);
    }
    return std::nullopt;
  }

  // General dynamic model: lea descriptor(%rip),%rdi; call __tls_get_addr.
  std::optional<Address> tls_descriptor(Address function) const {
    std::optional<Address> descriptor;
    Address at = function;
    for (int i = 0; i < 8; ++i) {
      auto instruction = scene_.instruction_at(at);
      if (!instruction) return std::nullopt;
      if (instruction->kind == Instruction::Kind::kLea && instruction->operands.size() == 2 &&
          instruction->operands[0].reg == Registers::kRdi && instruction->operands[1].pc_relative)
        descriptor = Address(static_cast<uint64_t>(instruction->operands[1].displacement));
      if (instruction->flow == Flow::kCall) return descriptor;
      if (instruction->flow != Flow::kNext) return std::nullopt;
      at = instruction->end();
    }
    return std::nullopt;
  }

  std::optional<Address> thread_local_address(Address descriptor) const {
    auto module = memory_.read_u64(descriptor);
    auto offset = memory_.read_u64(descriptor + 8);
    auto vector = memory_.read_pointer(Address(scene_.thread().registers.fs_base) + 8);
    if (!module || !offset || !vector || *module > 4096) return std::nullopt;
    auto block = memory_.read_pointer(*vector + *module * 16);
    if (!block || block->is_null() || block->value() == UINT64_MAX) return std::nullopt;  // not allocated yet
    return *block + *offset;
  }

  std::optional<ThrownException> on_stack() const {
    Address sp = scene_.thread().registers.sp();
    for (uint64_t offset = 0; offset < kSearchedStack; offset += 8) {
      auto word = memory_.read_pointer(sp + offset);
      if (!word) break;
      if (word->value() % 16 != 0) continue;
      if (auto found = at_unwind_header(*word)) return found;
    }
    return std::nullopt;
  }

  std::optional<ThrownException> at_unwind_header(Address header) const {
    auto kind = memory_.read_u64(header);
    if (!kind || ((*kind & kClassMask) != kGnuClass && (*kind & kClassMask) != kClangClass)) return std::nullopt;
    Address object = header + kUnwindSize;
    if ((*kind & 0xff) == 1) {
      bool gnu = (*kind & kClassMask) == kGnuClass;
      auto primary = memory_.read_pointer(header - kUnwindHeader - (gnu ? 0 : 16));
      if (!primary) return std::nullopt;
      object = *primary;
    }
    auto type = memory_.read_pointer(object - kTypeDistance);
    if (!type) return std::nullopt;
    std::string name = type_name(*type);
    if (name.empty()) return std::nullopt;
    ThrownException result;
    result.type = demangle_type(name);
    result.object = object;
    add_what(result, *type);
    return result;
  }

  std::string type_name(Address type) const {
    auto pointer = memory_.read_pointer(type + 8);
    auto name = pointer ? memory_.read_c_string(*pointer, kMaxTypeName) : std::nullopt;
    if (!name || name->empty()) return {};
    return name->front() == '*' ? name->substr(1) : *name;
  }

  // what() is the third virtual function of std::exception, behind its two destructors.
  void add_what(ThrownException& thrown, Address type) const {
    auto offset = exception_base(type, 0);
    if (!offset) return plain_value(thrown, type);
    Address object = thrown.object + *offset;
    auto vtable = memory_.read_pointer(object);
    auto function = vtable ? memory_.read_pointer(*vtable + 16) : std::nullopt;
    if (!function) return;
    auto text =
        evaluate_call(memory_, scene_.disassembler(), *function, object.value(), scene_.thread().registers.fs_base);
    auto what = text ? memory_.read_c_string(Address(*text), kMaxText) : std::nullopt;
    if (!what) return;
    thrown.what = *what;
    thrown.has_what = true;
  }

  // throw 42, throw "text"
  void plain_value(ThrownException& thrown, Address type) const {
    std::string name = type_name(type);
    std::optional<std::string> text;
    if (name == "i") {
      if (auto value = memory_.read_value<int32_t>(thrown.object)) text = std::to_string(*value);
    } else if (name == "PKc" || name == "Pc") {
      auto pointer = memory_.read_pointer(thrown.object);
      if (pointer) text = memory_.read_c_string(*pointer, kMaxText);
    } else if (name == "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE") {
      auto pointer = memory_.read_pointer(thrown.object);
      if (pointer) text = memory_.read_c_string(*pointer, kMaxText);
    }
    if (!text) return;
    thrown.what = *text;
    thrown.has_what = true;
  }

  // The offset of the std::exception in an object of this type, by walking its bases.
  std::optional<uint64_t> exception_base(Address type, int depth) const {
    if (depth > 16) return std::nullopt;
    if (type_name(type) == "St9exception") return 0;
    switch (shape_of(type)) {
      case Shape::kSingle: {
        auto base = memory_.read_pointer(type + 16);
        return base ? exception_base(*base, depth + 1) : std::nullopt;
      }
      case Shape::kMultiple: {
        auto count = memory_.read_value<uint32_t>(type + 20);
        for (uint32_t i = 0; count && i < std::min<uint32_t>(*count, kMaxBases); ++i) {
          auto base = memory_.read_pointer(type + 24 + i * 16u);
          auto flags = memory_.read_value<int64_t>(type + 32 + i * 16u);
          constexpr int64_t kVirtual = 1;
          if (!base || !flags || (*flags & kVirtual)) continue;
          if (auto inner = exception_base(*base, depth + 1)) return static_cast<uint64_t>(*flags >> 8) + *inner;
        }
        return std::nullopt;
      }
      case Shape::kOther: return std::nullopt;
    }
    return std::nullopt;
  }

  enum class Shape : uint8_t { kOther, kSingle, kMultiple };

  // Which class a type_info object itself has, by the vtable it points into.
  Shape shape_of(Address type) const {
    auto vtable = memory_.read_pointer(type);
    if (!vtable) return Shape::kOther;
    if (auto name = scene_.names().data(*vtable)) {
      if (name->name.find("__si_class_type_info") != std::string::npos) return Shape::kSingle;
      if (name->name.find("__vmi_class_type_info") != std::string::npos) return Shape::kMultiple;
      return Shape::kOther;
    }
    // Stripped: the type_info of that class, in front of its virtual functions, has a name.
    auto own_type = memory_.read_pointer(*vtable - 8);
    std::string name = own_type ? type_name(*own_type) : "";
    if (name == "N10__cxxabiv120__si_class_type_infoE") return Shape::kSingle;
    if (name == "N10__cxxabiv121__vmi_class_type_infoE") return Shape::kMultiple;
    return Shape::kOther;
  }

  const Scene& scene_;
  const MemoryReader& memory_;
};

}  // namespace

std::optional<ThrownException> find_exception(const Scene& scene) { return ExceptionReader(scene).find(); }

}  // namespace inquest::crash
