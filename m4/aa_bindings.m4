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

# AA_FORTRAN
# Is there a Fortran 2008 compiler with OpenMP, and is the module wanted (--enable-fortran; default: if there is)? Sets
# aa_fortran; conditional FORTRAN; substitutes AA_FCFLAGS, AA_FC_NAME and fmoddir. After LT_INIT and AC_PROG_FC.
AC_DEFUN([AA_FORTRAN], [
  AC_ARG_ENABLE([fortran],
    [AS_HELP_STRING([--enable-fortran], [build the Fortran module; default: if there is a compiler])],
    [], [enable_fortran=auto])
  AC_ARG_WITH([fmoddir],
    [AS_HELP_STRING([--with-fmoddir=DIR],
       [where the Fortran modules are installed; default: LIBDIR/fortran/gfortran-mod-VERSION, as Debian has it])],
    [], [with_fmoddir=])
  AC_LANG_PUSH([Fortran])
  AC_FC_SRCEXT([f90], [aa_fortran=yes], [aa_fortran=no])
  AC_FC_MODULE_FLAG([], [aa_fortran=no])
  AC_FC_MODULE_OUTPUT_FLAG([], [aa_fortran=no])
  AC_OPENMP
  AA_FCFLAGS="-std=f2008 -Wall -Wextra -Wpedantic -Wimplicit-interface"
  AS_IF([test "x$enable_werror" = xyes], [AS_VAR_APPEND([AA_FCFLAGS], [" -Werror"])])
  aa_saved_FCFLAGS=$FCFLAGS
  FCFLAGS="$FCFLAGS $AA_FCFLAGS"
  AC_CACHE_CHECK([whether $FC knows gfortran's options], [aa_cv_fc_gnu], [
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [implicit none])], [aa_cv_fc_gnu=yes], [aa_cv_fc_gnu=no])])
  # Tests compare for equality, and call functions in conditions.
  AA_FC_TEST_FLAGS="$AA_FCFLAGS -Wno-compare-reals -Wno-function-elimination"
  AS_IF([test $aa_cv_fc_gnu != yes], [AA_FCFLAGS= AA_FC_TEST_FLAGS=])
  FCFLAGS="$aa_saved_FCFLAGS $OPENMP_FCFLAGS"
  AC_CACHE_CHECK([whether $FC builds Fortran 2008 with OpenMP], [aa_cv_fc_2008], [
    AC_LINK_IFELSE([AC_LANG_SOURCE([[
      program probe
        use, intrinsic :: iso_c_binding
        use, intrinsic :: iso_fortran_env, only: int64, real64
        use omp_lib
        implicit none
        real(real64), pointer, contiguous :: x(:)
        allocate (x(omp_get_max_threads()))
        print *, size(x, kind=int64)
      end program]])], [aa_cv_fc_2008=yes], [aa_cv_fc_2008=no])])
  FCFLAGS=$aa_saved_FCFLAGS
  # The version that gfortran writes into its modules decides who can read them.
  AC_CACHE_CHECK([where modules for $FC are installed], [aa_cv_fc_moddir], [
    aa_cv_fc_moddir='${libdir}/fortran/'`AS_ECHO(["$FC"]) | sed 's/ .*//; s,.*/,,'`
    AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
      module aa_probe
      end module]])],
      [aa_mod_version=`gzip -dc aa_probe.mod 2>/dev/null | sed -n "1s/^GFORTRAN module version '\(.*\)' .*/\1/p"`
       AS_IF([test "x$aa_mod_version" != x],
         [aa_cv_fc_moddir='${libdir}/fortran/gfortran-mod-'$aa_mod_version])])
    rm -f aa_probe.mod
  ])
  AC_LANG_POP([Fortran])
  AS_IF([test "x$aa_cv_fc_2008" != xyes], [aa_fortran=no])
  AS_IF([test "x$enable_fortran" = xno], [aa_fortran=no])
  AS_IF([test "x$enable_fortran" = xyes && test $aa_fortran = no],
    [AC_MSG_ERROR([--enable-fortran: a Fortran 2008 compiler with OpenMP is needed (Debian: gfortran)])])
  AS_IF([test "x$with_fmoddir" != x], [fmoddir=$with_fmoddir], [fmoddir=$aa_cv_fc_moddir])
  AC_SUBST([fmoddir])
  AC_SUBST([AA_FCFLAGS])
  AC_SUBST([AA_FC_TEST_FLAGS])
  AC_SUBST([AA_FC_NAME], [$FC])
  AM_CONDITIONAL([FORTRAN], [test $aa_fortran = yes])
])

# AA_DLPACK
# Is there DLPack's header, 0.6 or later? Conditional DLPACK, for the tests and the example of allocarrays/dlpack.h, which
# is installed in any case.
AC_DEFUN([AA_DLPACK], [
  AC_CHECK_TYPE([DLDevice], [aa_dlpack=yes], [aa_dlpack=no], [[#include <dlpack/dlpack.h>]])
  AM_CONDITIONAL([DLPACK], [test $aa_dlpack = yes && test "x$aa_openmp" = xyes])
])
