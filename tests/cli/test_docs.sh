# The pages hold together: relative links lead to a file and to a heading of it, headings that sources name are there, rows of
# a table have its head's cells, and every command line uses commands and options that exist.
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

# headings as GitHub makes anchors of them, and what points to one: links of pages, and sources by the heading's words
cat > "$folder/anchors.py" << 'EOF'
import glob, os, re, sys

def headings(page):
    text = re.sub(r"^```.*?^```", "", open(page).read(), flags=re.M | re.S)
    for line in re.findall(r"^#{1,6} +(.*?)[ #]*$", text, flags=re.M):
        yield re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line).replace("`", "").replace("*", "")

def anchors(page):
    seen = {}
    for line in headings(page):
        slug = re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-")
        seen[slug] = seen.get(slug, -1) + 1
        yield slug if seen[slug] == 0 else f"{slug}-{seen[slug]}"

pages = ["README.md", "CONTRIBUTING.md"] + sorted(glob.glob("docs/*.md") + glob.glob("docs/thermal/*.md"))
known = {page: set(anchors(page)) for page in pages}
pointers = 0
for page in pages:
    text = re.sub(r"^```.*?^```", "", open(page).read(), flags=re.M | re.S)
    for file, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", text):
        target = os.path.normpath(os.path.join(os.path.dirname(page), file)) if file else page
        pointers += 1
        if anchor not in known.get(target, set()): print(f"{page}: no heading for {file}#{anchor}")
    # a row with more cells than its table's head loses them in the rendered page
    width = None
    for line in text.split("\n"):
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1 if line.startswith("|") else None
        if cells and width and cells != width: print(f"{page}: {cells} cells under a head of {width}: {line[:60]}")
        width = (width or cells) if cells else None
for folder in sys.argv[1:]:
    for source in glob.glob(folder + "/**/*.*", recursive=True):
        if not re.search(r"\.([ch]|cu|cuh|py|sh|cfg)$", source): continue
        text = re.sub(r"\s*\n\s*(//|#)?\s*", " ", open(source).read())
        for page, words in re.findall(r'(docs/[a-z_/-]+\.md),? "([^"\n]+)"', text):
            pointers += 1
            if words not in headings(page): print(f'{source}: {page} has no heading "{words}"')
if pointers < 100: print(f"only {pointers} pointers to headings found")
EOF
python3 "$folder/anchors.py" cli study viz twin models sim kernels scripts tests facilities bench > "$folder/lost.txt" 2>&1 || fail "anchors.py ended early"
while read -r line; do fail "$line"; done < "$folder/lost.txt"
finish
