# allocarrays.m4: AllocArrays for C in a project of Autoconf's. serial 1
#
# AA_CHECK([MINIMUM-VERSION], [LIBRARIES], [ACTION-IF-FOUND], [ACTION-IF-NOT-FOUND])
#
#   AC_PROG_CC
#   AC_OPENMP
#   AA_CHECK([0.1.0], [kernels omp])
#
# Finds the core library and, by their names, any of the libraries beside it (kernels, omp, ompt, check), by
# pkg-config, and links a program with them. Sets and substitutes
#
#   ALLOCARRAYS_CFLAGS, ALLOCARRAYS_LIBS     for prog_CFLAGS, prog_LDADD; beside OPENMP_CFLAGS, which is AC_OPENMP's
#   ALLOCARRAYS_VERSION                      what pkg-config says
#
# The user overrides the first two in the environment, as with all of pkg-config's. Without ACTION-IF-NOT-FOUND
# configure ends with a sentence. AC_OPENMP comes before it: the trial program is linked with its flags.
AC_DEFUN([AA_CHECK], [
  AC_REQUIRE([AC_PROG_CC])
  AC_REQUIRE([PKG_PROG_PKG_CONFIG])
  aa_check_why=
  aa_check_modules="allocarrays[]m4_ifnblank([$1], [ >= $1])"
  for aa_check_one in $2; do
    AS_VAR_APPEND([aa_check_modules], [" allocarrays-$aa_check_one"])
  done
  PKG_CHECK_MODULES([ALLOCARRAYS], [$aa_check_modules], [],
    [aa_check_why="pkg-config does not find $aa_check_modules: $ALLOCARRAYS_PKG_ERRORS"])
  AS_IF([test "x$aa_check_why" = x], [
    AC_MSG_CHECKING([whether a program with AllocArrays links])
    aa_check_saved_CFLAGS=$CFLAGS
    aa_check_saved_LIBS=$LIBS
    CFLAGS="$CFLAGS $OPENMP_CFLAGS $ALLOCARRAYS_CFLAGS"
    LIBS="$ALLOCARRAYS_LIBS $LIBS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <allocarrays.h>]], [[return aa_version()[0] == 0;]])],
      [AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no])
       aa_check_why="a program with $ALLOCARRAYS_CFLAGS $ALLOCARRAYS_LIBS does not link; config.log says why"])
    CFLAGS=$aa_check_saved_CFLAGS
    LIBS=$aa_check_saved_LIBS
  ])
  ALLOCARRAYS_VERSION=`$PKG_CONFIG --modversion allocarrays 2>/dev/null`
  AC_SUBST([ALLOCARRAYS_VERSION])
  AS_IF([test "x$aa_check_why" = x],
    [m4_default([$3], [:])],
    [m4_default([$4], [AC_MSG_ERROR([AllocArrays for C: $aa_check_why])])])
])
