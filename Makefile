# make            the two tools, in build/ (V=1 shows the commands)
# make test       the tests (needs Criterion); SAN=address,undefined for a sanitizer build
# make learn      the five small programs of tests/learn/README.md, built and run
# make torture    the crash walk: kill -9 after every instruction (STRIDE=N: every Nth)
# make fuzz       hostile contents and text, FUZZ_SECONDS=300 (needs clang); make fuzz-long: 20 minutes
# make model      the models of the protocol, exhaustively, and that they have teeth (needs spin)
# make analyze    thread sanitizer, valgrind, clang-tidy, cppcheck
# make check      format, scripts, layers, and that the names in the documents exist
# make bench      how fast, beside others, see tests/bench/bench.mk; make bench-quick
# make install    PREFIX=/usr/local DESTDIR=; make uninstall. BINDIR MANDIR BASHDIR ZSHDIR FISHDIR say where
# make deb        a Debian package in build/deb
#
# Without libinih there are no configuration files, without libjansson no JSON; the tools say so.
# CC CFLAGS CPPFLAGS LDFLAGS LDLIBS are yours. What the code itself needs is added to them.
# Another compiler or sanitizer builds in a folder of its own: make CC=clang in build/clang.
# HARDENING=      builds without what makes a mistake harder to use: stack protection, checked library
#                 calls, random addresses, read-only relocations

ifneq ($(shell uname -s),Linux)
$(error shm-produce and shm-consume need Linux: futexes, robust mutexes and double mapping)
endif

CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
BASHDIR ?= $(DATADIR)/bash-completion/completions
ZSHDIR ?= $(DATADIR)/zsh/site-functions
FISHDIR ?= $(DATADIR)/fish/vendor_completions.d
INSTALL ?= install

comma := ,
# Each compiler and sanitizer builds in a folder of its own; the plain build is in build/.
VARIANT := $(patsubst -%,%,$(filter-out cc,$(notdir $(firstword $(CC))))$(if $(SAN),-$(subst $(comma),_,$(SAN))))
BUILD ?= $(if $(VARIANT),build/$(VARIANT),build)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)

# Rows of the option tables leave out what they do not have.
warnings := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wno-missing-field-initializers
required := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Icommon -I. -pthread $(warnings) $(SANFLAGS)
# Linked in where there is an archive of it: two more shared objects would add to each start.
library_file = $(or $(wildcard $(shell $(CC) -print-file-name=lib$(1).a)),$(if $(shell $(CC) -print-file-name=lib$(1).so | grep /),-l$(1)))
inih := $(call library_file,inih)
jansson := $(call library_file,jansson)
features := $(if $(inih),-DWITH_INIH) $(if $(jansson),-DWITH_JANSSON)
ifneq ($(findstring musl-gcc,$(CC)),)
# Those of the system are for its own C library: their headers, and what musl does not have.
features += -I$(BUILD)/include
foreign_headers := $(addprefix $(BUILD)/include/,$(if $(inih),ini.h) $(if $(jansson),jansson.h jansson_config.h))
fortified := $(BUILD)/obj/tests/support/fortified.o
endif

