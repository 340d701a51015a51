# What find_package(mbrl_fast) needs: two libraries, headers, a CMake package. Inside a wheel it all lies in the package's
# own folder, elsewhere where GNUInstallDirs says.
include(CMakePackageConfigHelpers)

if(SKBUILD)
  set(install_include mbrl_fast/include)
  set(install_lib mbrl_fast/lib)
else()
  set(install_include ${CMAKE_INSTALL_INCLUDEDIR})
  set(install_lib ${CMAKE_INSTALL_LIBDIR})
  # A wheel holds no links: there the library would lie in it three times.
  set_target_properties(mbrl_fast_c PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endif()
set(install_cmake ${install_lib}/cmake/mbrl_fast)

# In the source tree headers include each other as "problem/file.hpp". Such a name may be another file in a project that uses
# us, so the installed ones say "mbrl_fast/problem/file.hpp". JSON and the kernels' insides stay at home.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/cpp cpp/*.hpp cpp/*.h)
list(FILTER headers EXCLUDE REGEX "^bindings/|^api/settings|\\.inc\\.hpp$|problem/(json|safetensors)\\.hpp|(kernels/(simd|dispatch)|planners/map_row)\\.hpp")
file(REMOVE_RECURSE ${PROJECT_BINARY_DIR}/include)
foreach(header IN LISTS headers)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cpp/${header})
  file(READ ${PROJECT_SOURCE_DIR}/cpp/${header} text)
  string(REGEX REPLACE "#include \"([a-z_]+/)" "#include \"mbrl_fast/\\1" text "${text}")
  string(REGEX REPLACE "^api/" "" place ${header}) # these two are the front door
  file(WRITE ${PROJECT_BINARY_DIR}/include/mbrl_fast/${place} "${text}")
endforeach()

configure_package_config_file(cmake/mbrl_fastConfig.cmake.in ${PROJECT_BINARY_DIR}/mbrl_fastConfig.cmake
                              INSTALL_DESTINATION ${install_cmake} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mbrl_fastConfigVersion.cmake COMPATIBILITY SameMinorVersion)

set_target_properties(mbrl_fast_core PROPERTIES OUTPUT_NAME mbrl_fast EXPORT_NAME mbrl_fast)
set_target_properties(mbrl_fast_c PROPERTIES EXPORT_NAME c LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}) # not beside _core
install(
  TARGETS mbrl_fast_core mbrl_fast_c
  EXPORT mbrl_fastTargets
  ARCHIVE DESTINATION ${install_lib} COMPONENT development
  LIBRARY DESTINATION ${install_lib} COMPONENT development NAMELINK_COMPONENT development
  INCLUDES DESTINATION ${install_include})
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/ DESTINATION ${install_include} COMPONENT development)
install(FILES ${PROJECT_BINARY_DIR}/mbrl_fastConfig.cmake ${PROJECT_BINARY_DIR}/mbrl_fastConfigVersion.cmake DESTINATION ${install_cmake}
        COMPONENT development)
install(EXPORT mbrl_fastTargets NAMESPACE mbrl_fast:: DESTINATION ${install_cmake} COMPONENT development)
