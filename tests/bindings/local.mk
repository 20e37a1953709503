# Other languages and libraries: C++ (allocarrays.hpp), Fortran (module allocarrays), DLPack (allocarrays/dlpack.h).

# ---- C++17: headers alone ------------------------------------------------------------------------------
include_HEADERS += include/allocarrays.hpp
aacxxdir = $(includedir)/allocarrays/cxx
aacxx_HEADERS = \
	include/allocarrays/cxx/array_view.hpp \
	include/allocarrays/cxx/error.hpp \
	include/allocarrays/cxx/memory.hpp \
	include/allocarrays/cxx/scope.hpp

cxx_flags = $(AA_CXX_WARNINGS) $(OPENMP_CXXFLAGS) $(AA_THREAD_CFLAGS)
cxx_libs = liballocarrays.la $(AA_CORE_LIBS)

if CXX17
noinst_PROGRAMS += examples/cxx/words
examples_cxx_words_SOURCES = examples/cxx/words.cpp
examples_cxx_words_CPPFLAGS = $(public_includes)
examples_cxx_words_CXXFLAGS = -std=c++17 $(cxx_flags)
examples_cxx_words_LDADD = $(cxx_libs)

# Checks its own answer; here so that make check runs it.
TESTS += examples/cxx/words

check_PROGRAMS += tests/cxx/test_cxx17 tests/cxx/no_exceptions
tests_cxx_test_cxx17_SOURCES = tests/cxx/expect.hpp tests/cxx/test_cxx.cpp
tests_cxx_test_cxx17_CPPFLAGS = $(public_includes)
tests_cxx_test_cxx17_CXXFLAGS = -std=c++17 $(cxx_flags)
tests_cxx_test_cxx17_LDADD = $(cxx_libs)

tests_cxx_no_exceptions_SOURCES = tests/cxx/no_exceptions.cpp
tests_cxx_no_exceptions_CPPFLAGS = $(public_includes)
tests_cxx_no_exceptions_CXXFLAGS = -std=c++17 -fno-exceptions -fno-rtti $(cxx_flags)
tests_cxx_no_exceptions_LDADD = $(cxx_libs)
else
TESTS += tests/cxx/no-compiler
endif

# With a stand-in for <mdspan>.
if CXX20
check_PROGRAMS += tests/cxx/test_cxx20
tests_cxx_test_cxx20_SOURCES = tests/cxx/test_cxx.cpp
tests_cxx_test_cxx20_CPPFLAGS = $(public_includes) -isystem $(srcdir)/tests/cxx/fake
tests_cxx_test_cxx20_CXXFLAGS = -std=c++20 $(cxx_flags)
tests_cxx_test_cxx20_LDADD = $(cxx_libs)
endif

EXTRA_DIST += \
	doc/cxx.md \
	tests/cxx/fake/mdspan \
	tests/cxx/no-compiler

# ---- Fortran 2008: a library and its modules ---------------------------------------------------------------
# Modules are each compiler's own: those of the compiler that built the library are installed in fmoddir, and the
# sources for all others in $(datadir)/allocarrays/fortran.
fortran_sources = \
	src/fortran/allocarrays.f90 \
	src/fortran/arrays.f90 \
	src/fortran/c.f90 \
	src/fortran/core.f90 \
	src/fortran/glue.c
fortran_includes = \
	src/fortran/integer.inc \
	src/fortran/real.inc
fortran_modules = \
	src/fortran/allocarrays.mod \
	src/fortran/allocarrays_arrays.mod \
	src/fortran/allocarrays_c.mod \
	src/fortran/allocarrays_core.mod \
	src/fortran/allocarrays_int32.mod \
	src/fortran/allocarrays_int64.mod \
	src/fortran/allocarrays_real32.mod \
	src/fortran/allocarrays_real64.mod

