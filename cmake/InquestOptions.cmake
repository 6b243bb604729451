# How everything is compiled; one set of rules for all targets.
include(GNUInstallDirs)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# The sanitizer presets' own build type: fast enough for whole cores, with lines in the reports.
set(CMAKE_C_FLAGS_SANITIZE "-O1 -g1")
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1")

option(INQUEST_DEVELOPER "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(INQUEST_WERROR "Treat warnings as errors" OFF)
option(INQUEST_FUZZ "Build the libFuzzer targets (clang only)" OFF)
set(INQUEST_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, for example address,undefined")

# ccache shared by all work trees of one user: paths below the tree do not count.
find_program(CCACHE ccache)
if(CCACHE)
  set(_launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${_launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_launcher})
endif()

add_library(inquest_flags INTERFACE)
target_include_directories(inquest_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(inquest_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -fno-omit-frame-pointer -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= $<$<BOOL:${INQUEST_WERROR}>:-Werror>)
# GCC 12 takes every `"text" + std::string` for an overlapping copy (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(inquest_flags INTERFACE -Wno-restrict)
endif()
# clang blames us for what std::stable_sort of libstdc++ 12 uses inside.
target_compile_options(inquest_flags INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
target_compile_definitions(inquest_flags INTERFACE INQUEST_VERSION="${PROJECT_VERSION}"
  $<$<CONFIG:Debug,Sanitize>:_GLIBCXX_ASSERTIONS>)
if(INQUEST_SANITIZE)
  target_compile_options(inquest_flags INTERFACE -fsanitize=${INQUEST_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(inquest_flags INTERFACE -fsanitize=${INQUEST_SANITIZE})
  # GCC 12 sees uninitialised members in std::function once sanitizers keep it from inlining (GCC bug 105562).
  target_compile_options(inquest_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(INQUEST_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "libFuzzer comes with clang: configure with -DCMAKE_CXX_COMPILER=clang++-19")
  endif()
  target_compile_options(inquest_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# inquest_library(NAME SOURCES... [DEPENDS targets...]): a static library of this folder with the common flags.
function(inquest_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC inquest_flags ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE_DEPENDS})
endfunction()
