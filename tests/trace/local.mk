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

# As the tests of the OMPT tool.
$(trace_ompt_tests): AM_LDFLAGS = $(ompt_ldflags)
$(trace_ompt_tests): LDADD = src/ompt/liballocarrays-ompt.la liballocarrays.la $(test_libs)
$(trace_ompt_tests): src/ompt/liballocarrays-ompt.la
