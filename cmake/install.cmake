if(TARGET tokenworks)
  install(TARGETS tokenworks RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