# What makes a mistake harder to use, before yours, so that yours count. A sanitizer finds more.
HARDENING ?= yes
ifneq ($(and $(filter-out no off 0,$(HARDENING)),$(if $(SAN),,yes)),)
machine := $(shell $(CC) -dumpmachine)
taken = $(shell echo 'int taken;' | $(CC) -Werror $(1) -x c -c -o /dev/null - 2>/dev/null && echo '$(1)')
static := $(filter -static -static-pie -no-pie,$(CC) $(CFLAGS) $(LDFLAGS))
# glibc's checks need an optimizer, and it says so; yours may ask for others.
optimized := $(filter-out -O0,$(lastword $(filter -O%,$(CC) $(CPPFLAGS) $(CFLAGS))))
fortify := $(if $(findstring FORTIFY_SOURCE,$(CC) $(CPPFLAGS) $(CFLAGS)),,$(if $(optimized),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
hardening := -fPIE $(foreach option,-fstack-protector-strong -fstack-clash-protection \
	$(if $(filter x86_64-% i%86-%,$(machine)),-fcf-protection) \
	$(if $(filter aarch64-%,$(machine)),-mbranch-protection=standard),$(call taken,$(option))) $(fortify)
hardening_link := $(if $(static),,-pie) -Wl,-z,relro,-z,now
endif

# A short loop across a border of 32 bytes is slower on many processors, and where it comes to lie
# depends on all files before it: batches of 8 bytes lost a quarter by a change that attaching alone ran.
alignment := -falign-loops=32
compile = $(CC) $(required) $(features) $(alignment) $(hardening) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
link = $(CC) -pthread $(SANFLAGS) $(hardening_link) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) $(inih) $(jansson) -lrt

ifeq ($(V),1)
say = $(1)
else
say = @printf '  %-4s %s\n' $(2) $@; $(1)
endif

tools := $(BUILD)/shm-produce $(BUILD)/shm-consume
completions := $(foreach tool,shm-produce shm-consume,$(addprefix $(BUILD)/completions/,$(tool) _$(tool) $(tool).fish))
# The channel is one archive, what the tools share another one: only that one reads options or prints.
library := $(BUILD)/libshm-channel.a
library_sources := $(sort $(wildcard $(addsuffix /*.c,$(addprefix common/,base channel send receive observe))))
tools_library := $(BUILD)/libtools.a
tools_sources := $(sort $(wildcard common/frame/*.c common/cli/*.c))
producer_sources := $(sort $(wildcard producer/*.c producer/*/*.c))
consumer_sources := $(sort $(wildcard consumer/*.c consumer/*/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
archives := $(tools_library) $(library)
# Programs that the tests start. What they do not start: a stress program, for the thread sanitizer.
test_programs := $(addprefix support/,agent trickle without) $(addprefix crash/,cond_wedge crash_walk) \
	$(addprefix fuzz/,fuzz_replay parse_replay) model/weak_order
other_programs := crash/stress
# For the learner, see tests/learn/README.md. Each is one file and needs nothing of ours.
lessons := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/learn/*.c)))
test_support := $(filter-out $(addprefix tests/support/,agent.c trickle.c without.c fortified.c syscall_filter.c),\
	$(wildcard tests/support/*.c))
test_objects := $(call objects,$(sort $(wildcard tests/*/test_*.c) $(test_support)))
source_folders := common common/* producer producer/* consumer consumer/* tests/*
sources := $(sort $(wildcard $(foreach ending,.c .h .cc,$(addsuffix /*$(ending),$(source_folders)))))
scripts := $(sort $(wildcard scripts/*.sh tests/*.sh tests/*/*.sh)) .ci/run

.PHONY: all test tests programs learn fuzz fuzz-long torture model analyze check format install uninstall deb clean
all: $(tools) $(completions)

$(BUILD)/shm-produce: $(call objects,$(producer_sources)) $(archives)
	$(call say,$(link),LD)
$(BUILD)/shm-consume: $(call objects,$(consumer_sources)) $(archives)
	$(call say,$(link),LD)
$(tools) $(BUILD)/tests/parse_replay: $(fortified)
$(call objects,$(library_sources) $(tools_sources) $(consumer_sources)): | $(foreign_headers)
$(foreign_headers):
	@mkdir -p $(@D)
	@ln -sf /usr/include/$(@F) $@
$(library): $(call objects,$(library_sources))
$(tools_library): $(call objects,$(tools_sources))
$(archives):
	@rm -f $@
	$(call say,$(AR) rcs $@ $^,AR)

