# Branch coverage of src (doc/coverage.md): gcc's --coverage, in a build of its own; its programs are run there, and those of a
# clang build with its libraries, for what a runtime with OMPT or clang's calls alone reach. coverage-page writes the page.
# KEEP=1: count what has run, run nothing. PART: run that alone, beside what has run (tests/coverage/run).
coverage coverage-page:
	test -n '$(KEEP)' || srcdir='$(srcdir)' MAKE='$(MAKE)' $(srcdir)/tests/coverage/run coverage $(PART)
	srcdir='$(srcdir)' $(srcdir)/tools/coverage $$(test $@ = coverage || echo --write) coverage
.PHONY: coverage coverage-page
deep_gates += coverage
gate_folders += coverage
EXTRA_DIST += \
	doc/coverage.md \
	tests/coverage/dump.c \
	tests/coverage/note.h \
	tests/coverage/run \
	tools/coverage

# In that build, by tests/coverage/run: which programs it runs.
coverage-programs:
	@echo $(check_PROGRAMS)
.PHONY: coverage-programs

# And of clang's.
coverage_clang_programs = $(omp_tests) $(ompt_tests) tests/omp/test_ompt_abi tests/omp/test_ompt_load tests/omp/truth_table \
	$(interposed_tests) $(testkit_tests) $(trace_ompt_tests) tests/stress/test_tasks tests/unit/test_openmp_facts
coverage-clang-programs:
	@echo $(coverage_clang_programs)
.PHONY: coverage-clang-programs

# Refusals at first use: the objects of the core, whose requests are wrapped.
first_use_tests = tests/oom/test_first_call tests/oom/test_first_use tests/oom/test_kit_refused tests/oom/test_no_record
if C_TESTS
check_PROGRAMS += $(first_use_tests) tests/oom/test_amid tests/oom/test_poor_system
endif
refusing_ldflags = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=posix_memalign,--wrap=mmap,--wrap=mremap,--wrap=mprotect \
	-Wl,--wrap=mlock,--wrap=pthread_setspecific
wrapped_libs = src/libcore.la $(test_libs) $(AA_THREAD_CFLAGS) $(AA_CORE_LIBS)
tests_oom_test_first_call_SOURCES = tests/oom/test_first_call.c tests/oom/refused.h tests/oom/scenarios.h
tests_oom_test_first_call_LDFLAGS = $(refusing_ldflags)
tests_oom_test_first_call_LDADD = $(wrapped_libs)
tests_oom_test_first_use_SOURCES = tests/oom/test_first_use.c tests/oom/refused.h tests/oom/scenarios.h
tests_oom_test_first_use_LDFLAGS = $(refusing_ldflags)
tests_oom_test_first_use_LDADD = $(wrapped_libs)
tests_oom_test_kit_refused_SOURCES = tests/oom/test_kit_refused.c tests/oom/refused.h src/testkit/failing.c src/testkit/text.c
tests_oom_test_kit_refused_LDFLAGS = $(refusing_ldflags)
tests_oom_test_kit_refused_LDADD = $(wrapped_libs)
tests_oom_test_no_record_SOURCES = tests/oom/test_no_record.c tests/oom/refused.h
tests_oom_test_no_record_LDFLAGS = $(refusing_ldflags)
tests_oom_test_no_record_LDADD = $(wrapped_libs)
tests_oom_test_amid_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc
tests_oom_test_amid_LDADD = $(wrapped_libs)
tests_oom_test_poor_system_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=sysconf,--wrap=madvise,--wrap=pthread_key_create,--wrap=pthread_getattr_np,--wrap=pthread_attr_getstack
tests_oom_test_poor_system_LDADD = $(wrapped_libs)

# The door to the CBLAS alone, with a CBLAS of the test's that lacks one of OpenBLAS's three calls about threads.
other_blas_tests = tests/kernels/test_other_blas_0 tests/kernels/test_other_blas_1 tests/kernels/test_other_blas_2
if C_TESTS
if KERNELS
check_PROGRAMS += $(other_blas_tests)
endif
endif
other_blas_sources = tests/kernels/test_other_blas.c src/kernels/blas.c
tests_kernels_test_other_blas_0_SOURCES = $(other_blas_sources)
tests_kernels_test_other_blas_0_CPPFLAGS = $(AM_CPPFLAGS) $(CBLAS_CFLAGS) -DLACKING=0
tests_kernels_test_other_blas_1_SOURCES = $(other_blas_sources)
tests_kernels_test_other_blas_1_CPPFLAGS = $(AM_CPPFLAGS) $(CBLAS_CFLAGS) -DLACKING=1
tests_kernels_test_other_blas_2_SOURCES = $(other_blas_sources)
tests_kernels_test_other_blas_2_CPPFLAGS = $(AM_CPPFLAGS) $(CBLAS_CFLAGS) -DLACKING=2

# It exports its functions, so that a report can name them.
tests_misuse_test_array_checked_LDFLAGS = $(AM_LDFLAGS) -export-dynamic

# Tests for ways that no other took.
misuse_tests += tests/misuse/test_huge_requests
unit_tests += \
	tests/unit/test_custom_marks \
	tests/unit/test_edges \
	tests/unit/test_edges_calls \
	tests/unit/test_edges_scope \
	tests/unit/test_edges_served \
	tests/unit/test_locks \
	tests/unit/test_meetings \
	tests/unit/test_report \
	tests/unit/test_shared_corners \
	tests/unit/test_tools_poison \
	tests/unit/test_tools_races
