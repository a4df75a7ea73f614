set(tokenworks_cuda_text "OFF")
set(tokenworks_mpi_text "OFF")
