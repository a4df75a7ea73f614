# What is installed works after the tree has moved, from another folder, and for a C program that asks pkg-config (PG17);
# the manual page is clean and names every option, as the completion does (PG15).
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"
: "${TOKENWORKS_BUILD:?the build folder}"
command -v cmake > /dev/null || exit 77
unset TOKENWORKS_DATA TOKENWORKS_SOURCE

cmake --install "$TOKENWORKS_BUILD" --prefix "$folder/first" > install.txt 2>&1 || { cat install.txt; exit 1; }
mv first moved
program=$folder/moved/bin/tokenworks
mkdir elsewhere
cd elsewhere || exit 1

expect 0 "valid; nothing was run" "$program" check dps_8rack
expect 0 "the books close" "$program" run dps_8rack --for 1min --out a.h5
expect 0 "the books close" "$program" report a.h5
expect 0 "$folder/moved/bin/../share/tokenworks/facilities/dps_8rack.cfg" "$program" check dps_8rack --explain power.utility.limit_w
for file in share/doc/tokenworks/README.md share/doc/tokenworks/LICENSE share/doc/tokenworks/NOTICE \
    share/doc/tokenworks/docs/README.md share/man/man1/tokenworks.1 share/bash-completion/completions/tokenworks; do
    [ -s "$folder/moved/$file" ] || fail "$file is not installed"
done
[ -z "$(find "$folder/moved/include" -name '*inner.h')" ] || fail "inner headers are installed"
! grep -rqF -- "$folder" "$folder/moved/lib/pkgconfig" || fail "the prefix is written into tokenworks.pc"

# manual page and completion
if command -v man > /dev/null; then
    MANROFFSEQ='' man --warnings -l "$folder/moved/share/man/man1/tokenworks.1" > man.txt 2> err.txt < /dev/null
    [ ! -s err.txt ] || { fail "manual page:"; cat err.txt; }
fi
for command in $("$program" --help | sed -n 's/^  tokenworks \([a-z]*\) .*/\1/p'); do
    for option in $("$program" $command --help | sed -n 's/^ .*\(--[a-z-]*\).*/\1/p' | grep -v -- '^--$'); do
        grep -qF -- "$(echo "$option" | sed 's/-/\\-/g')" "$folder/moved/share/man/man1/tokenworks.1" || fail "man: $option"
        sed -n "s/^ *$command) //p" "$folder/moved/share/bash-completion/completions/tokenworks" | grep -qF -- "$option" ||
            fail "completion of $command: $option"
    done
done

# a program of one's own on the library: 10 s of the shipped factory
if command -v pkg-config > /dev/null && command -v cc > /dev/null; then
    cat > own.c << 'END'
#include "twin/report.h"
#include "twin/state.h"

#include <stdio.h>

int main(void)
{
    TwErrors *errors = tw_errors_create();
    TwError error = {0};
    TwPlant *plant;
    TwState *state;
    if (!tw_plant_create(&plant, &(TwPlantInput){.path = "dps.cfg"}, errors)) {
        tw_errors_print(errors, 50, stderr);
        return 1;
    }
    if (!tw_state_create(&state, plant, &error) || !tw_state_advance(state, 10.0, NULL, NULL, &error)) return 1;
    TwReport *report = tw_report_create(state, -1.0);
    printf("%.0f s, books close: %d\n", tw_state_time_s(state), tw_report_ok(report));
    tw_report_destroy(report);
    tw_state_destroy(state);
    tw_plant_destroy(plant);
    tw_errors_destroy(errors);
    return 0;
}
END
    export PKG_CONFIG_PATH=$folder/moved/lib/pkgconfig
    sanitize=
    grep -q '^TOKENWORKS_SANITIZE:BOOL=ON' "$TOKENWORKS_BUILD/CMakeCache.txt" && sanitize=-fsanitize=address,undefined
    # shellcheck disable=SC2046
    if cc -std=c17 $sanitize own.c $(pkg-config --cflags --libs tokenworks) -o own 2> err.txt; then
        cp "$folder/moved/share/tokenworks/facilities/dps_8rack.cfg" dps.cfg
        TOKENWORKS_DATA=$folder/moved/share/tokenworks expect 0 "10 s, books close: 1" ./own
    else
        fail "a program on the library does not compile"
        cat err.txt
    fi
fi
finish