inside_tests += tests/unit/test_base
testkit_tests += tests/unit/test_testkit_edges tests/unit/test_testkit_races
kernel_tests += tests/unit/test_kernels_corners tests/unit/test_kernels_edges
interposed_tests += tests/omp/test_omp_edges
ompt_tests += tests/omp/test_ompt_edges

# Neither compiled nor linked with OpenMP: a runtime comes by dlopen.
if C_TESTS
check_PROGRAMS += tests/omp/test_fake_runtime tests/omp/test_late_runtime tests/omp/test_poor_runtime
endif
tests_omp_test_late_runtime_SOURCES = tests/omp/test_late_runtime.c tests/support/runner.c
tests_omp_test_late_runtime_CFLAGS = $(plain_cflags) $(CHECK_CFLAGS)
tests_omp_test_late_runtime_LDFLAGS = $(AA_NO_AS_NEEDED_LDFLAGS)
tests_omp_test_late_runtime_LDADD = src/omp/liballocarrays-omp.la liballocarrays.la $(CHECK_LIBS) \
	$(AA_THREAD_CFLAGS) $(AA_CORE_LIBS)

# As that one, with functions of a runtime in the program itself.
tests_omp_test_poor_runtime_SOURCES = tests/omp/test_poor_runtime.c tests/support/runner.c
tests_omp_test_poor_runtime_CFLAGS = $(plain_cflags) $(CHECK_CFLAGS)
tests_omp_test_poor_runtime_LDFLAGS = $(AA_NO_AS_NEEDED_LDFLAGS)
tests_omp_test_poor_runtime_LDADD = liballocarrays.la $(CHECK_LIBS) $(AA_THREAD_CFLAGS) $(AA_CORE_LIBS)
tests_omp_test_fake_runtime_SOURCES = tests/omp/test_fake_runtime.c tests/support/runner.c
tests_omp_test_fake_runtime_CFLAGS = $(plain_cflags) $(CHECK_CFLAGS)
tests_omp_test_fake_runtime_LDFLAGS = $(AA_NO_AS_NEEDED_LDFLAGS)
tests_omp_test_fake_runtime_LDADD = src/ompt/liballocarrays-ompt.la $(tests_omp_test_poor_runtime_LDADD)

# The same source, with the first 1, 2, ... of a runtime's allocator calls.
cut_runtime_tests = \
	tests/omp/test_cut_runtime_1 \
	tests/omp/test_cut_runtime_2 \
	tests/omp/test_cut_runtime_3 \
	tests/omp/test_cut_runtime_4 \
	tests/omp/test_cut_runtime_5
if C_TESTS
check_PROGRAMS += $(cut_runtime_tests)
endif
tests_omp_test_cut_runtime_1_SOURCES = tests/omp/test_cut_runtime.c tests/support/runner.c
tests_omp_test_cut_runtime_1_CPPFLAGS = $(AM_CPPFLAGS) -DCUT=1
tests_omp_test_cut_runtime_1_CFLAGS = $(plain_cflags) $(CHECK_CFLAGS)
tests_omp_test_cut_runtime_1_LDFLAGS = $(AA_NO_AS_NEEDED_LDFLAGS)
tests_omp_test_cut_runtime_1_LDADD = $(tests_omp_test_poor_runtime_LDADD)
tests_omp_test_cut_runtime_2_SOURCES = tests/omp/test_cut_runtime.c tests/support/runner.c
tests_omp_test_cut_runtime_2_CPPFLAGS = $(AM_CPPFLAGS) -DCUT=2
tests_omp_test_cut_runtime_2_CFLAGS = $(plain_cflags) $(CHECK_CFLAGS)
tests_omp_test_cut_runtime_2_LDFLAGS = $(AA_NO_AS_NEEDED_LDFLAGS)
tests_omp_test_cut_runtime_2_LDADD = $(tests_omp_test_poor_runtime_LDADD)
tests_omp_test_cut_runtime_3_SOURCES = tests/omp/test_cut_runtime.c tests/support/runner.c
tests_omp_test_cut_runtime_3_CPPFLAGS = $(AM_CPPFLAGS) -DCUT=3
tests_omp_test_cut_runtime_3_CFLAGS = $(plain_cflags) $(CHECK_CFLAGS)
tests_omp_test_cut_runtime_3_LDFLAGS = $(AA_NO_AS_NEEDED_LDFLAGS)
tests_omp_test_cut_runtime_3_LDADD = $(tests_omp_test_poor_runtime_LDADD)
tests_omp_test_cut_runtime_4_SOURCES = tests/omp/test_cut_runtime.c tests/support/runner.c
tests_omp_test_cut_runtime_4_CPPFLAGS = $(AM_CPPFLAGS) -DCUT=4
tests_omp_test_cut_runtime_4_CFLAGS = $(plain_cflags) $(CHECK_CFLAGS)
tests_omp_test_cut_runtime_4_LDFLAGS = $(AA_NO_AS_NEEDED_LDFLAGS)
tests_omp_test_cut_runtime_4_LDADD = $(tests_omp_test_poor_runtime_LDADD)
tests_omp_test_cut_runtime_5_SOURCES = tests/omp/test_cut_runtime.c tests/support/runner.c
tests_omp_test_cut_runtime_5_CPPFLAGS = $(AM_CPPFLAGS) -DCUT=5
tests_omp_test_cut_runtime_5_CFLAGS = $(plain_cflags) $(CHECK_CFLAGS)
tests_omp_test_cut_runtime_5_LDFLAGS = $(AA_NO_AS_NEEDED_LDFLAGS)
tests_omp_test_cut_runtime_5_LDADD = $(tests_omp_test_poor_runtime_LDADD)
