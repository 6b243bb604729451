#include "v8/frames/translation_opcodes.h"

namespace inquest::v8 {
namespace {

using Opcode = TranslationOpcode;
using Kind = TranslationKind;

// clang-format off
constexpr Opcode kBegin3{"BEGIN", Kind::kBegin, 3};
constexpr Opcode kBegin4{"BEGIN", Kind::kBeginRepeat, 4};
constexpr Opcode kBeginWithoutFeedback{"BEGIN_WITHOUT_FEEDBACK", Kind::kBeginRepeat, 3};
constexpr Opcode kBeginWithFeedback{"BEGIN_WITH_FEEDBACK", Kind::kBeginRepeat, 3};
constexpr Opcode kMatchPrevious{"MATCH_PREVIOUS_TRANSLATION", Kind::kRepeat, 1};
constexpr Opcode kUpdateFeedback{"UPDATE_FEEDBACK", Kind::kFeedback, 2};
constexpr Opcode kInterpreted{"INTERPRETED_FRAME", Kind::kJsFrame, 5};
constexpr Opcode kWithReturn{"INTERPRETED_FRAME_WITH_RETURN", Kind::kJsFrame, 5};
constexpr Opcode kWithReturn6{"INTERPRETED_FRAME_WITH_RETURN", Kind::kJsFrame, 6};
constexpr Opcode kWithoutReturn{"INTERPRETED_FRAME_WITHOUT_RETURN", Kind::kJsFrame, 3};
constexpr Opcode kWithoutReturn4{"INTERPRETED_FRAME_WITHOUT_RETURN", Kind::kJsFrame, 4};
constexpr Opcode kJsContinuation{"JAVA_SCRIPT_BUILTIN_CONTINUATION_FRAME", Kind::kBuiltinJsFrame, 3};
constexpr Opcode kJsContinuationCatch{"JAVA_SCRIPT_BUILTIN_CONTINUATION_WITH_CATCH_FRAME", Kind::kBuiltinJsFrame, 3};
constexpr Opcode kContinuation{"BUILTIN_CONTINUATION_FRAME", Kind::kOtherFrame, 3};
constexpr Opcode kWasmContinuation{"JS_TO_WASM_BUILTIN_CONTINUATION_FRAME", Kind::kOtherFrame, 4};
constexpr Opcode kWasmInlined{"WASM_INLINED_INTO_JS_FRAME", Kind::kWasmFrame, 3};
constexpr Opcode kLiftoff{"LIFTOFF_FRAME", Kind::kOtherFrame, 3};
constexpr Opcode kConstruct{"CONSTRUCT_STUB_FRAME", Kind::kConstructFrame, 3};
constexpr Opcode kConstructCreate{"CONSTRUCT_CREATE_STUB_FRAME", Kind::kConstructFrame, 2};
constexpr Opcode kConstructInvoke{"CONSTRUCT_INVOKE_STUB_FRAME", Kind::kConstructFrame, 1};
constexpr Opcode kAdaptor{"ARGUMENTS_ADAPTOR_FRAME", Kind::kArgumentsFrame, 2};
constexpr Opcode kExtra{"INLINED_EXTRA_ARGUMENTS", Kind::kArgumentsFrame, 2};
constexpr Opcode kExtra3{"INLINED_EXTRA_ARGUMENTS", Kind::kArgumentsFrame, 3};
constexpr Opcode kDuplicated{"DUPLICATED_OBJECT", Kind::kDuplicate, 1};
constexpr Opcode kCaptured{"CAPTURED_OBJECT", Kind::kObject, 1};
constexpr Opcode kElements{"ARGUMENTS_ELEMENTS", Kind::kArguments, 1};
constexpr Opcode kLength{"ARGUMENTS_LENGTH", Kind::kUnknown, 0};
constexpr Opcode kLength1{"ARGUMENTS_LENGTH", Kind::kUnknown, 1};
constexpr Opcode kRestLength{"REST_LENGTH", Kind::kUnknown, 0};
constexpr Opcode kStringConcat{"STRING_CONCAT", Kind::kConcat, 0};
constexpr Opcode kOptimizedOut{"OPTIMIZED_OUT", Kind::kOptimizedOut, 0};
constexpr Opcode kLiteral{"LITERAL", Kind::kLiteral, 1};
constexpr Opcode kRegister{"REGISTER", Kind::kUnknown, 1};
constexpr Opcode kInt32Register{"INT32_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kInt64Register{"INT64_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kSignedRegister{"SIGNED_BIGINT64_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kUnsignedRegister{"UNSIGNED_BIGINT64_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kUint32Register{"UINT32_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kBoolRegister{"BOOL_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kFloatRegister{"FLOAT_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kDoubleRegister{"DOUBLE_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kHoleyRegister{"HOLEY_DOUBLE_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kSimdRegister{"SIMD128_REGISTER", Kind::kUnknown, 1};
constexpr Opcode kTaggedSlot{"TAGGED_STACK_SLOT", Kind::kTaggedSlot, 1};
constexpr Opcode kInt32Slot{"INT32_STACK_SLOT", Kind::kInt32Slot, 1};
constexpr Opcode kInt64Slot{"INT64_STACK_SLOT", Kind::kInt64Slot, 1};
constexpr Opcode kSignedSlot{"SIGNED_BIGINT64_STACK_SLOT", Kind::kInt64Slot, 1};
constexpr Opcode kUnsignedSlot{"UNSIGNED_BIGINT64_STACK_SLOT", Kind::kUint64Slot, 1};
constexpr Opcode kUint32Slot{"UINT32_STACK_SLOT", Kind::kUint32Slot, 1};
constexpr Opcode kBoolSlot{"BOOL_STACK_SLOT", Kind::kBoolSlot, 1};
constexpr Opcode kFloatSlot{"FLOAT_STACK_SLOT", Kind::kFloatSlot, 1};
constexpr Opcode kDoubleSlot{"DOUBLE_STACK_SLOT", Kind::kDoubleSlot, 1};
constexpr Opcode kHoleySlot{"HOLEY_DOUBLE_STACK_SLOT", Kind::kDoubleSlot, 1};
constexpr Opcode kSimdSlot{"SIMD128_STACK_SLOT", Kind::kUnknown, 1};

// 7.4 to 8.4 (deoptimizer.h)
constexpr const Opcode* k74[] = {
    &kBegin3, &kInterpreted, &kContinuation, &kJsContinuation, &kJsContinuationCatch, &kConstruct, &kAdaptor,
    &kDuplicated, &kElements, &kLength1, &kCaptured, &kRegister, &kInt32Register, &kInt64Register, &kUint32Register,
    &kBoolRegister, &kFloatRegister, &kDoubleRegister, &kTaggedSlot, &kInt32Slot, &kInt64Slot, &kUint32Slot,
    &kBoolSlot, &kFloatSlot, &kDoubleSlot, &kLiteral, &kUpdateFeedback,
};

// 8.6
constexpr const Opcode* k86[] = {
    &kBegin3, &kInterpreted, &kContinuation, &kJsContinuation, &kJsContinuationCatch, &kConstruct, &kAdaptor,
    &kDuplicated, &kElements, &kLength, &kCaptured, &kRegister, &kInt32Register, &kInt64Register, &kUint32Register,
    &kBoolRegister, &kFloatRegister, &kDoubleRegister, &kTaggedSlot, &kInt32Slot, &kInt64Slot, &kUint32Slot,
    &kBoolSlot, &kFloatSlot, &kDoubleSlot, &kLiteral, &kUpdateFeedback,
};

// 9.0 to 10.2 (translation-opcode.h, as from here on): by the alphabet
constexpr const Opcode* k90[] = {
    &kAdaptor, &kElements, &kLength, &kBegin3, &kBoolRegister, &kBoolSlot, &kContinuation, &kCaptured, &kConstruct,
    &kDoubleRegister, &kDoubleSlot, &kDuplicated, &kFloatRegister, &kFloatSlot, &kInt32Register, &kInt32Slot,
    &kInt64Register, &kInt64Slot, &kInterpreted, &kJsContinuation, &kJsContinuationCatch, &kWasmContinuation,
    &kLiteral, &kRegister, &kTaggedSlot, &kUint32Register, &kUint32Slot, &kUpdateFeedback,
};

// 10.8
constexpr const Opcode* k108[] = {
    &kElements, &kLength, &kBegin3, &kBoolRegister, &kBoolSlot, &kContinuation, &kCaptured, &kConstruct,
    &kDoubleRegister, &kDoubleSlot, &kDuplicated, &kFloatRegister, &kFloatSlot, &kExtra, &kInt32Register, &kInt32Slot,
    &kInt64Register, &kInt64Slot, &kSignedRegister, &kSignedSlot, &kUnsignedRegister, &kUnsignedSlot, &kInterpreted,
    &kJsContinuation, &kJsContinuationCatch, &kWasmContinuation, &kOptimizedOut, &kLiteral, &kRegister, &kTaggedSlot,
    &kUint32Register, &kUint32Slot, &kUpdateFeedback,
};

// between 10.8 and 11.3: in no release of Node.js
constexpr const Opcode* k111[] = {
    &kElements, &kLength, &kBegin4, &kBoolRegister, &kBoolSlot, &kContinuation, &kCaptured, &kConstruct,
    &kDoubleRegister, &kDoubleSlot, &kDuplicated, &kFloatRegister, &kFloatSlot, &kExtra, &kInt32Register, &kInt32Slot,
    &kInt64Register, &kInt64Slot, &kSignedRegister, &kSignedSlot, &kUnsignedRegister, &kUnsignedSlot, &kInterpreted,
    &kJsContinuation, &kJsContinuationCatch, &kWasmContinuation, &kOptimizedOut, &kLiteral, &kRegister, &kTaggedSlot,
    &kUint32Register, &kUint32Slot, &kUpdateFeedback, &kMatchPrevious,
};

// 11.3
constexpr const Opcode* k113[] = {
    &kElements, &kLength, &kBeginWithoutFeedback, &kBeginWithFeedback, &kBoolRegister, &kBoolSlot, &kContinuation,
    &kCaptured, &kConstruct, &kDoubleRegister, &kDoubleSlot, &kDuplicated, &kFloatRegister, &kFloatSlot, &kExtra,
    &kInt32Register, &kInt32Slot, &kInt64Register, &kInt64Slot, &kSignedRegister, &kSignedSlot, &kUnsignedRegister,
    &kUnsignedSlot, &kWithReturn, &kWithoutReturn, &kJsContinuation, &kJsContinuationCatch, &kWasmContinuation,
    &kOptimizedOut, &kLiteral, &kRegister, &kTaggedSlot, &kUint32Register, &kUint32Slot, &kUpdateFeedback,
    &kMatchPrevious,
};

// 11.8 to 12.4: frames first
constexpr const Opcode* k118[] = {
    &kWithReturn, &kWithoutReturn, &kJsContinuation, &kJsContinuationCatch, &kConstructCreate, &kConstructInvoke,
    &kContinuation, &kWasmContinuation, &kWasmInlined, &kExtra, &kElements, &kLength, &kBeginWithoutFeedback,
    &kBeginWithFeedback, &kBoolRegister, &kBoolSlot, &kCaptured, &kDoubleRegister, &kDoubleSlot, &kHoleyRegister,
    &kHoleySlot, &kDuplicated, &kFloatRegister, &kFloatSlot, &kInt32Register, &kInt32Slot, &kInt64Register,
    &kInt64Slot, &kSignedRegister, &kSignedSlot, &kUnsignedRegister, &kUnsignedSlot, &kOptimizedOut, &kLiteral,
    &kRegister, &kTaggedSlot, &kUint32Register, &kUint32Slot, &kUpdateFeedback, &kMatchPrevious,
};

// 12.9
constexpr const Opcode* k129[] = {
    &kWithReturn, &kWithoutReturn, &kJsContinuation, &kJsContinuationCatch, &kConstructCreate, &kConstructInvoke,
    &kContinuation, &kWasmContinuation, &kWasmInlined, &kLiftoff, &kExtra, &kElements, &kLength, &kRestLength,
    &kBeginWithoutFeedback, &kBeginWithFeedback, &kBoolRegister, &kBoolSlot, &kCaptured, &kDoubleRegister,
    &kDoubleSlot, &kSimdSlot, &kHoleyRegister, &kHoleySlot, &kSimdRegister, &kDuplicated, &kFloatRegister,
    &kFloatSlot, &kInt32Register, &kInt32Slot, &kInt64Register, &kInt64Slot, &kSignedRegister, &kSignedSlot,
    &kUnsignedRegister, &kUnsignedSlot, &kOptimizedOut, &kLiteral, &kRegister, &kTaggedSlot, &kUint32Register,
    &kUint32Slot, &kUpdateFeedback, &kMatchPrevious,
};

// 13.6 to 14.6
constexpr const Opcode* k136[] = {
    &kWithReturn6, &kWithoutReturn4, &kJsContinuation, &kJsContinuationCatch, &kConstructCreate, &kConstructInvoke,
    &kContinuation, &kWasmContinuation, &kWasmInlined, &kLiftoff, &kExtra3, &kElements, &kLength, &kRestLength,
    &kBeginWithoutFeedback, &kBeginWithFeedback, &kBoolRegister, &kBoolSlot, &kCaptured, &kStringConcat,
    &kDoubleRegister, &kDoubleSlot, &kSimdSlot, &kHoleyRegister, &kHoleySlot, &kSimdRegister, &kDuplicated,
    &kFloatRegister, &kFloatSlot, &kInt32Register, &kInt32Slot, &kInt64Register, &kInt64Slot, &kSignedRegister,
    &kSignedSlot, &kUnsignedRegister, &kUnsignedSlot, &kOptimizedOut, &kLiteral, &kRegister, &kTaggedSlot,
    &kUint32Register, &kUint32Slot, &kUpdateFeedback, &kMatchPrevious,
};
// clang-format on

constexpr TranslationFormat kFormats[] = {
    {.since = {7, 4}, .opcodes = k74, .numbers = TranslationNumbers::kLowBit, .signed_opcodes = true},
    {.since = {8, 6}, .opcodes = k86, .numbers = TranslationNumbers::kLowBit, .signed_opcodes = true},
    {.since = {9, 0}, .opcodes = k90, .numbers = TranslationNumbers::kLowBit, .signed_opcodes = true},
    {.since = {9, 4}, .opcodes = k90, .signed_opcodes = true},
    {.since = {10, 7}, .opcodes = k108},
    {.since = {10, 9}, .opcodes = k111},
    {.since = {11, 3}, .opcodes = k113},
    {.since = {11, 8}, .opcodes = k118},
    {.since = {12, 9}, .opcodes = k129},
    {.since = {13, 6}, .opcodes = k136},
};

}  // namespace

std::span<const TranslationFormat> translation_formats() { return kFormats; }

}  // namespace inquest::v8
