# Bpf::Bpf (libbpf; the shared one, since the static one cannot become part of the plugin) and what makes BPF
# objects: BPF_CLANG, BPFTOOL and, if there is one, BPF_STRIP.
find_path(BPF_INCLUDE_DIR bpf/libbpf.h)
find_library(BPF_LIBRARY NAMES bpf)
find_program(BPF_CLANG NAMES clang-19 clang-18 clang-17 clang-16 clang)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin)
find_program(BPF_STRIP NAMES llvm-strip-19 llvm-strip)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Bpf DEFAULT_MSG BPF_LIBRARY BPF_INCLUDE_DIR BPF_CLANG BPFTOOL)
if(Bpf_FOUND AND NOT TARGET Bpf::Bpf)
  find_package(LibElf REQUIRED)
  find_package(ZLIB REQUIRED)
  add_library(Bpf::Bpf UNKNOWN IMPORTED)
  set_target_properties(Bpf::Bpf PROPERTIES IMPORTED_LOCATION ${BPF_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${BPF_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES "LibElf::LibElf;ZLIB::ZLIB")
endif()
mark_as_advanced(BPF_INCLUDE_DIR BPF_LIBRARY BPF_CLANG BPFTOOL BPF_STRIP)

# bpf_skeleton(NAME SOURCE HEADERS...): compiles SOURCE for the kernel and leaves NAME.skel.h in the folder of generated headers.
function(bpf_skeleton name source)
  set(_folder ${PROJECT_BINARY_DIR}/generated/ncurses_probes)
  set(_object ${_folder}/${name}.bpf.o)
  file(MAKE_DIRECTORY ${_folder})
  set(_strip)
  if(BPF_STRIP)
    set(_strip COMMAND ${BPF_STRIP} -g ${_object})  # BTF stays, it is no debug section
  endif()
  # <asm/types.h> is in the folder of the architecture, which clang does not look into for this target.
  add_custom_command(OUTPUT ${_folder}/${name}.skel.h
    COMMAND ${BPF_CLANG} -g -O2 -Wall -mcpu=v3 -target bpf -D__TARGET_ARCH_x86 -I${BPF_INCLUDE_DIR}
      -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -c ${source} -o ${_object}
    ${_strip}
    COMMAND ${BPFTOOL} gen skeleton ${_object} name inquest_${name} > ${_folder}/${name}.skel.h
    DEPENDS ${source} ${ARGN} VERBATIM)
endfunction()