src_fortran_liballocarrays_fortran_la_SOURCES = $(fortran_sources)
src_fortran_liballocarrays_fortran_la_CPPFLAGS = $(public_includes)
src_fortran_liballocarrays_fortran_la_CFLAGS = $(plain_cflags) $(AA_VISIBILITY_CFLAGS)
src_fortran_liballocarrays_fortran_la_FCFLAGS = $(AA_FCFLAGS) $(FC_MODOUT)src/fortran $(FC_MODINC)$(srcdir)/src/fortran
src_fortran_liballocarrays_fortran_la_LIBADD = liballocarrays.la
src_fortran_liballocarrays_fortran_la_LDFLAGS = $(AM_LDFLAGS) $(AA_THREAD_CFLAGS) \
	-version-info $(AA_FORTRAN_VERSION_INFO) -no-undefined

# What a source uses must be compiled before it; no tool writes this down. (Variables, for a rule that names the object
# itself would take the place of Automake's.)
fortran_object = src/fortran/liballocarrays_fortran_la
fortran_example = examples/fortran/batch
fortran_test = tests/fortran/test_fortran
$(fortran_object)-core.lo: $(fortran_object)-c.lo
$(fortran_object)-arrays.lo: $(fortran_object)-core.lo
$(fortran_object)-allocarrays.lo: $(fortran_object)-arrays.lo $(fortran_includes)

fortran_program_flags = $(AA_FCFLAGS) $(OPENMP_FCFLAGS) $(FC_MODINC)src/fortran
fortran_libs = src/fortran/liballocarrays-fortran.la liballocarrays.la

fortransrcdir = $(datadir)/allocarrays/fortran
if FORTRAN
lib_LTLIBRARIES += src/fortran/liballocarrays-fortran.la
dist_fortransrc_DATA = $(fortran_sources) $(fortran_includes)
nodist_fmod_DATA = $(fortran_modules)
$(fortran_modules): src/fortran/liballocarrays-fortran.la
pkgconfig_DATA += allocarrays-fortran.pc
CLEANFILES += $(fortran_modules)

noinst_PROGRAMS += examples/fortran/batch
examples_fortran_batch_SOURCES = examples/fortran/batch.f90
examples_fortran_batch_FCFLAGS = $(fortran_program_flags) $(FC_MODOUT)examples/fortran
examples_fortran_batch_LDADD = $(fortran_libs)
$(fortran_example)-batch.o: src/fortran/liballocarrays-fortran.la
TESTS += examples/fortran/batch

check_PROGRAMS += tests/fortran/test_fortran
tests_fortran_test_fortran_SOURCES = tests/fortran/layout.c tests/fortran/test_fortran.f90
tests_fortran_test_fortran_CPPFLAGS = $(public_includes)
tests_fortran_test_fortran_CFLAGS = $(AA_STD_CFLAGS)
tests_fortran_test_fortran_FCFLAGS = $(fortran_program_flags) $(AA_FC_TEST_FLAGS) $(FC_MODOUT)tests/fortran
tests_fortran_test_fortran_LDADD = $(fortran_libs)
$(fortran_test)-test_fortran.o: src/fortran/liballocarrays-fortran.la
CLEANFILES += examples/fortran/systems.mod tests/fortran/cases.mod
else
EXTRA_DIST += $(fortran_includes)
TESTS += tests/fortran/no-compiler
endif
TESTS += tests/fortran/same-source

EXTRA_DIST += \
	doc/fortran.md \
	tests/fortran/no-compiler \
	tests/fortran/same-source

# ---- DLPack: a header alone ---------------------------------------------------------------------------------
aainclude_HEADERS += include/allocarrays/dlpack.h
if DLPACK
noinst_LTLIBRARIES += examples/dlpack/exchange.la
examples_dlpack_exchange_la_SOURCES = examples/dlpack/exchange.c
examples_dlpack_exchange_la_CPPFLAGS = $(public_includes)
examples_dlpack_exchange_la_CFLAGS = $(example_cflags)
# -rpath: else libtool makes no shared object of what is not installed.
examples_dlpack_exchange_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere $(OPENMP_CFLAGS)
examples_dlpack_exchange_la_LIBADD = liballocarrays.la
if C_TESTS
check_PROGRAMS += tests/dlpack/test_dlpack
tests_dlpack_test_dlpack_SOURCES = tests/dlpack/test_dlpack.c
endif
endif
TESTS += tests/dlpack/numpy
EXTRA_DIST += \
	doc/dlpack.md \
	examples/dlpack/exchange.py \
	tests/dlpack/numpy