# For the shells, from what --help says. RUN: what runs another machine's tools on this one.
$(completions): scripts/completions.sh $(wildcard scripts/completions/*)
complete = @mkdir -p $(@D); scripts/completions.sh $(1) $(RUN) $< >$@.new && mv $@.new $@
$(BUILD)/completions/%.fish: $(BUILD)/%
	$(call complete,fish)
$(BUILD)/completions/_%: $(BUILD)/%
	$(call complete,zsh)
$(BUILD)/completions/%: $(BUILD)/%
	$(call complete,bash)

# Tests. TOOLS: the folder of the tools and the agent under test, if not this build's: another
# C library cannot be linked with Criterion (make CC=musl-gcc all programs comes first).
TOOLS ?= $(BUILD)
programs: $(addprefix $(BUILD)/tests/,$(notdir $(test_programs))) $(lessons)
tests: all $(BUILD)/tests/run programs
test: tests
	tests/run.sh $(BUILD)/tests $(TOOLS)
	$(TOOLS)/tests/fuzz_replay tests/fuzz/corpus
	$(TOOLS)/tests/parse_replay tests/fuzz/corpus_parse
ifeq ($(SAN),)
	$(TOOLS)/tests/crash_walk -s $(QUICK_STRIDE)
else
	@echo 'crash walk: skipped, most instructions stepped would be the sanitizer'"'"'s own'
endif
$(BUILD)/tests/run: $(test_objects) $(archives)
	$(call say,$(link) -lcriterion,LD)
$(foreach program,$(test_programs) $(other_programs),\
	$(eval $(BUILD)/tests/$(notdir $(program)): $(BUILD)/obj/tests/$(program).o))
$(BUILD)/tests/%: $(archives)
	@mkdir -p $(@D)
	$(call say,$(link),LD)
$(lessons): inih :=
$(lessons): jansson :=
$(lessons): $(BUILD)/tests/learn/%: $(BUILD)/obj/tests/learn/%.o
	@mkdir -p $(@D)
	$(call say,$(link),LD)
learn: $(lessons)
	@set -e; for lesson in $^; do echo "== $${lesson##*/}"; $$lesson; done

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D) $(BUILD)/tests
	$(call say,$(compile),CC)

# The orders of memory: these files once more, with accesses that go through tests/model/weak.c.
weak_objects := $(patsubst %.c,$(BUILD)/obj/weak/%.o,$(library_sources))
$(BUILD)/obj/weak/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,$(compile) -include tests/model/weak.h,CC)
$(BUILD)/tests/weak_order: $(BUILD)/obj/tests/model/weak.o $(weak_objects)

