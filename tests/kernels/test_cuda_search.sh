#!/bin/bash
# A CUDA compiler that is absent, too old, or refuses the host compiler: AUTO configures without it and says why, ON
# fails (PG18). Toolkits are made of shell scripts, so that this runs anywhere.
set -u
source=$(cd "${TOKENWORKS_SOURCE:-.}" && pwd)
command -v cmake > /dev/null || { echo "skipped: no cmake"; exit 77; }
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder" || exit 1
unset CUDACXX
failures=0

mkdir project
cat > project/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.22)
project(search C)
include(${SEARCH})
message(STATUS "usable=${tokenworks_cuda_usable} why=${tokenworks_cuda_why}")
END

# toolkit FOLDER RELEASE: an nvcc that says its release, and refuses to compile
toolkit() {
    mkdir -p "$1/bin"
    printf '#!/bin/sh\n[ "$1" = --version ] && { echo "Cuda compilation tools, release %s, V%s.1"; exit 0; }\n' "$2" "$2" > "$1/bin/nvcc"
    printf 'echo "host_config.h:143:2: error: #error -- unsupported GNU version!" >&2\nexit 1\n' >> "$1/bin/nvcc"
    chmod +x "$1/bin/nvcc"
}
toolkit old/cuda-9.2 9.2
toolkit old/cuda-11.8 11.8
toolkit refusing/cuda 12.9

# expect STATUS TEXT AUTO|ON|OFF PREFIX [OPTION]: one tree throughout, so that what a failed search left is seen to do no
# harm; nvcc must not be on PATH
clean=$(printf '%s' "$PATH" | tr ':' '\n' | while read -r p; do [ -x "$p/nvcc" ] || printf '%s:' "$p"; done)
expect() {
    local status said
    said=$(PATH=${clean%:} cmake -S project -B tree ${5:+"$5"} -DSEARCH="$source/cmake/cuda_search.cmake" \
        -DTOKENWORKS_CUDA="$3" -DTOKENWORKS_CUDA_PREFIX="$folder/$4" 2>&1)
    status=$?
    [ $status -ne 0 ] && status=1
    # cmake breaks its lines where it likes
    said=$(printf '%s' "$said" | tr -s '\n ' ' ')
    if [ $status != "$1" ] || [[ $said != *"$2"* ]]; then
        echo "CUDA=$3 in $4: status $status, expected $1 and \"$2\" in:"
        echo "$said"
        failures=$((failures + 1))
    fi
}
expect 0 "usable=OFF why=no nvcc in CMAKE_CUDA_COMPILER, CUDACXX, PATH" AUTO nowhere
expect 1 "TOKENWORKS_CUDA=ON: no nvcc in" ON nowhere
expect 0 "usable=OFF why= " OFF old
expect 0 "cuda-11.8/bin/nvcc is CUDA 11.8; 12.8 or later is needed" AUTO old
expect 1 "cuda-11.8/bin/nvcc is CUDA 11.8; 12.8 or later is needed" ON old
expect 0 "does not compile here: host_config.h:143:2: error: #error -- unsupported GNU version!" AUTO refusing
expect 1 "does not compile here: host_config.h:143:2: error" ON refusing
# a toolkit named by hand goes before all others
expect 0 "old/cuda-9.2/bin/nvcc is CUDA 9.2" AUTO refusing -DCMAKE_CUDA_COMPILER="$folder/old/cuda-9.2/bin/nvcc"
exit $((failures != 0))
