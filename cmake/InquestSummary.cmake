message(STATUS "inquest ${PROJECT_VERSION}: ${CMAKE_BUILD_TYPE}, plugin ${LLDB_FOUND}, sanitizers '${INQUEST_SANITIZE}'")
