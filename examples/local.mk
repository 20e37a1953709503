# examples/loops: loops that people write, each with malloc and with an allocator in scope. They check their own answers,
# and are here so that make check runs them.
loops = \
	examples/loops/cg \
	examples/loops/cholesky \
	examples/loops/heat \
	examples/loops/histogram \
	examples/loops/sort
noinst_PROGRAMS += $(loops)
TESTS += $(loops)

examples_loops_cholesky_SOURCES = examples/loops/cholesky.c examples/loops/loops.h
examples_loops_cg_SOURCES = examples/loops/cg.c examples/loops/loops.h
examples_loops_heat_SOURCES = examples/loops/heat.c examples/loops/loops.h
examples_loops_histogram_SOURCES = examples/loops/histogram.c examples/loops/loops.h
examples_loops_sort_SOURCES = examples/loops/loops.h examples/loops/sort.c
$(loops): AM_CPPFLAGS = $(public_includes)
$(loops): AM_CFLAGS = $(example_cflags)
$(loops): LDADD = liballocarrays.la -lm
$(loops): liballocarrays.la
example_files += \
	examples/loops/cg.c \
	examples/loops/cholesky.c \
	examples/loops/heat.c \
	examples/loops/histogram.c \
	examples/loops/loops.h \
	examples/loops/sort.c

# examples/numeric: recipes for numeric libraries. Built by a gate and not by all, for they need those libraries.
check-numeric: all
	srcdir='$(srcdir)' CC='$(CC)' OPENMP_CFLAGS='$(OPENMP_CFLAGS)' $(SHELL) $(srcdir)/tools/check-numeric .
.PHONY: check-numeric
quick_gates += check-numeric
gate_folders += numeric
numeric_sources = \
	examples/numeric/fftw.c \
	examples/numeric/gmp.c \
	examples/numeric/lapacke.c \
	examples/numeric/onednn.c
example_files += $(numeric_sources)
EXTRA_DIST += $(numeric_sources) doc/numeric-libraries.md tools/check-numeric
