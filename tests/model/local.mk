# The model, what compares against it, and the bugs that are planted to see it fail.
quick_gates += check-exhaustive check-faults
ci_gates += check-planted fuzz
gate_folders += fuzz planted tests/planted/model.txt
base_sources += src/base/plant.h

tool_tests += tests/planted/check-clean
EXTRA_DIST += tests/planted/switches

# Compares calls on the library with calls on a reference allocator in plain arrays.
model_sources = \
	tests/model/calls.c \
	tests/model/control.c \
	tests/model/model.c \
	tests/model/model.h
tests_property_test_model_SOURCES = tests/property/test_model.c $(model_sources)

# Plain programs: without OpenMP, without the check framework, on the objects of the core.
model_programs = tests/model/exhaustive tests/model/faults
EXTRA_PROGRAMS += $(model_programs)
tests_model_exhaustive_SOURCES = tests/model/exhaustive.c $(model_sources)
tests_model_exhaustive_CFLAGS = $(plain_cflags)
tests_model_exhaustive_LDADD = src/libcore.la $(AA_THREAD_CFLAGS) $(AA_CORE_LIBS)

# LENGTH=7: one call more, sixteen times as long. SIZE=deep is that.
check-exhaustive: tests/model/exhaustive
	LENGTH=$${LENGTH:-$$(test '$(SIZE)' = deep && echo 7)} tests/model/exhaustive
.PHONY: check-exhaustive

tests_model_faults_SOURCES = tests/model/faults.c $(model_sources)
tests_model_faults_CFLAGS = $(plain_cflags)
tests_model_faults_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
tests_model_faults_LDADD = src/libcore.la $(AA_THREAD_CFLAGS) $(AA_CORE_LIBS)

# check-faults-limit: by hand, the address space itself ends.
check-faults: tests/model/faults
	tests/model/faults
check-faults-limit: tests/model/faults
	tests/model/faults limit
.PHONY: check-faults check-faults-limit

# Fuzzed functions: by clang's libFuzzer (make fuzz), and with every compiler on the corpus (make check).
fuzz_sources = \
	tests/fuzz/fuzz.h \
	tests/fuzz/fuzz_model.c \
	tests/fuzz/fuzz_parsers.c
check_PROGRAMS += tests/fuzz/replay
tests_fuzz_replay_SOURCES = tests/fuzz/replay.c $(fuzz_sources) $(model_sources) \
	examples/digits/idx.c \
	examples/digits/file.c
tests_fuzz_replay_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"$(abs_srcdir)/tests/fuzz/corpus"'
tests_fuzz_replay_CFLAGS = $(plain_cflags)
tests_fuzz_replay_LDADD = src/libcore.la $(AA_THREAD_CFLAGS) $(AA_CORE_LIBS)

# FUZZ_SECONDS: of all targets, 120; half an hour with SIZE=deep. make fuzz-corpus replaces the corpus by the smallest set that covers as much.
fuzz:
	seconds='$(FUZZ_SECONDS)'; case "$$seconds$(SIZE)" in deep) seconds=1800 ;; esac; \
	srcdir='$(srcdir)' FUZZ_SECONDS="$$seconds" $(srcdir)/tests/fuzz/run .
fuzz-corpus:
	srcdir='$(srcdir)' FUZZ_SECONDS='$(FUZZ_SECONDS)' $(srcdir)/tests/fuzz/run --write .
.PHONY: fuzz fuzz-corpus
EXTRA_DIST += \
	tests/fuzz/corpus \
	tests/fuzz/libfuzzer.c \
	tests/fuzz/run

# Table of planted bugs by checker, in tests/planted/model.txt.
check-planted: src/libcore.la
	srcdir='$(srcdir)' CC='$(CC)' $(srcdir)/tests/planted/run .
.PHONY: check-planted
EXTRA_DIST += tests/planted/run

# Its own LDADD: the objects of the core, whose calls of malloc are wrapped.
if C_TESTS
check_PROGRAMS += tests/oom/test_metadata
endif
tests_oom_test_metadata_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
tests_oom_test_metadata_LDADD = src/libcore.la $(test_libs) $(AA_THREAD_CFLAGS) $(AA_CORE_LIBS)
