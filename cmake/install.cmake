# What `cmake --install` puts under the prefix, and the packages that cpack makes of it.
#
#   bin/tokenworks                     the program; it finds share/tokenworks from its own place, so the tree may move
#   share/tokenworks/                  facilities/ with their parts, calibration/
#   lib/libtokenworks.a, include/tokenworks/, lib/pkgconfig/tokenworks.pc    all layers but the view, for C programs
#   share/doc/tokenworks, share/man/man1, share/bash-completion/completions
include(GNUInstallDirs)

if(TARGET tokenworks)
  install(TARGETS tokenworks RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET tokenworks-calibrate)
  install(TARGETS tokenworks-calibrate RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
# not in the packages: they would need MPI everywhere
if(TARGET tokenworks-mpi)
  install(TARGETS tokenworks-mpi RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT mpi)
endif()

set(tokenworks_data ${CMAKE_INSTALL_DATADIR}/tokenworks)
install(DIRECTORY facilities calibration DESTINATION ${tokenworks_data})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
install(FILES README.md CONTRIBUTING.md LICENSE NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# One library of all layers that need no window.
get_property(layers GLOBAL PROPERTY TW_LAYERS)
list(REMOVE_ITEM layers tw_viz)
foreach(layer ${layers})
  list(APPEND layer_objects $<TARGET_OBJECTS:${layer}>)
endforeach()
add_library(libtokenworks STATIC ${layer_objects})
set_target_properties(libtokenworks PROPERTIES OUTPUT_NAME tokenworks LINKER_LANGUAGE C)
install(TARGETS libtokenworks ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY sim models twin study DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tokenworks
    FILES_MATCHING PATTERN "*.h" PATTERN "*inner.h" EXCLUDE)
install(FILES ${CMAKE_BINARY_DIR}/generated/sim/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tokenworks/sim)

# tokenworks.pc: the prefix is found from where the file lies; the library is static, so Libs names what it needs.
file(RELATIVE_PATH pc_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
string(REGEX REPLACE "/$" "" pc_prefix ${pc_prefix})
set(pc_libraries -lsundials_cvode -lsundials_nvecserial -lsundials_sunlinsolklu -lklu -lsundials_sunmatrixsparse
    -lsundials_sunlinsoldense -lsundials_sunmatrixdense ${HDF5_C_HL_LIBRARIES} ${HDF5_C_LIBRARIES})
list(REMOVE_DUPLICATES pc_libraries)
list(FILTER pc_libraries EXCLUDE REGEX "lib(m|dl|z|sz|pthread|crypto|curl)\\.(so|a)$")
list(JOIN pc_libraries " " pc_libraries)
set(pc_flags "${OpenMP_C_FLAGS}")
configure_file(cmake/tokenworks.pc.in ${CMAKE_BINARY_DIR}/generated/tokenworks.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/tokenworks.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Manual page and completion come from the program's own table of options; a foreign program cannot be asked.
if(TARGET tokenworks AND NOT CMAKE_CROSSCOMPILING)
  set(man ${CMAKE_BINARY_DIR}/generated/tokenworks.1)
  set(completion ${CMAKE_BINARY_DIR}/generated/tokenworks.bash)
  add_custom_command(OUTPUT ${man} DEPENDS tokenworks ${CMAKE_SOURCE_DIR}/scripts/make-man VERBATIM
      COMMAND sh ${CMAKE_SOURCE_DIR}/scripts/make-man $<TARGET_FILE:tokenworks> ${man})
  add_custom_command(OUTPUT ${completion} DEPENDS tokenworks VERBATIM
      COMMAND sh -c "\"$1\" --completion > \"$2\"" sh $<TARGET_FILE:tokenworks> ${completion})
  add_custom_target(pages ALL DEPENDS ${man} ${completion})
  install(FILES ${man} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME tokenworks)
endif()

set(CPACK_GENERATOR TGZ)
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};${PROJECT_NAME};Unspecified;/")
find_program(dpkg_shlibdeps dpkg-shlibdeps)
if(dpkg_shlibdeps)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_PACKAGE_VENDOR "The Tokenworks maintainers")
set(CPACK_PACKAGE_CONTACT "The Tokenworks maintainers <maintainers@tokenworks.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_FILE ${CMAKE_SOURCE_DIR}/cmake/description.txt)
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "fonts-dejavu-core")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3-xarray, libsundials-dev, libsuitesparse-dev, libhdf5-dev, libconfig-dev, libmd-dev, libnlopt-dev, zlib1g-dev")
include(CPack)