# Hostile contents and hostile text: the saved inputs are replayed with the tests; "make fuzz" looks
# for new ones, half of the time for each.
parsers := $(sort $(wildcard consumer/print/*.c))
$(BUILD)/obj/tests/fuzz/fuzz_replay.o: tests/fuzz/fuzz_attach.c Makefile
	@mkdir -p $(@D) $(BUILD)/tests
	$(call say,$(compile) -DREPLAY,CC)
$(BUILD)/obj/tests/fuzz/parse_replay.o: tests/fuzz/fuzz_parse.c Makefile
	@mkdir -p $(@D) $(BUILD)/tests
	$(call say,$(compile) -DREPLAY,CC)
$(addprefix $(BUILD)/tests/,fuzz_replay parse_replay): $(BUILD)/obj/tests/fuzz/replay.o
$(BUILD)/tests/parse_replay: $(call objects,$(parsers))
$(BUILD)/tests/parse_replay: LDFLAGS += -Wl,--wrap=exit
FUZZ_SECONDS ?= 300
fuzz_folder := $(BUILD)/fuzz
fuzz_sources := tests/fuzz/fuzz_attach.c $(library_sources) $(sort $(wildcard common/frame/*.c))
parse_sources := tests/fuzz/fuzz_parse.c $(parsers) $(library_sources) $(tools_sources)
fuzz_compile = clang $(filter-out $(SANFLAGS),$(required)) -O1 -g \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
fuzz_run = $(fuzz_folder)/$(1) $(fuzz_folder)/$(2) tests/fuzz/$(2) -timeout=10 -max_len=600 -close_fd_mask=2 \
	-max_total_time=$$((($(FUZZ_SECONDS) + 1) / 2)) -artifact_prefix=$(fuzz_folder)/
fuzz:
	@mkdir -p $(fuzz_folder)/corpus $(fuzz_folder)/corpus_parse
	$(fuzz_compile) -o $(fuzz_folder)/fuzz_attach $(fuzz_sources) -lrt
	$(fuzz_compile) $(features) -Wl,--wrap=exit -o $(fuzz_folder)/fuzz_parse $(parse_sources) $(inih) $(jansson) -lrt
	$(call fuzz_run,fuzz_attach,corpus)
	$(call fuzz_run,fuzz_parse,corpus_parse)
fuzz-long: FUZZ_SECONDS = 1200
fuzz-long: fuzz

# A sample of the crash walk runs with the tests; "make torture" is all of it.
QUICK_STRIDE ?= 251
$(BUILD)/tests/crash_walk: $(addprefix $(BUILD)/obj/tests/crash/,account.o children.o operate.o operations.o \
	report.o roles.o scene.o stepper.o steps.o victim.o)
$(BUILD)/tests/crash_walk $(BUILD)/tests/without: $(BUILD)/obj/tests/support/syscall_filter.o
# Bound before main(), so that the walk steps through our code and not the dynamic linker's.
$(BUILD)/tests/crash_walk: LDFLAGS += -Wl,-z,now
STRIDE ?= 1
torture: $(BUILD)/tests/crash_walk
	$< -s $(STRIDE)
.SECONDARY:
# However deep: a dependency that is not read here is lost without a word.
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
include tests/bench/bench.mk

CLANG_FORMAT ?= clang-format
model:
	tests/model/run.sh
analyze:
	scripts/analyze.sh
# The layers are read from the objects, too.
check: all
	$(CLANG_FORMAT) --dry-run --Werror $(sources)
	shellcheck $(scripts)
	scripts/check-layers.sh common/LAYERS $(BUILD)/obj
	scripts/check-names.sh
format:
	$(CLANG_FORMAT) -i $(sources)

# Each page goes where its section is. A folder is removed if nothing else is in it. The recipes get
# the folders by the environment: whatever a path holds is not read by the shell.
pages := $(sort $(wildcard producer/*.1 consumer/*.1 common/man/*.5 common/man/*.7))
names := $(notdir $(tools))
install uninstall: export TO_BIN = $(BINDIR)
install uninstall: export TO_MAN = $(MANDIR)
install uninstall: export TO_BASH = $(BASHDIR)
install uninstall: export TO_ZSH = $(ZSHDIR)
install uninstall: export TO_FISH = $(FISHDIR)
install uninstall: export TO = $(DESTDIR)
install: all
	$(INSTALL) -d "$$TO$$TO_BIN"
	$(INSTALL) -m 755 $(tools) "$$TO$$TO_BIN"
	set -e; for page in $(pages); do \
		$(INSTALL) -D -m 644 "$$page" "$$TO$$TO_MAN/man$${page##*.}/$${page##*/}"; done
	set -e; for name in $(names); do \
		$(INSTALL) -D -m 644 "$(BUILD)/completions/$$name" "$$TO$$TO_BASH/$$name"; \
		$(INSTALL) -D -m 644 "$(BUILD)/completions/_$$name" "$$TO$$TO_ZSH/_$$name"; \
		$(INSTALL) -D -m 644 "$(BUILD)/completions/$$name.fish" "$$TO$$TO_FISH/$$name.fish"; done
uninstall:
	for page in $(notdir $(pages)); do rm -f "$$TO$$TO_MAN/man$${page##*.}/$$page"; done
	for name in $(names); do \
		rm -f "$$TO$$TO_BIN/$$name" "$$TO$$TO_BASH/$$name" "$$TO$$TO_ZSH/_$$name" \
			"$$TO$$TO_FISH/$$name.fish"; done
	cd "$$TO/" && rmdir -p "./$$TO_BIN" "./$$TO_BASH" "./$$TO_ZSH" "./$$TO_FISH" \
		$(patsubst .%,"./$$TO_MAN/man%",$(sort $(suffix $(pages)))) 2>/dev/null || :
deb:
	scripts/deb.sh '$(BUILD)/deb'
clean:
	rm -rf build
