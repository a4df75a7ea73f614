#!/usr/bin/env bash
# The digest of the sources that results come from: the same for the same files wherever they lie, another for another
# content, name or file; written anew only where it differs.
. "$(dirname "$0")/cli.sh"

script=$(realpath "$facilities/../cmake/sources.cmake")
mkdir -p here/sim there/sim
for folder in here there; do
    echo "int one;" > $folder/sim/one.c
    echo "int two;" > $folder/sim/two.h
done
digest() { cmake "-DFOLDERS=sim" -DSOURCE="$PWD/$1" -DOUTPUT="$PWD/$1.h" -P "$script" && sed -n 's/.*TW_SOURCES "\(.*\)"/\1/p' "$1.h"; }

first=$(digest here)
[[ $first =~ ^[0-9a-f]{12}$ ]] || fail "no digest: $first"
[ "$(digest there)" = "$first" ] || fail "another folder, another digest"

touch -d 2001-01-01 here.h
[ "$(digest here)" = "$first" ] && [ ! here.h -nt "$script" ] || fail "written anew without need"

echo "int three;" >> there/sim/two.h
changed=$(digest there)
[ "$changed" != "$first" ] || fail "a changed header went unseen"
mv here/sim/one.c here/sim/three.c
[ "$(digest here)" != "$first" ] || fail "a changed name went unseen"
rm here/sim/three.c
[ "$(digest here)" != "$first" ] || fail "a missing file went unseen"
finish
