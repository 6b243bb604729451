# cmake --install and the Debian package (cpack in the build folder).
if(NOT TARGET inquest)
  return()
endif()

# Everything that the program can say about itself is generated from it: the man page and the completion.
find_program(GZIP_PROGRAM gzip)
set(_man ${PROJECT_BINARY_DIR}/share/inquest.1.gz)
set(_completion ${PROJECT_BINARY_DIR}/share/inquest.bash)
set(_capture ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:inquest>)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/share)
add_custom_command(OUTPUT ${_man}
  COMMAND ${_capture} -DARGUMENTS=--man -DOUTPUT=${_man} -DGZIP=${GZIP_PROGRAM} -P ${PROJECT_SOURCE_DIR}/cmake/CaptureOutput.cmake
  DEPENDS inquest ${PROJECT_SOURCE_DIR}/cmake/CaptureOutput.cmake VERBATIM)
add_custom_command(OUTPUT ${_completion}
  COMMAND ${_capture} "-DARGUMENTS=--completion;bash" -DOUTPUT=${_completion} -P ${PROJECT_SOURCE_DIR}/cmake/CaptureOutput.cmake
  DEPENDS inquest ${PROJECT_SOURCE_DIR}/cmake/CaptureOutput.cmake VERBATIM)
add_custom_target(inquest_share ALL DEPENDS ${_man} ${_completion})

install(TARGETS inquest RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET inquest_plugin)
  # lib/ and not the multiarch folder: the program looks for the plugin in ../lib, here as in the build tree.
  install(TARGETS inquest_plugin LIBRARY DESTINATION lib)
endif()
install(FILES ${_man} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${_completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME inquest)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME inquest)
set(CPACK_PACKAGE_VENDOR "inquest")
set(CPACK_PACKAGE_CONTACT "The inquest developers <inquest@localhost>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "postmortem debugger for Node.js and C++ processes")
set(CPACK_PACKAGE_DESCRIPTION "Reads the core file of a dead Node.js process: what happened, what the
heap held and what leaked, on the command line and inside LLDB.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "lldb-19")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
include(CPack)
