# tokenworks-calibrate for a GPU that the processor plays (tests/kernels/emulated): the same sources, the .cu files by a
# C++ compiler. Needs no CUDA; without a C++ compiler its tests are left out.
include(CheckLanguage)
check_language(CXX)
if(NOT CMAKE_CXX_COMPILER)
  return()
endif()
enable_language(CXX)

set(emulated ${CMAKE_SOURCE_DIR}/tests/kernels/emulated)
file(GLOB emulated_sources CONFIGURE_DEPENDS ${emulated}/*.cpp)
file(GLOB emulated_kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.cu)
file(GLOB emulated_host CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.c)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/emulated)
foreach(source ${emulated_kernels})
  # a launch becomes an expression of C++
  get_filename_component(name ${source} NAME_WE)
  set(made ${CMAKE_BINARY_DIR}/emulated/${name}.cpp)
  add_custom_command(OUTPUT ${made} DEPENDS ${source} VERBATIM
      COMMAND sh -c "{ echo '#line 1 \"${source}\"' && sed -e 's/<<</ ^ emulated::Grid(/' -e 's/>>>(/)(/' ${source}; } > ${made}")
  list(APPEND emulated_made ${made})
endforeach()

add_executable(calibrate_emulated ${emulated_sources} ${emulated_made} ${emulated_host})
target_include_directories(calibrate_emulated BEFORE PRIVATE ${emulated} ${CMAKE_SOURCE_DIR})
target_link_libraries(calibrate_emulated PRIVATE tw_kernels)
target_link_options(calibrate_emulated PRIVATE -Wl,--wrap=tw_plan_launch)
target_compile_definitions(calibrate_emulated PRIVATE TW_CALIBRATE_VERSION="${PROJECT_VERSION}" TW_CALIBRATE_CUDA="emulated"
    TW_SELFTEST_REPEATS=1 TW_WATCH_SILENCE_S=600.0)    # the same every time here
# fibers jump between stacks, which fortified longjmp forbids; kernels are C++ of nvcc's dialect. Options of a source come
# behind those of tw_flags.
set(dialect -std=c++17 -O2 -U_FORTIFY_SOURCE -Wno-unknown-pragmas -Wno-conversion -Wno-sign-conversion -Wno-unused-function -Wno-pass-failed)
set_source_files_properties(${emulated_sources} PROPERTIES COMPILE_OPTIONS "${dialect}")
set_source_files_properties(${emulated_made} PROPERTIES COMPILE_OPTIONS "${dialect};-include;${emulated}/language.h")
set_target_properties(calibrate_emulated PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests ENABLE_EXPORTS ON LINKER_LANGUAGE CXX)

add_library(emulated_meters SHARED ${emulated}/meters.c)
set_target_properties(emulated_meters PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/emulated OUTPUT_NAME nvidia-ml VERSION 1 SOVERSION 1)
