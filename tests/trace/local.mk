# AA_TRACE: what the recorder writes, read strictly.

trace_tests = \
	tests/trace/guide_timeline \
	tests/trace/test_trace \
	tests/trace/test_trace_exit \
	tests/trace/test_trace_files
trace_ompt_tests = tests/trace/test_trace_regions
EXTRA_DIST += tests/trace/run.h tests/trace/trace.h

if C_TESTS
check_PROGRAMS += $(trace_tests) $(trace_ompt_tests)
endif

# Without OpenMP, whatever else the linker is asked to keep (sanitizers ask it to keep all).
tests_trace_test_trace_exit_CFLAGS = $(plain_cflags) $(CHECK_CFLAGS)
tests_trace_test_trace_exit_LDADD = tests/support/libsupport.la liballocarrays.la $(CHECK_LIBS) $(AA_THREAD_CFLAGS) -lm

# As the tests of the OMPT tool.
$(trace_ompt_tests): AM_LDFLAGS = $(ompt_ldflags)
$(trace_ompt_tests): LDADD = src/ompt/liballocarrays-ompt.la liballocarrays.la $(test_libs)
$(trace_ompt_tests): src/ompt/liballocarrays-ompt.la

# The core's objects, whose calls of the system are wrapped; in test_trace_refused those for memory too.
if C_TESTS
check_PROGRAMS += tests/trace/test_trace_refused tests/trace/test_trace_system
endif
tests_trace_test_trace_system_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=flock,--wrap=getauxval,--wrap=write
tests_trace_test_trace_system_LDADD = $(wrapped_libs)
tests_trace_test_trace_refused_SOURCES = tests/trace/test_trace_refused.c tests/oom/refused.h
tests_trace_test_trace_refused_LDFLAGS = $(refusing_ldflags)
tests_trace_test_trace_refused_LDADD = $(wrapped_libs)

# What it costs, without it and with it; make trace-cost TRACE_FILE=NAME writes there.
EXTRA_PROGRAMS += bench/trace_cost
bench_trace_cost_CPPFLAGS = $(public_includes)
bench_trace_cost_LDFLAGS = $(AA_NO_AS_NEEDED_LDFLAGS)
bench_trace_cost_LDADD = liballocarrays.la $(OPENMP_CFLAGS)
trace-cost: bench/trace_cost
	OMP_WAIT_POLICY=passive bench/trace_cost $(TRACE_FILE)
.PHONY: trace-cost
