# Macros that add those flags to a variable which the compiler or linker knows.

# AA_CHECK_CFLAGS(VARIABLE, FLAGS)
# Append each of FLAGS that the C compiler takes to VARIABLE, and substitute it. The trial compiles with
# -Werror, because clang only warns about a flag that it does not know.
AC_DEFUN([AA_CHECK_CFLAGS], [
  aa_werror_saved_CFLAGS=$CFLAGS
  for aa_flag in m4_normalize([$2]); do
    AC_MSG_CHECKING([whether $CC takes $aa_flag])
    CFLAGS="$aa_werror_saved_CFLAGS -Werror $aa_flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
      [AC_MSG_RESULT([yes])
       AS_VAR_APPEND([$1], [" $aa_flag"])],
      [AC_MSG_RESULT([no])])
  done
  CFLAGS=$aa_werror_saved_CFLAGS
  AC_SUBST([$1])
])

# AA_CHECK_LDFLAGS(VARIABLE, FLAGS)
# The same for the linker.
AC_DEFUN([AA_CHECK_LDFLAGS], [
  aa_saved_LDFLAGS=$LDFLAGS
  for aa_flag in m4_normalize([$2]); do
    AC_MSG_CHECKING([whether the linker takes $aa_flag])
    LDFLAGS="$aa_saved_LDFLAGS $aa_flag"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
      [AC_MSG_RESULT([yes])
       AS_VAR_APPEND([$1], [" $aa_flag"])],
      [AC_MSG_RESULT([no])])
  done
  LDFLAGS=$aa_saved_LDFLAGS
  AC_SUBST([$1])
])

# AA_OPENMP_ALLOCATORS
# Does the OpenMP runtime have OpenMP 5.0's allocators? Only told, in the summary: the core looks at run
# time, and without them its scopes are per thread. The macro _OPENMP misleads (gcc 12 says 4.5 and has
# them), so the symbols are tried.
AC_DEFUN([AA_OPENMP_ALLOCATORS], [
  AC_CACHE_CHECK([whether the OpenMP runtime has allocators], [aa_cv_openmp_allocators], [
    aa_saved_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $OPENMP_CFLAGS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <omp.h>]],
        [[omp_allocator_handle_t h = omp_init_allocator(omp_default_mem_space, 0, 0);
          omp_set_default_allocator(h);
          omp_destroy_allocator(h);
          return omp_get_default_allocator() == h;]])],
      [aa_cv_openmp_allocators=yes], [aa_cv_openmp_allocators=no])
    CFLAGS=$aa_saved_CFLAGS
  ])
])

# AA_OPENMP_ALLOCATE_DIRECTIVE
# Does the compiler have `#pragma omp allocate` with an allocator that is not a constant? gcc 12 does not, and
# _OPENMP does not tell. Defines AA_HAVE_ALLOCATE_DIRECTIVE to 1 or 0, for the tests.
AC_DEFUN([AA_OPENMP_ALLOCATE_DIRECTIVE], [
  AC_CACHE_CHECK([whether $CC has the allocate directive], [aa_cv_openmp_directive], [
    aa_saved_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $OPENMP_CFLAGS -Werror"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <omp.h>
        static double first(omp_allocator_handle_t h)
        {
          double x[10];
          #pragma omp allocate(x) allocator(h)
          x[0] = 1;
          return x[0];
        }]], [[return first(omp_default_mem_alloc) != 1;]])],
      [aa_cv_openmp_directive=yes], [aa_cv_openmp_directive=no])
    CFLAGS=$aa_saved_CFLAGS
  ])
  AS_IF([test "x$aa_cv_openmp_directive" = xyes],
    [AC_SUBST([AA_DIRECTIVE_CPPFLAGS], [-DAA_HAVE_ALLOCATE_DIRECTIVE=1])],
    [AC_SUBST([AA_DIRECTIVE_CPPFLAGS], [-DAA_HAVE_ALLOCATE_DIRECTIVE=0])])
])

# AA_VERSION_SCRIPT
# Does the linker give symbols versions? Sets the conditional VERSION_SCRIPT; without it the libraries export the same
# names, unversioned.
AC_DEFUN([AA_VERSION_SCRIPT], [
  AC_CACHE_CHECK([whether the linker takes a version script], [aa_cv_version_script], [
    AS_ECHO(["AA_0 { global: aa_*; local: *; };"]) >conftest.map
    aa_saved_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS -shared -fPIC -Wl,--version-script=conftest.map"
    AC_LINK_IFELSE([AC_LANG_SOURCE([[int aa_one(void); int aa_one(void) { return 1; }]])],
      [aa_cv_version_script=yes], [aa_cv_version_script=no])
    LDFLAGS=$aa_saved_LDFLAGS
    rm -f conftest.map
  ])
  AM_CONDITIONAL([VERSION_SCRIPT], [test "x$aa_cv_version_script" = xyes])
])
