# How every target is compiled.
add_library(tw_flags INTERFACE)
target_include_directories(tw_flags INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/generated>)
target_compile_definitions(tw_flags INTERFACE _DEFAULT_SOURCE _POSIX_C_SOURCE=200809L)
target_compile_options(tw_flags INTERFACE -ffp-contract=off -Wall -Wextra -Wconversion $<$<BOOL:${TOKENWORKS_WERROR}>:-Werror>)
target_link_libraries(tw_flags INTERFACE m OpenMP::OpenMP_C)
# a pointer sum that wraps is found by AddressSanitizer where it is used; a check at every sum is a quarter of the build
if(TOKENWORKS_SANITIZE)
  target_compile_options(tw_flags INTERFACE -fsanitize=address,undefined -fno-sanitize=pointer-overflow
      -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(tw_flags INTERFACE -fsanitize=address,undefined)
endif()
