# The kernels' host side (references, grids, points: always built) and, where CUDA is found, tokenworks-calibrate.
# Nothing links either: they hand over files.
include(${CMAKE_CURRENT_LIST_DIR}/cuda_search.cmake)
set(tokenworks_cuda_text "not found")
if(TOKENWORKS_CUDA STREQUAL OFF)
  set(tokenworks_cuda_text "OFF")
endif()

# op.c is compiled a second time here, so that the program needs nothing else of the project
file(GLOB kernel_host_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/host/*.c ${CMAKE_SOURCE_DIR}/kernels/ref/*.c)
add_library(tw_kernels STATIC ${kernel_host_sources} ${CMAKE_SOURCE_DIR}/models/workload/op.c)
target_link_libraries(tw_kernels PUBLIC tw_flags ${CMAKE_DL_LIBS})

if(tokenworks_cuda_usable)
  # architectures are named below: those with an "a" are newer than what this CMake can name
  set(CMAKE_CUDA_ARCHITECTURES OFF)
  enable_language(CUDA)
  list(GET CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES 0 tokenworks_cuda_include)
  find_library(TOKENWORKS_CUBLASLT cublasLt HINTS ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES} ${CMAKE_CUDA_HOST_IMPLICIT_LINK_DIRECTORIES})
  find_path(TOKENWORKS_CUBLASLT_INCLUDE cublasLt.h HINTS ${tokenworks_cuda_include})
  find_library(TOKENWORKS_CUDNN cudnn HINTS ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES} ${CMAKE_CUDA_HOST_IMPLICIT_LINK_DIRECTORIES})
  find_path(TOKENWORKS_CUDNN_INCLUDE cudnn.h HINTS ${tokenworks_cuda_include})
  if(NOT TOKENWORKS_CUBLASLT OR NOT TOKENWORKS_CUBLASLT_INCLUDE OR NOT TOKENWORKS_CUDNN OR NOT TOKENWORKS_CUDNN_INCLUDE)
    set(tokenworks_cuda_usable OFF)
    set(missing "CUDA ${tokenworks_cuda_version} is here, cuBLASLt or cuDNN 9 (library or header) is not")
    if(TOKENWORKS_CUDA STREQUAL ON)
      message(FATAL_ERROR "TOKENWORKS_CUDA=ON: ${missing}")
    endif()
    message(WARNING "CUDA is left out: ${missing}")
  endif()
endif()

if(tokenworks_cuda_usable)
  set(chips 90a 100a)
  if(tokenworks_cuda_version VERSION_GREATER_EQUAL 12.9)
    list(APPEND chips 103a)
  endif()
  set(TOKENWORKS_CUDA_CHIPS "${chips}" CACHE STRING "architectures of the CUDA kernels")
  set(chips ${TOKENWORKS_CUDA_CHIPS})
  # PTX beside them lets any later GPU run the kernels
  set(gencode "SHELL:-gencode arch=compute_90,code=compute_90")
  set(tokenworks_cuda_text "${tokenworks_cuda_version},")
  foreach(chip ${chips})
    list(APPEND gencode "SHELL:-gencode arch=compute_${chip},code=sm_${chip}")
    string(APPEND tokenworks_cuda_text " sm_${chip}")
  endforeach()

  # the project's flags are for C: the .cu files have their own
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.cu)
  add_library(tw_cuda OBJECT ${cuda_sources})
  target_include_directories(tw_cuda PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(tw_cuda PRIVATE ${gencode} -Xcompiler=-Wall,-Wextra $<$<BOOL:${TOKENWORKS_WERROR}>:-Werror=all-warnings>)
  set_target_properties(tw_cuda PROPERTIES CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON)

  file(GLOB calibrate_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.c)
  add_executable(tokenworks-calibrate ${calibrate_sources} $<TARGET_OBJECTS:tw_cuda>)
  target_include_directories(tokenworks-calibrate SYSTEM PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${TOKENWORKS_CUBLASLT_INCLUDE} ${TOKENWORKS_CUDNN_INCLUDE})
  target_link_libraries(tokenworks-calibrate PRIVATE tw_kernels ${TOKENWORKS_CUBLASLT} ${TOKENWORKS_CUDNN})
  target_compile_definitions(tokenworks-calibrate PRIVATE TW_CALIBRATE_VERSION="${PROJECT_VERSION}" TW_CALIBRATE_CUDA="${tokenworks_cuda_text}")
  # the runtime is linked in; cuBLASLt alone is half a gigabyte and stays outside, as cuDNN does
  set_target_properties(tokenworks-calibrate PROPERTIES LINKER_LANGUAGE CUDA CUDA_RUNTIME_LIBRARY Static
      INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS tokenworks-calibrate RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/kernels/grids DESTINATION ${CMAKE_INSTALL_DATADIR}/tokenworks/kernels)
endif()

# Plans of cuDNN without a device: against a driver of the same functions as the toolkit's stub that does nothing.
function(tokenworks_plan_tests test_env)
  find_file(TOKENWORKS_DRIVER_STUB libcuda.so HINTS ${CMAKE_CUDA_TOOLKIT_TARGET_DIR} ${CMAKE_CUDA_COMPILER_TOOLKIT_ROOT}
      ${TOKENWORKS_CUDNN}/../../ PATH_SUFFIXES lib/stubs lib64/stubs targets/x86_64-linux/lib/stubs NO_DEFAULT_PATH)
  if(NOT TARGET tokenworks-calibrate OR NOT TOKENWORKS_DRIVER_STUB)
    return()
  endif()
  set(tests ${CMAKE_SOURCE_DIR}/tests/kernels/cuda)
  set(driver ${CMAKE_BINARY_DIR}/stub/driver.c)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/stub)
  add_custom_command(OUTPUT ${driver} DEPENDS ${tests}/stub_driver.sh VERBATIM
      COMMAND sh ${tests}/stub_driver.sh ${TOKENWORKS_DRIVER_STUB} ${driver})
  add_library(stub_driver SHARED ${driver})
  target_compile_options(stub_driver PRIVATE -w)
  set_target_properties(stub_driver PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/stub OUTPUT_NAME cuda
      VERSION 1 SOVERSION 1)
  add_executable(test_kernels_dnn_plans ${tests}/test_dnn_plans.c kernels/dnn_graph.c kernels/dnn_recipes.c)
  target_include_directories(test_kernels_dnn_plans SYSTEM PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${TOKENWORKS_CUDNN_INCLUDE})
  target_link_libraries(test_kernels_dnn_plans PRIVATE tw_kernels ${TOKENWORKS_CUDNN})
  set_target_properties(test_kernels_dnn_plans PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_dependencies(test_kernels_dnn_plans stub_driver)
  add_test(NAME kernels/dnn_plans COMMAND test_kernels_dnn_plans)
  # what cuDNN and its compiler keep for the life of the process is no leak of ours
  set_tests_properties(kernels/dnn_plans PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300
      ENVIRONMENT "${test_env};LD_LIBRARY_PATH=${CMAKE_BINARY_DIR}/stub;ASAN_OPTIONS=detect_leaks=0:protect_shadow_gap=0")
endfunction()
