# Makefile - builds and checks vs-tools with GNU make.
#
# Everything built lands in build/VARIANT/; nothing else is written.
#
#   make                      the tools, optimised, in build/release/
#   make VARIANT=asan check   another variant: debug, asan, tsan
#   make CC=clang WERROR=     another compiler; warnings stay warnings
#
# Sources are found by name, so a new file needs no line here.

VARIANT ?= release
BUILD   ?= build/$(VARIANT)
PREFIX  ?= /usr/local
DESTDIR ?=

CC      ?= cc
AR      ?= ar
WERROR  ?= -Werror

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

# ---- flags ---------------------------------------------------------------

OPT_release := -O3 -g
OPT_debug   := -Og -g3
OPT_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	       -fno-sanitize-recover=all
OPT_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread \
	       -DVS_PAR_PTHREAD
OPT_fuzz    := -O1 -g -fno-omit-frame-pointer \
	       -fsanitize=fuzzer-no-link,address,undefined \
	       -fno-sanitize-recover=all

# ThreadSanitizer does not see into libgomp: lib/sys/par_pthread.c instead.
PAR_release := -fopenmp
PAR_debug   := -fopenmp
PAR_asan    := -fopenmp
PAR_tsan    := -pthread
PAR_fuzz    := -fopenmp

ifeq ($(OPT_$(VARIANT)),)
$(error VARIANT=$(VARIANT) is not known; release, debug, asan and tsan are)
endif

WARN    := -Wall -Wextra -Wconversion -Wshadow $(WERROR)
CSTD    := -std=c11 -D_GNU_SOURCE
# No fused multiply-add behind our back, no -march, no -ffast-math: results
# are the same bits on every machine.
CFLAGS  ?=
CF       = $(CSTD) $(OPT_$(VARIANT)) $(WARN) -ffp-contract=off \
	   $(PAR_$(VARIANT)) $(CFLAGS)
LDFLAGS ?=
LF       = $(OPT_$(VARIANT)) $(PAR_$(VARIANT)) $(LDFLAGS)
LIBS    := -lzstd -lyaml -lxxhash -lm

INC_lib   := -Iinclude
INC_cmd   := -Iinclude
INC_tests := -Iinclude -I.

# HDF5 where pkg-config knows it; HDF5= builds without it.
ifeq ($(origin HDF5),undefined)
HDF5    := $(firstword $(shell for p in hdf5-serial hdf5; do \
	     pkg-config --exists $$p 2>/dev/null && echo $$p; done))
endif
ifneq ($(HDF5),)
HDF5_CF := -DVS_HAVE_HDF5 $(shell pkg-config --cflags $(HDF5))
LIBS    += $(shell pkg-config --libs $(HDF5))
endif

# ---- what there is -------------------------------------------------------

