# make            the two tools, in build/ (V=1 shows the commands)
# make test       the tests (needs Criterion); SAN=address,undefined for a sanitizer build
# make torture    the crash walk: kill -9 after every instruction (STRIDE=N: every Nth)
# make fuzz       hostile contents, FUZZ_SECONDS=300 (needs clang)
# make model      the models of the protocol, exhaustively, and that they have teeth (needs spin)
# make analyze    thread sanitizer, valgrind, clang-tidy, cppcheck
# make check      format and scripts
# make bench      how fast, beside others, see tests/bench/bench.mk; make bench-quick
# make install    PREFIX=/usr/local DESTDIR=; make uninstall
#
# Without libinih there are no configuration files, without libjansson no JSON; the tools say so.
# CC CFLAGS CPPFLAGS LDFLAGS LDLIBS are yours. What the code itself needs is added to them.

ifneq ($(shell uname -s),Linux)
$(error shm-produce and shm-consume need Linux: futexes, robust mutexes and double mapping)
endif

CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
INSTALL ?= install

comma := ,
# Each compiler and sanitizer builds in a folder of its own; the plain build is in build/.
VARIANT := $(patsubst -%,%,$(filter-out cc,$(notdir $(firstword $(CC))))$(if $(SAN),-$(subst $(comma),_,$(SAN))))
BUILD ?= $(if $(VARIANT),build/$(VARIANT),build)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)

# Rows of the option tables leave out what they do not have.
warnings := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wno-missing-field-initializers
required := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Icommon -pthread $(warnings) $(SANFLAGS)
# Linked in where there is an archive of it: two more shared objects would add to each start.
library_file = $(or $(wildcard $(shell $(CC) -print-file-name=lib$(1).a)),$(if $(shell $(CC) -print-file-name=lib$(1).so | grep /),-l$(1)))
inih := $(call library_file,inih)
jansson := $(call library_file,jansson)
features := $(if $(inih),-DWITH_INIH) $(if $(jansson),-DWITH_JANSSON)
ifneq ($(findstring musl-gcc,$(CC)),)
# Those of the system are for its own C library: their headers, and what musl does not have.
features += -I$(BUILD)/include
foreign_headers := $(addprefix $(BUILD)/include/,$(if $(inih),ini.h) $(if $(jansson),jansson.h jansson_config.h))
fortified := $(BUILD)/obj/tests/fortified.o
endif
compile = $(CC) $(required) $(features) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
link = $(CC) -pthread $(SANFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS) $(inih) $(jansson) -lrt

ifeq ($(V),1)
say = $(1)
else
say = @printf '  %-4s %s\n' $(2) $@; $(1)
endif

