# Other languages and libraries: C++ (allocarrays.hpp).

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
