# The benchmark; not needed by anything else. A peer whose library is missing is left out, and
# build/bench/bench -l names it.
#
# make bench          everything, some minutes (scripts/setup.sh bench installs the peers)
# make bench-quick    in less than a minute
# make bench-programs just build it

CXX ?= g++
CXXFLAGS ?= $(CFLAGS)
bench_programs := $(addprefix $(BUILD)/bench/,bench scale startup)
bench_support := $(addprefix $(BUILD)/obj/tests/bench/,support.o stream.o)

# What is there is only looked for if it is asked for: it takes a moment.
ifneq ($(filter bench% $(BUILD)/bench/%,$(MAKECMDGOALS)),)
bench_hash := \#
# $(call bench_has,COMPILER,HEADERS): yes, or nothing.
bench_has = $(shell printf '$(bench_hash)include <%s>\n' $(2) | $(1) -E - >/dev/null 2>&1 && echo yes)
bench_iceoryx := $(lastword $(sort $(wildcard /usr/include/iceoryx/v2*)))
bench_optional := \
	$(if $(call bench_has,$(CC) -x c,zmq.h),zeromq) \
	$(if $(call bench_has,$(CC) -x c,nng/nng.h),nng) \
	$(if $(call bench_has,$(CC) -x c,qb/qbrb.h),libqb) \
	$(if $(bench_iceoryx),$(if $(shell command -v iox-roudi),iceoryx)) \
	$(if $(call bench_has,$(CXX) -x c++,boost/interprocess/ipc/message_queue.hpp),boost_queue boost_handshake)
endif
bench_libs_zeromq := -lzmq
bench_libs_nng := -lnng
bench_libs_libqb := -lqb
bench_libs_iceoryx := -liceoryx_binding_c
bench_libs_boost_queue := -lstdc++
bench_plain := $(filter-out $(patsubst %,tests/bench/peer_%.c,zeromq nng libqb iceoryx),$(wildcard tests/bench/peer_*.c))
bench_cxx := $(filter $(addprefix tests/bench/peer_,$(addsuffix .cc,$(bench_optional))),$(wildcard tests/bench/*.cc))
bench_sources := $(sort $(bench_plain) \
	$(filter $(addprefix tests/bench/peer_,$(addsuffix .c,$(bench_optional))),$(wildcard tests/bench/*.c)) \
	$(addprefix tests/bench/,bench.c play.c histogram.c))
bench_objects := $(patsubst %.c,$(BUILD)/obj/%.o,$(bench_sources)) $(patsubst %.cc,$(BUILD)/obj/%.o,$(bench_cxx))

.PHONY: bench bench-quick bench-programs
bench-programs: $(tools) $(bench_programs)
bench: bench-programs
	scripts/bench.sh
bench-quick: bench-programs
	scripts/bench.sh -q

# Libraries of other people's headers: not our warnings.
$(BUILD)/obj/tests/bench/peer_iceoryx.o: CPPFLAGS += -isystem $(bench_iceoryx)
$(BUILD)/obj/tests/bench/%.o: tests/bench/%.cc Makefile
	@mkdir -p $(@D)
	$(call say,$(CXX) -std=c++20 -D_GNU_SOURCE -Wall -Wextra -Wno-missing-field-initializers -pthread $(hardening) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<,CXX)
$(BUILD)/bench/bench: $(bench_objects) $(bench_support) $(library)
	@mkdir -p $(@D)
	$(call say,$(link) $(foreach peer,$(bench_optional),$(bench_libs_$(peer))),LD)
$(BUILD)/bench/scale: $(addprefix $(BUILD)/obj/tests/bench/,scale.o peer_channel.o peer_pipe.o) $(bench_support) $(library)
	@mkdir -p $(@D)
	$(call say,$(link),LD)
$(BUILD)/bench/startup: $(BUILD)/obj/tests/bench/startup.o $(bench_support)
	@mkdir -p $(@D)
	$(call say,$(link),LD)
