# The pages hold together: relative links lead somewhere, and every command line in them uses commands and options that exist.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"
cd "$TOKENWORKS_SOURCE" || exit 1
# what the map says is not there yet may be named elsewhere
planned=$(sed -n '/^## Not there yet/,$p' docs/architecture.md)

for page in README.md CONTRIBUTING.md docs/*.md docs/thermal/*.md; do
    for link in $(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//; s/#.*//' | grep -v '^https\{0,1\}:'); do
        [ -e "$(dirname "$page")/$link" ] || fail "$page: nothing at $link"
    done
    [ "$page" = docs/README.md ] || [ "${page%/*}" != docs ] || grep -qF "(${page#docs/})" docs/README.md || fail "docs/README.md does not list $page"

    # command lines stand at the start of a line of a fenced block, or between backquotes
    { sed -n '/^```/,/^```/p' "$page" | grep '^tokenworks [a-z]'
      grep -o '`tokenworks [a-z][^`]*`' "$page" | tr -d '`'; } > "$folder/lines.txt"
    while read -r line; do
        command=$(echo "$line" | cut -d' ' -f2)
        echo "$planned" | grep -qF "\`$command\`" && continue
        [ -s "$folder/help.$command" ] || "$TOKENWORKS" "$command" --help > "$folder/help.$command" 2>&1 ||
            { rm -f "$folder/help.$command"; fail "$page: no command: $line"; continue; }
        for option in $(echo "${line%%#*}" | grep -oE -- '(^| )--[a-z-]+'); do
            grep -qE -- "$option([=, ]|$)" "$folder/help.$command" || fail "$page: no option $option: $line"
        done
    done < "$folder/lines.txt"
done
finish