tools := $(BUILD)/shm-produce $(BUILD)/shm-consume
library := $(BUILD)/libshm-channel.a
library_objects := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard common/*.c)))
test_objects := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/test_*.c) $(wildcard tests/support*.c)))
test_programs := $(addprefix $(BUILD)/tests/,agent cond_wedge crash_walk fuzz_replay trickle)
sources := $(sort $(wildcard common/*.[ch] producer/*.[ch] consumer/*.[ch] tests/*.[ch] tests/bench/*.[ch] tests/bench/*.cc))
scripts := $(sort $(wildcard scripts/*.sh tests/*.sh tests/bench/*.sh)) .ci/run

.PHONY: all test tests programs fuzz torture model analyze check format install uninstall clean
all: $(tools)

$(BUILD)/shm-produce: $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard producer/*.c))) $(library)
	$(call say,$(link),LD)
$(BUILD)/shm-consume: $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard consumer/*.c))) $(library)
	$(call say,$(link),LD)
$(tools): $(fortified)
$(library_objects): | $(foreign_headers)
$(foreign_headers):
	@mkdir -p $(@D)
	@ln -sf /usr/include/$(@F) $@
$(library): $(library_objects)
	@rm -f $@
	$(call say,$(AR) rcs $@ $^,AR)

# Tests. TOOLS: the folder of the tools and the agent under test, if not this build's: another
# C library cannot be linked with Criterion (make CC=musl-gcc all programs comes first).
TOOLS ?= $(BUILD)
programs: $(test_programs)
tests: $(tools) $(BUILD)/tests/run programs
test: tests
	tests/run.sh $(BUILD)/tests $(TOOLS)
	$(TOOLS)/tests/fuzz_replay tests/corpus
ifeq ($(SAN),)
	$(TOOLS)/tests/crash_walk -s $(QUICK_STRIDE)
else
	@echo 'crash walk: skipped, most instructions stepped would be the sanitizer'"'"'s own'
endif
$(BUILD)/tests/run: $(test_objects) $(library)
	$(call say,$(link) -lcriterion,LD)
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(library)
	@mkdir -p $(@D)
	$(call say,$(link),LD)

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D) $(BUILD)/tests
	$(call say,$(compile),CC)

# Hostile contents: the saved inputs are replayed with the tests; "make fuzz" looks for new ones.
$(BUILD)/obj/tests/fuzz_replay.o: tests/fuzz_attach.c Makefile
	@mkdir -p $(@D) $(BUILD)/tests
	$(call say,$(compile) -DREPLAY,CC)
FUZZ_SECONDS ?= 300
fuzz_sources := tests/fuzz_attach.c $(filter-out common/cli% common/progress% common/why%,$(sort $(wildcard common/*.c)))
fuzz:
	@mkdir -p $(BUILD)/fuzz/corpus
	clang $(filter-out $(SANFLAGS),$(required)) -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $(BUILD)/fuzz/fuzz_attach $(fuzz_sources) -lrt
	$(BUILD)/fuzz/fuzz_attach $(BUILD)/fuzz/corpus tests/corpus -max_total_time=$(FUZZ_SECONDS) \
		-timeout=10 -max_len=600 -artifact_prefix=$(BUILD)/fuzz/

# A sample of the crash walk runs with the tests; "make torture" is all of it.
QUICK_STRIDE ?= 251
$(BUILD)/tests/crash_walk: $(BUILD)/obj/tests/stepper.o
# Bound before main(), so that the walk steps through our code and not the dynamic linker's.
$(BUILD)/tests/crash_walk: LDFLAGS += -Wl,-z,now
STRIDE ?= 1
torture: $(BUILD)/tests/crash_walk
	$< -s $(STRIDE)
.SECONDARY:
-include $(wildcard $(BUILD)/obj/*/*.d)
include tests/bench/bench.mk

CLANG_FORMAT ?= clang-format
model:
	tests/model/run.sh
analyze:
	scripts/analyze.sh
check:
	$(CLANG_FORMAT) --dry-run --Werror $(sources)
	shellcheck $(scripts)
format:
	$(CLANG_FORMAT) -i $(sources)

install: all
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1'
	$(INSTALL) -m 755 $(tools) '$(DESTDIR)$(BINDIR)'
	$(INSTALL) -m 644 producer/shm-produce.1 consumer/shm-consume.1 '$(DESTDIR)$(MANDIR)/man1'
	$(INSTALL) -d '$(DESTDIR)$(MANDIR)/man5'
	$(INSTALL) -m 644 common/shm-channel.5 '$(DESTDIR)$(MANDIR)/man5'
uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/shm-produce' '$(DESTDIR)$(BINDIR)/shm-consume'
	rm -f '$(DESTDIR)$(MANDIR)/man1/shm-produce.1' '$(DESTDIR)$(MANDIR)/man1/shm-consume.1'
	rm -f '$(DESTDIR)$(MANDIR)/man5/shm-channel.5'
	-rmdir '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man5' '$(DESTDIR)$(MANDIR)' \
		'$(DESTDIR)$(PREFIX)/share' '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(PREFIX)' 2>/dev/null
clean:
	rm -rf build
