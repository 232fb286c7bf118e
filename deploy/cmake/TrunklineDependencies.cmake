# What trunkline is built on: all of it from the distribution's packages, nothing is downloaded.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(Boost 1.74 REQUIRED)

# Two packages install a `msgpack-config.cmake` and the C one wins, so the C++ one is found by its header.
find_path(TRUNKLINE_MSGPACK_INCLUDE_DIR msgpack.hpp REQUIRED)
add_library(trunkline_msgpack INTERFACE)
target_include_directories(trunkline_msgpack SYSTEM INTERFACE ${TRUNKLINE_MSGPACK_INCLUDE_DIR})
target_link_libraries(trunkline_msgpack INTERFACE Boost::headers)

find_package(yaml-cpp REQUIRED)
if(NOT TRUNKLINE_FUZZ)
    find_package(spdlog REQUIRED)
    find_package(CLI11 REQUIRED)
    find_package(nlohmann_json REQUIRED)
    find_package(prometheus-cpp REQUIRED CONFIG)
endif()

find_program(TRUNKLINE_CCACHE ccache)
if(TRUNKLINE_CCACHE AND PROJECT_IS_TOP_LEVEL)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${TRUNKLINE_CCACHE})
endif()
