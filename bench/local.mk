# More rows of make bench, and the profile of examples/digits.
bench_micro_SOURCES += bench/huge.cc

# `make digits-profile` prints where the time of the network goes; doc/performance.md shows one.
if KERNELS
EXTRA_PROGRAMS += bench/digits_profile
bench_digits_profile_SOURCES = \
	bench/digits_profile.c \
	examples/digits/file.c \
	examples/digits/file.h \
	examples/digits/idx.c \
	examples/digits/idx.h \
	examples/digits/model.h \
	examples/digits/weights.c \
	examples/digits/weights.h
bench_digits_profile_CPPFLAGS = $(public_includes) $(CBLAS_CFLAGS) -I$(srcdir)/examples/digits \
	-DDIGITS_DATA_DIR='"$(abs_srcdir)/examples/digits"'
bench_digits_profile_CFLAGS = $(example_cflags)
bench_digits_profile_LDADD = liballocarrays-kernels.la liballocarrays.la -ldl

digits-profile: bench/digits_profile
	OMP_WAIT_POLICY=passive bench/digits_profile
endif

# `make reset-lines` counts the cache lines that a reset touches; doc/performance.md shows them.
EXTRA_PROGRAMS += bench/reset_lines
bench_reset_lines_CPPFLAGS = $(public_includes)
bench_reset_lines_LDFLAGS = -static
bench_reset_lines_LDADD = liballocarrays.la $(OPENMP_CFLAGS) -ldl

reset-lines: bench/reset_lines
	$(srcdir)/tools/reset-lines bench/reset_lines
.PHONY: digits-profile reset-lines
EXTRA_DIST += doc/performance.md tools/reset-lines