LIB_SRC   := $(sort $(wildcard lib/*/*.c))
TOOL_SRC  := $(sort $(wildcard cmd/vs-*.c))
CMD_SRC   := $(filter-out $(TOOL_SRC),$(sort $(wildcard cmd/*.c)))
UNIT_SRC  := $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELP := $(filter-out $(UNIT_SRC),$(sort $(wildcard tests/unit/*.c)))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
FUZZ_SRC  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_HELP := $(filter-out $(FUZZ_SRC) tests/fuzz/replay.c, \
	       $(sort $(wildcard tests/fuzz/*.c)))
MAN       := $(sort $(wildcard man/*.[157]))

obj        = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB       := $(BUILD)/libvs.a
CMD_LIB   := $(BUILD)/libcmd.a
TOOLS     := $(TOOL_SRC:cmd/%.c=$(BUILD)/%)
UNIT      := $(UNIT_SRC:%.c=$(BUILD)/%)
BENCH     := $(BENCH_SRC:%.c=$(BUILD)/%)
FUZZ      := $(FUZZ_SRC:%.c=$(BUILD)/%)

ALL_SRC   := $(LIB_SRC) $(TOOL_SRC) $(CMD_SRC) $(UNIT_SRC) $(UNIT_HELP) \
	     $(BENCH_SRC) $(FUZZ_SRC) $(FUZZ_HELP) tests/fuzz/replay.c

COMPLETE_BASH := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
COMPLETE_ZSH  := $(DESTDIR)$(PREFIX)/share/zsh/site-functions

# ---- targets for people --------------------------------------------------

.PHONY: all tests tests-asan tests-tsan help check check-all lint bench fuzz \
	install uninstall dist clean force

all: $(TOOLS) ## the tools, in build/VARIANT/ (the default)

tests: all $(UNIT) $(FUZZ) ## the unit tests and fuzz replays, not run

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | \
		expand -t 20
	@echo '  VARIANT=release|debug|asan|tsan   CC=clang   WERROR='
	@echo '  PREFIX=/usr/local   DESTDIR=   BUILD=build/VARIANT   V=1'

# The unit tests run a second time under the sanitizers; the command lines
# are tested on VARIANT.
check: tests tests-asan lint ## build, lint and all quick tests
	@scripts/run-tests $(BUILD) $(ASAN_ALSO)

check-all: ## check, then sanitizers on everything, tsan, clang, long tests
	@scripts/check-all

lint: $(LIB) all ## the laws of the house, each a script scripts/lint-*
	@BUILD=$(BUILD) CC='$(CC)' scripts/lint

bench: $(BENCH) ## the benchmarks, in build/VARIANT/tests/bench/, not run
	@for b in $(BENCH); do echo "$$b"; done

fuzz: ## libFuzzer targets (clang), in build/fuzz/tests/fuzz/
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang fuzz-targets

install: all ## tools, manual pages, completions under DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(TOOLS) $(DESTDIR)$(PREFIX)/bin
	for s in 1 5 7; do \
		install -d $(DESTDIR)$(PREFIX)/share/man/man$$s && \
		for m in man/*.$$s; do [ ! -e "$$m" ] || install -m 644 \
			"$$m" $(DESTDIR)$(PREFIX)/share/man/man$$s || exit 1; \
		done || exit 1; \
	done
	install -d $(COMPLETE_BASH) $(COMPLETE_ZSH)
	for t in $(notdir $(TOOLS)); do \
		$(BUILD)/$$t --completion bash >$(COMPLETE_BASH)/$$t && \
		$(BUILD)/$$t --completion zsh >$(COMPLETE_ZSH)/_$$t && \
		chmod 644 $(COMPLETE_BASH)/$$t $(COMPLETE_ZSH)/_$$t || exit 1; \
	done

uninstall: ## removes what install put there
	rm -f $(TOOLS:$(BUILD)/%=$(DESTDIR)$(PREFIX)/bin/%)
	rm -f $(addprefix $(COMPLETE_BASH)/,$(notdir $(TOOLS)))
	rm -f $(addprefix $(COMPLETE_ZSH)/_,$(notdir $(TOOLS)))
	rm -f $(foreach m,$(MAN),$(DESTDIR)$(PREFIX)/share/man/man$(subst \
		.,,$(suffix $(m)))/$(notdir $(m)))

dist: ## a source archive of the last commit, in build/
	@mkdir -p build
	git archive --prefix=vs-tools-$(VERSION)/ \
		--add-virtual-file=vs-tools-$(VERSION)/REVISION:"$$(git \
		rev-parse --short=12 HEAD)" \
		HEAD | gzip -9n >build/vs-tools-$(VERSION).tar.gz
	@echo build/vs-tools-$(VERSION).tar.gz

clean: ## removes build/
	rm -rf build

# ---- other variants ------------------------------------------------------

# Only the release check takes asan along: "make VARIANT=asan check" is itself.
ifeq ($(VARIANT),release)
ASAN_ALSO := build/asan:unit
tests-asan:
	@$(MAKE) --no-print-directory VARIANT=asan BUILD=build/asan tests
else
tests-asan: ;
endif

# ---- stamps --------------------------------------------------------------

# $(call stamp,FILE,TEXT): rewrites FILE only when TEXT is new.
define stamp
@mkdir -p $(dir $(1))
@printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $(1) || \
	printf '%s\n' '$(subst ','\'',$(2))' >$(1)
endef

VERSION  := $(shell cat VERSION)
# The commit, "+" when files were changed since; REVISION in a source archive.
REVISION := $(shell if [ -e .git ]; then \
	r=$$(git rev-parse --short=12 HEAD 2>/dev/null) && \
	if [ -n "$$(git --no-optional-locks status --porcelain \
		--untracked-files=no 2>/dev/null)" ]; then \
		echo "$$r+"; else echo "$$r"; fi; \
	else cat REVISION 2>/dev/null; fi)
ifeq ($(REVISION),)
REVISION := unknown
endif
CC_IS    := $(shell $(CC) --version 2>/dev/null | head -n 1)

force:
$(BUILD)/flags: force
	$(call stamp,$@,$(CC) $(CC_IS) $(CF) $(HDF5_CF) $(LF) $(LIBS))
$(BUILD)/version: force
	$(call stamp,$@,$(VERSION) $(REVISION))
# A source that was deleted leaves no stale member behind.
$(BUILD)/libvs.members: force
	$(call stamp,$@,$(LIB_SRC))
$(BUILD)/libcmd.members: force
	$(call stamp,$@,$(CMD_SRC))
$(BUILD)/unit.members: force
	$(call stamp,$@,$(UNIT_HELP) $(FUZZ_HELP))

# ---- rules ---------------------------------------------------------------

# V=1 shows the commands whole, make -s nothing.
Q      := $(if $(V),,@)
silent  = $(findstring s,$(firstword -$(MAKEFLAGS)))
say     = $(if $(V)$(silent),,@printf '  %s  %s\n' $(1) $(2))

INC = $(INC_$(firstword $(subst /, ,$*)))
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$Q$(CC) $(CF) $(CPPFLAGS) $(INC) $(DEF) -MMD -MP -c -o $@ $<

# The only file that knows libhdf5.
$(call obj,lib/data/vecs_hdf5.c): DEF = $(HDF5_CF)

# The only file that knows version and revision.
$(call obj,cmd/version.c): DEF = -DVS_VERSION='"$(VERSION)"' \
	-DVS_REVISION='"$(REVISION)"'
$(call obj,cmd/version.c): $(BUILD)/version

$(LIB): $(call obj,$(LIB_SRC)) $(BUILD)/libvs.members
	@rm -f $@
	$(call say,AR,$@)
	$Q$(AR) rcsD $@ $(call obj,$(LIB_SRC))

$(CMD_LIB): $(call obj,$(CMD_SRC)) $(BUILD)/libcmd.members
	@rm -f $@
	$(call say,AR,$@)
	$Q$(AR) rcsD $@ $(call obj,$(CMD_SRC))

$(TOOLS): $(BUILD)/%: $(BUILD)/obj/cmd/%.o $(CMD_LIB) $(LIB)
	$(call say,LD,$@)
	$Q$(CC) $(LF) -o $@ $^ $(LIBS)

$(UNIT): $(BUILD)/%: $(BUILD)/obj/%.o $(call obj,$(UNIT_HELP)) $(CMD_LIB) \
		$(LIB) $(BUILD)/unit.members
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$Q$(CC) $(LF) -o $@ $(filter %.o %.a,$^) -lcmocka $(LIBS)

$(BENCH): $(BUILD)/%: $(BUILD)/obj/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$Q$(CC) $(LF) -o $@ $^ $(LIBS)

# With gcc a fuzz target is a program that replays the files of its corpus.
FUZZ_MAIN := $(if $(filter fuzz,$(VARIANT)),,tests/fuzz/replay.c)
$(FUZZ): LF += $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer)
$(FUZZ): $(BUILD)/%: $(BUILD)/obj/%.o $(call obj,$(FUZZ_MAIN)) \
		$(call obj,$(FUZZ_HELP)) $(CMD_LIB) $(LIB) \
		$(BUILD)/unit.members
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$Q$(CC) $(LF) -o $@ $(filter %.o %.a,$^) $(LIBS)

.PHONY: fuzz-targets
fuzz-targets: $(FUZZ)

.SECONDARY:
-include $(patsubst %.o,%.d,$(call obj,$(ALL_SRC)))
