# Components alone: what is out of range is said and never computed, fluids of all strengths, weather files; and their pages:
# every component has one that is linked, what a page shows is what the program prints, `check` takes the settings it names.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"
thermal() { expect "$1" "$2" "$TOKENWORKS" thermal $3; }

thermal 3 "counterflow: ntu = -1, expected 0 to" "counterflow ntu=-1 rate_ratio=0.5"
thermal 3 "crossflow: rate_ratio = 3, expected 0 to 1" "crossflow ntu=1 rate_ratio=3"
thermal 3 "york: wet_bulb_degc = -300, expected -100 to 200 degC" "york wet_bulb_degc=-300:20:5"
thermal 3 "rear_door gives no value here" "rear_door heat_w=1e12"
thermal 3 "dry_cooler gives no value here" "dry_cooler inlet_degc=-100"
thermal 3 "cdu gives no value here" "cdu plant_flow_kg_s=1"
thermal 3 "expected nearest oslo" "climate site=osla"
thermal 0 "share                         - 1" "rack_meter power_w=4e4 flow_lpm=40 supply_degc=33"

# a CDU on any strength of glycol; volume flows by its density
for fluid in pg20 pg30 pg40 pg50; do
    expect 0 "fluid = \"$fluid\"" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --set "cooling.cdus.cdu1.fluid=$fluid" --resolved
done

# a CDU whose flow is too small for its racks is told with what it carries
expect 0 "which carries " "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --set cooling.cdus.cdu1.rack_flow_kg_s=15

# York's polynomial outside its bounds is counted: cells get a third of their water; a dry cooler counts nothing
for kind in york_tower dry_cooler; do
    expect 0 "" "$TOKENWORKS" run "$facilities/dps_8rack.cfg" --for 30s --set run.warmup_s=0 --set cooling.plant.part=tower_1459kw \
        --set cooling.plant.kind=$kind --set cooling.plant.air_degc=25 --out york.h5 --force --json -q
    echo "$kind $(json cooling.york_clamped_h)"
done > york.txt
[ "$(cat york.txt)" = "york_tower 0.008333333333333333
dry_cooler 0" ] || fail "hours of York's bounds: $(cat york.txt)"

cat > year.py <<'END'
import sys
print("LOCATION,Nowhere,-,-,-,0,0,0,0,120.0")
for i in range(7): print("HEADER")
for h in range(8760):
    print(f"2001,1,1,{h % 24 + 1},0,x,{10 + (h % 24) * 0.5:.1f},5.0,60,100000,0,0,0,0,0,0,0,0,0,0,0,0")
END
python3 year.py > year.epw
expect 0 "" "$TOKENWORKS" thermal year.epw --json --out hours.csv
[ "$(json elevation_m)" = 120 ] && [ "$(json dry_bulb_max_degc)" = 21.5 ] || fail "a weather file's year: $(cat out.txt)"
[ "$(wc -l < hours.csv)" = 8761 ] || fail "hours.csv has $(wc -l < hours.csv) lines"
sed '100d' year.epw > short.epw
expect 3 "8759 records, expected 8760" "$TOKENWORKS" thermal short.epw

cd "$TOKENWORKS_SOURCE" || exit 1
python3 - <<'END' || fail "pages of the thermal components"
import glob, math, os, re, shlex, subprocess
program, bad = os.environ["TOKENWORKS"], []
def out(*arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True)
index = open("docs/thermal-components.md").read()
names = [line.split()[0] for line in out("thermal").stdout.splitlines()]
pages = {page: open(page).read() for page in sorted(glob.glob("docs/thermal/*.md"))}
if len(names) < 50 or len(pages) < 36: bad.append(f"{len(names)} components, {len(pages)} pages")
for name in names:
    page = re.search(rf"\[`{name}`\]\((thermal/\w+\.md)\)", index)
    if not page: bad.append(f"{name}: no page in docs/thermal-components.md")
    elif not re.search(rf"^tokenworks thermal {name}( |$)", pages.get("docs/" + page[1], ""), re.M):
        bad.append(f"{page[1]} does not show {name}")
def same(a, b):
    try: return math.isclose(float(a), float(b), rel_tol=1e-5, abs_tol=1e-12)
    except ValueError: return a == b
for page, text in pages.items():
    if f"({page[5:]})" not in index: bad.append(f"{page}: not linked")
    if "](../img/thermal/" not in text: bad.append(f"{page}: no plot")
    for need in ("ot modelled", "Range", "tokenworks"):
        if need not in text and page != "docs/thermal/integrators.md": bad.append(f"{page}: no \"{need}\"")
    checks = set()
    for block in re.findall(r"^```\n(tokenworks .*?)^```", text, re.M | re.S):
        command, *shown = block.rstrip("\n").split("\n")
        words = shlex.split(command)
        if words[1] == "check":
            checks.add(command)
        elif words[1] == "thermal" and not re.search(r"\.(cfg|epw|csv)$", words[2]):
            run = out(*words[1:])
            a, b = [w for l in shown for w in l.split()], run.stdout.split()
            if run.returncode or len(a) != len(b) or not all(map(same, a, b)):
                bad.append(f"{page}: {command} prints\n{run.stdout}{run.stderr}")
    for command in checks:
        run = out(*shlex.split(command)[1:], "--resolved")
        if run.returncode: bad.append(f"{page}: {command}: {run.stderr.strip()[:300]}")
print("\n".join(bad))
raise SystemExit(bool(bad))
END
finish
