# The schedule explorer: the core's sources once more, with the points of src/base/point.h, in a library of its own, and
# the programs that are explored.
base_sources += src/base/point.h

EXTRA_LTLIBRARIES = tests/schedules/libexplored.la
tests_schedules_libexplored_la_SOURCES = $(core_sources)
tests_schedules_libexplored_la_CPPFLAGS = $(AM_CPPFLAGS) -DAA_EXPLORED
tests_schedules_libexplored_la_CFLAGS = $(plain_cflags)
EXTRA_PROGRAMS += tests/schedules/explore
tests_schedules_explore_SOURCES = \
	tests/schedules/explore.c \
	tests/schedules/explore.h \
	tests/schedules/given.c \
	tests/schedules/holders.c \
	tests/schedules/memory.c \
	tests/schedules/programs.c \
	tests/schedules/programs.h \
	tests/schedules/runtime.c \
	tests/schedules/runtime.h
tests_schedules_explore_CPPFLAGS = $(AM_CPPFLAGS) -DAA_EXPLORED
tests_schedules_explore_CFLAGS = $(plain_cflags)
tests_schedules_explore_LDADD = tests/schedules/libexplored.la $(AA_THREAD_CFLAGS) $(AA_CORE_LIBS)

# SIZE=deep: a hundred times as many.
check-schedules: tests/schedules/explore
	SIZE='$(SIZE)' srcdir='$(srcdir)' $(srcdir)/tests/schedules/check-schedules .
.PHONY: check-schedules
ci_gates += check-schedules
build_tests += tests/schedules/no-points
EXTRA_DIST += tests/schedules/check-schedules
