# AA_CXX17
# Does the C++ compiler build C++17, and C++20, with OpenMP? Conditionals CXX17 and CXX20, for the tests and the example
# of allocarrays.hpp; AA_CXX_WARNINGS. The headers are installed in any case. AC_OPENMP of C++ has run.
AC_DEFUN([AA_CXX17], [
  AC_LANG_PUSH([C++])
  aa_saved_CXXFLAGS=$CXXFLAGS
  AA_CXX_WARNINGS="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow"
  AS_IF([test "x$enable_werror" = xyes], [AS_VAR_APPEND([AA_CXX_WARNINGS], [" -Werror"])])
  AC_SUBST([AA_CXX_WARNINGS])
  m4_foreach([AA_year], [17, 20], [
    AC_CACHE_CHECK([whether $CXX builds C++]AA_year[ with OpenMP], [aa_cv_cxx]AA_year, [
      CXXFLAGS="$aa_saved_CXXFLAGS -std=c++]AA_year[ $OPENMP_CXXFLAGS"
      AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <memory_resource>
          #include <omp.h>]],
          [[std::pmr::monotonic_buffer_resource pool; return omp_get_max_threads() < 1;]])],
        [aa_cv_cxx]AA_year[=yes], [aa_cv_cxx]AA_year[=no])
    ])
  ])
  CXXFLAGS=$aa_saved_CXXFLAGS
  AC_LANG_POP([C++])
  AM_CONDITIONAL([CXX17], [test "x$aa_cv_cxx17" = xyes])
  AM_CONDITIONAL([CXX20], [test "x$aa_cv_cxx20" = xyes])
])
