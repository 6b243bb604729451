#include "commands/suspicion.h"

#include <algorithm>
#include <array>

namespace inquest::commands {
namespace {

constexpr int64_t kSignificantShare = 16;

/// ECMAScript 2026, section 19 (global constructors) and 27 (generators, promises), and Node's Buffer. Sorted.
constexpr std::array<std::string_view, 56> kBuiltins = {"AggregateError",
                                                        "Arguments",
                                                        "Array",
                                                        "Array Iterator",
                                                        "ArrayBuffer",
                                                        "AsyncFunction",
                                                        "AsyncGenerator",
                                                        "AsyncGeneratorFunction",
                                                        "BigInt",
                                                        "BigInt64Array",
                                                        "BigUint64Array",
                                                        "Boolean",
                                                        "Buffer",
                                                        "DataView",
                                                        "Date",
                                                        "Error",
                                                        "EvalError",
                                                        "FastBuffer",
                                                        "FinalizationRegistry",
                                                        "Float16Array",
                                                        "Float32Array",
                                                        "Float64Array",
                                                        "Function",
                                                        "Generator",
                                                        "GeneratorFunction",
                                                        "Int16Array",
                                                        "Int32Array",
                                                        "Int8Array",
                                                        "Iterator",
                                                        "Map",
                                                        "Map Iterator",
                                                        "Number",
                                                        "Object",
                                                        "Promise",
                                                        "Proxy",
                                                        "RangeError",
                                                        "ReferenceError",
                                                        "RegExp",
                                                        "RegExp String Iterator",
                                                        "Set",
                                                        "Set Iterator",
                                                        "SharedArrayBuffer",
                                                        "String",
                                                        "String Iterator",
                                                        "Symbol",
                                                        "SyntaxError",
                                                        "TypeError",
                                                        "URIError",
                                                        "Uint16Array",
                                                        "Uint32Array",
                                                        "Uint8Array",
                                                        "Uint8ClampedArray",
                                                        "WeakMap",
                                                        "WeakRef",
                                                        "WeakSet",
                                                        "global"};
static_assert(std::is_sorted(kBuiltins.begin(), kBuiltins.end()));

}  // namespace

TypeOrigin origin_of(std::string_view type) {
  if (type.starts_with("system / ") || type.starts_with("(")) return TypeOrigin::kEngine;
  bool builtin = std::binary_search(kBuiltins.begin(), kBuiltins.end(), type);
  return builtin ? TypeOrigin::kBuiltin : TypeOrigin::kProgram;
}

int rank_of_growth(TypeOrigin origin, int64_t count_delta, int64_t most) {
  if (origin == TypeOrigin::kEngine) return 0;
  bool significant = count_delta > 0 && count_delta >= most / kSignificantShare;
  return origin == TypeOrigin::kProgram && significant ? 2 : 1;
}

}  // namespace inquest::commands
