# What every target of ours has in common: warnings and, where a preset asks for them, sanitizers.
add_library(trunkline_build_flags INTERFACE)
target_compile_options(trunkline_build_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow 
    -Woverloaded-virtual -Wcast-qual -Wimplicit-fallthrough $<$<BOOL:${TRUNKLINE_WARNINGS_AS_ERRORS}>:-Werror>)
if(TRUNKLINE_SANITIZE)
    target_compile_options(trunkline_build_flags INTERFACE -fsanitize=${TRUNKLINE_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(trunkline_build_flags INTERFACE -fsanitize=${TRUNKLINE_SANITIZE})
    if(TRUNKLINE_SANITIZE MATCHES thread)
        # Asio's fenced block uses atomic_thread_fence, which the thread sanitizer does not model.
        target_compile_definitions(trunkline_build_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
    endif()
endif()

# trunkline_flags(target): gives `target` the build flags without handing them to its consumers.
function(trunkline_flags target)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:trunkline_build_flags>)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
endfunction()
