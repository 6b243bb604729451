// Which growth between two cores deserves the first look.
#pragma once

#include <cstdint>
#include <string_view>

namespace inquest::commands {

/// Who makes objects of a type: the program's own constructors, the language's and Node's containers, or the engine.
/// Ordered by how much a growth of that type says.
enum class TypeOrigin : uint8_t {
  kEngine,   ///< "system / DescriptorArray", "(String)": what objects are made of
  kBuiltin,  ///< Object, Array, Map, Function ...: mostly what the program's objects hold
  kProgram,  ///< anything else
};
TypeOrigin origin_of(std::string_view type);

/// The rank of a row that grew by `count_delta` where the type that grew most, engine types apart, grew by `most`.
/// A type of the program's ranks above built-in types when it grew by at least a sixteenth of that: the arrays and
/// plain objects that its instances hold often weigh more than they do.
int rank_of_growth(TypeOrigin origin, int64_t count_delta, int64_t most);

}  // namespace inquest::commands
