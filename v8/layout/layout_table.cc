#include "v8/layout/layout_table.h"

namespace inquest::v8 {
namespace {

constexpr PageHeaderLayout kPage74{.size = 0, .flags = 8, .heap = 48, .area_start = 72, .area_end = 80, .owner = 64};
constexpr PageHeaderLayout kPage78{.size = 0, .flags = 8, .heap = 24, .area_start = 40, .area_end = 48, .owner = 80};
constexpr PageHeaderLayout kPage79{.size = 0, .flags = 8, .heap = 24, .area_start = 40, .area_end = 48, .owner = 96};
constexpr PageHeaderLayout kPage84{.size = 0, .flags = 8, .heap = 24, .area_start = 32, .area_end = 40, .owner = 88};
constexpr PageHeaderLayout kPage90{.size = 0, .flags = 8, .heap = 16, .area_start = 24, .area_end = 32, .owner = 64};
constexpr PageHeaderLayout kPage124{.size = 16, .flags = 0, .heap = 24, .area_start = 32, .area_end = 40, .owner = 72};
constexpr PageHeaderLayout kPage130{
    .separate_metadata = true, .size = 48, .flags = 0, .heap = 64, .area_start = 72, .area_end = 56, .owner = 80};

// clang-format off
constexpr LayoutTable kTables[] = {
  // Node 12.0 (7.4)
  {.major = 7, .minor = 4, .page = kPage74, .page_size = 0x80000, .bytecode_array_header = 58, .feedback_vector_length = 24,
   .feedback_vector_header = 40, .feedback_metadata_header = 12, .unboxed_doubles = true,
   .first_js_function_type = 1105, .js_function_types = 1, .large_page_flag_bit = 5, .read_only_flag_bit = 21},
  // Node 12.5 to 12.10 (7.5, 7.6)
  {.major = 7, .minor = 5, .page = kPage74, .feedback_vector_length = 32, .unboxed_doubles = true,
   .first_js_function_type = 1105, .js_function_types = 1, .large_page_flag_bit = 5, .read_only_flag_bit = 21},
  // Node 12.11 to 12.22 (7.7, 7.8)
  {.major = 7, .minor = 7, .page = kPage78, .feedback_vector_length = 32, .unboxed_doubles = true,
   .first_js_function_type = 1105, .js_function_types = 1, .large_page_flag_bit = 5, .read_only_flag_bit = 21},
  // Node 13 (7.9)
  {.major = 7, .minor = 9, .page = kPage79, .feedback_vector_length = 32, .unboxed_doubles = true,
   .first_js_function_type = 1091, .large_page_flag_bit = 5, .read_only_flag_bit = 21},
  // Node 14 (8.1, 8.4)
  {.major = 8, .minor = 0, .page = kPage84, .code_header = 96, .feedback_vector_length = 32,
   .first_js_function_type = 1092, .js_function_types = 1, .large_page_flag_bit = 5, .read_only_flag_bit = 21},
  // Node 16 (9.0, 9.4)
  {.major = 9, .minor = 0, .page = kPage90, .code_header = 96, .code_metadata_size = 44,
   .first_js_function_type = 1059, .js_function_types = 15, .large_page_flag_bit = 5, .read_only_flag_bit = 21},
  // Node 17 (9.5, 9.6)
  {.major = 9, .minor = 5, .page = kPage90, .code_header = 128, .code_alignment = 64, .code_metadata_size = 44,
   .first_js_function_type = 2060, .js_function_types = 16, .large_page_flag_bit = 5, .read_only_flag_bit = 21},
  // Node 18 (10.1, 10.2)
  {.major = 10, .minor = 1, .page = kPage90, .code_header = 128, .code_alignment = 64, .code_metadata_size = 44,
   .bytecode_array_header = 56, .first_js_function_type = 2065, .js_function_types = 16,
   .large_page_flag_bit = 5, .read_only_flag_bit = 20},
  // Node 20 (11.3)
  {.major = 11, .minor = 3, .page = kPage90, .code = CodeLayout::kInstructionStream16, .code_alignment = 64,
   .code_instruction_size = 56, .code_metadata_size = 60, .feedback_vector_header = 56,
   .first_js_function_type = 2066, .js_function_types = 16, .large_page_flag_bit = 7, .read_only_flag_bit = 6},
  // Node 22 (12.4)
  {.major = 12, .minor = 4, .page = kPage124, .code = CodeLayout::kInstructionStream32, .code_alignment = 64,
   .code_instruction_size = 52, .code_metadata_size = 56, .bytecode_array_header = 64, .feedback_vector_header = 56,
   .first_js_function_type = 2066, .js_function_types = 17, .large_page_flag_bit = 7, .read_only_flag_bit = 6},
  // Node 23 (12.9)
  {.major = 12, .minor = 9, .page = kPage130, .code = CodeLayout::kInstructionStream32, .code_alignment = 64,
   .code_instruction_size = 52, .code_metadata_size = 56, .bytecode_array_header = 64, .feedback_vector_header = 56,
   .feedback_metadata_has_closure_slots = true,
   .first_js_function_type = 2066, .js_function_types = 17, .large_page_flag_bit = 10, .read_only_flag_bit = 6},
  // Node 24, 25 (13.6, 14.1)
  {.major = 13, .minor = 6, .page = kPage130, .code = CodeLayout::kInstructionStream32, .code_alignment = 64,
   .code_instruction_size = 56, .code_metadata_size = 60, .bytecode_array_header = 64,
   .feedback_metadata_has_closure_slots = true,
   .first_js_function_type = 2066, .js_function_types = 16, .large_page_flag_bit = 10, .read_only_flag_bit = 6},
  // Node 26 (14.6)
  {.major = 14, .minor = 6, .page = kPage130, .code = CodeLayout::kInstructionStream32, .code_alignment = 64,
   .code_instruction_size = 56, .code_metadata_size = 60, .bytecode_array_header = 64,
   .feedback_metadata_has_closure_slots = true, .descriptor_array_header = 32,
   .first_js_function_type = 2066, .js_function_types = 17, .large_page_flag_bit = 7, .read_only_flag_bit = 10},
};
// clang-format on
}  // namespace

std::span<const LayoutTable> layout_tables() { return kTables; }

const LayoutTable& layout_table_for(const V8Version& version) {
  const LayoutTable* best = &kTables[0];
  for (const LayoutTable& table : kTables) {
    if (V8Version{table.major, table.minor} <= version) best = &table;
  }
  return *best;
}

bool is_measured(const V8Version& version) { return version >= V8Version{7, 4} && version < V8Version{14, 7}; }

}  // namespace inquest::v8
