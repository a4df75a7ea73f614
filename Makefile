# The front door. `make run`: install what is missing, build, simulate one day, report. `make test`: the same, then tests.
MAKEFLAGS += --no-print-directory

PRESET ?= release
BUILD   = build/$(PRESET)
JOBS   ?= $(shell nproc)
# Ninja where it is installed: between compilations it does a tenth of the work
CONFIGURE = cmake $(if $(shell command -v ninja 2>/dev/null),-G Ninja)

.PHONY: all run test dev-test bench pictures calibrate install package deps configure build clean

all: build

deps:
	@scripts/install-deps

configure: deps
	@test -f $(BUILD)/CMakeCache.txt || $(CONFIGURE) --preset $(PRESET)

build: configure
	@cmake --build --preset $(PRESET) -j $(JOBS)

# the program alone: the tests would double the build
run: configure
	@cmake --build --preset $(PRESET) -j $(JOBS) --target tokenworks
	@scripts/first-run $(BUILD)/bin/tokenworks

test: build
	@cd $(BUILD) && ctest -j $(JOBS) --output-on-failure

# warnings as errors, AddressSanitizer and UBSan over the same tests
dev-test: deps
	@test -f build/dev/CMakeCache.txt || $(CONFIGURE) --preset dev
	@cmake --build --preset dev -j $(JOBS)
	@cd build/dev && ctest -j $(JOBS) --output-on-failure

bench: build
	@for b in $(BUILD)/bench/bench_*; do [ -x "$$b" ] && [ -f "$$b" ] && { echo "# $$(basename $$b)"; OMP_WAIT_POLICY=passive $$b || exit 1; }; done

# the pictures of README.md and docs/, drawn anew from runs of shipped facilities
pictures: build
	@scripts/make-pictures $(BUILD)/bin/tokenworks

# this machine's GPU measured, about 25 minutes: docs/calibration.md
calibrate:
	@scripts/measure-gpu results/gpu all

install: build
	@cmake --install $(BUILD) $(if $(PREFIX),--prefix $(PREFIX))

package: build
	@cd $(BUILD) && cpack

clean:
	rm -rf build
