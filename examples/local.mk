# examples/loops: loops that people write, each with malloc and with an allocator in scope. They check their own answers,
# and are here so that make check runs them.
loops = \
	examples/loops/batch \
	examples/loops/cg \
	examples/loops/heat \
	examples/loops/histogram \
	examples/loops/sort
noinst_PROGRAMS += $(loops)
TESTS += $(loops)

examples_loops_batch_SOURCES = examples/loops/batch.c examples/loops/loops.h
examples_loops_cg_SOURCES = examples/loops/cg.c examples/loops/loops.h
examples_loops_heat_SOURCES = examples/loops/heat.c examples/loops/loops.h
examples_loops_histogram_SOURCES = examples/loops/histogram.c examples/loops/loops.h
examples_loops_sort_SOURCES = examples/loops/loops.h examples/loops/sort.c
$(loops): AM_CPPFLAGS = $(public_includes)
$(loops): AM_CFLAGS = $(example_cflags)
$(loops): LDADD = liballocarrays.la -lm
$(loops): liballocarrays.la
example_files += \
	examples/loops/batch.c \
	examples/loops/cg.c \
	examples/loops/heat.c \
	examples/loops/histogram.c \
	examples/loops/loops.h \
	examples/loops/sort.c
