# Installs the SDK as the CMake package `trunkline`, component `sdk`. The libraries are static, so the private ones that
# it is built on come along; nothing of them is public.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/trunkline)
install(TARGETS trunkline_appserver EXPORT TrunklineTargets
    ARCHIVE COMPONENT sdk
    FILE_SET HEADERS COMPONENT sdk)
install(TARGETS trunkline_net trunkline_protocol EXPORT TrunklineTargets ARCHIVE COMPONENT sdk)
install(EXPORT TrunklineTargets NAMESPACE trunkline:: DESTINATION ${package_dir} COMPONENT sdk)
configure_package_config_file(${PROJECT_SOURCE_DIR}/deploy/cmake/TrunklineConfig.cmake.in
    ${PROJECT_BINARY_DIR}/trunklineConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/trunklineConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/trunklineConfig.cmake ${PROJECT_BINARY_DIR}/trunklineConfigVersion.cmake
    DESTINATION ${package_dir} COMPONENT sdk)
