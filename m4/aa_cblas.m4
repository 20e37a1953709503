# AA_CBLAS
# Find a CBLAS that fits the compiler's OpenMP runtime.
#
# The rule: a process must hold one OpenMP runtime. OpenBLAS comes in three builds, and its OpenMP build
# brings gcc's libgomp along: right beside gcc's code (one team of threads serves both), wrong beside
# clang's, which brings libomp. So the builds are tried in the order openmp, pthread, serial, then any
# CBLAS, and each candidate is linked into a program that uses OpenMP too: one that maps two OpenMP
# runtimes is refused. With gcc this takes the OpenMP build, with clang the pthread or serial one.
#
# Debian keeps each build in a folder of its own (openblas-openmp/ and so on below the library folder)
# and lets the alternatives system decide which one the plain -lopenblas means. The folder is linked with
# an rpath, so that this choice cannot swap the build under us. Fedora gives each build its own name
# (libopenblaso, libopenblasp, libopenblas).
#
# --with-cblas=BUILD   only this build: openmp, pthread or serial
# --with-cblas=LIBS    link these, e.g. "-L/opt/blis/lib -lblis"; only warned about a second runtime
# --with-cblas=no      build without the kernels library
#
# Sets aa_have_cblas (yes or no), aa_cblas_words for the summary, and substitutes CBLAS_CFLAGS and
# CBLAS_LIBS.
AC_DEFUN([AA_CBLAS], [
  AC_ARG_WITH([cblas],
    [AS_HELP_STRING([--with-cblas=WHICH],
       [an OpenBLAS build (openmp, pthread, serial), linker flags of a CBLAS, or no; default: what fits
        the compiler])],
    [], [with_cblas=auto])
  aa_have_cblas=no
  aa_cblas_words='none'
  CBLAS_CFLAGS=
  CBLAS_LIBS=
  AS_CASE([$with_cblas],
    [no], [aa_cblas_words='none, by --with-cblas=no'],
    [auto|yes], [
      AA_CBLAS_TRY_BUILD([openmp])
      AA_CBLAS_TRY_BUILD([pthread])
      AA_CBLAS_TRY_BUILD([serial])
      AA_CBLAS_TRY([-lopenblas], [], [-lopenblas])
      AA_CBLAS_TRY([-lcblas], [], [-lcblas])
      AA_CBLAS_TRY([-lblas], [], [-lblas])],
    [openmp|pthread|serial], [
      AA_CBLAS_TRY_BUILD([$with_cblas])
      AS_IF([test $aa_have_cblas = no],
        [AC_MSG_ERROR([--with-cblas=$with_cblas: no such OpenBLAS build was found that fits $CC])])],
    [
      aa_cblas_any_runtime=yes
      AA_CBLAS_TRY([$with_cblas], [], [$with_cblas])
      AS_IF([test $aa_have_cblas = no],
        [AC_MSG_ERROR([--with-cblas="$with_cblas": a program calling cblas_dgemm does not link])])])
  AC_SUBST([CBLAS_CFLAGS])
  AC_SUBST([CBLAS_LIBS])
])

# AA_CBLAS_TRY_BUILD(BUILD)
# Try OpenBLAS's BUILD in Debian's folder, then under Fedora's name.
AC_DEFUN([AA_CBLAS_TRY_BUILD], [
  # The compiler knows the library folders; it echoes the name back if the file is in none of them.
  aa_cblas_file=`$CC $CFLAGS -print-file-name=openblas-$1/libopenblas.so 2>/dev/null`
  AS_CASE([$aa_cblas_file], [/*], [
    aa_cblas_dir=`dirname "$aa_cblas_file"`
    aa_cblas_dir=`cd "$aa_cblas_dir" && pwd -P`
    # -isystem: the warnings of another project's header are not ours.
    aa_cblas_flags=`PKG_CONFIG_PATH="$aa_cblas_dir/pkgconfig" ${PKG_CONFIG-pkg-config} --cflags openblas 2>/dev/null |
      sed 's/-I/-isystem /g'`
    AA_CBLAS_TRY([-L$aa_cblas_dir -Wl,-rpath,$aa_cblas_dir -lopenblas], [$aa_cblas_flags],
      [OpenBLAS, $1 build, in $aa_cblas_dir])])
  aa_cblas_name=
  AS_CASE([$1], [openmp], [aa_cblas_name=-lopenblaso], [pthread], [aa_cblas_name=-lopenblasp])
  AS_IF([test "x$aa_cblas_name" != x],
    [AA_CBLAS_TRY([$aa_cblas_name], [], [OpenBLAS, $1 build, $aa_cblas_name])])
])

# AA_CBLAS_TRY(LIBS, CFLAGS, WORDS)
# Take this candidate if none was taken yet, a program links with it, and one OpenMP runtime is mapped.
AC_DEFUN([AA_CBLAS_TRY], [
  AS_IF([test $aa_have_cblas = no], [
    AC_MSG_CHECKING([for cblas_dgemm with $1])
    aa_cblas_saved_CFLAGS=$CFLAGS
    aa_cblas_saved_LIBS=$LIBS
    CFLAGS="$CFLAGS $OPENMP_CFLAGS $2"
    LIBS="$1 $LIBS"
    # omp_get_max_threads makes a linker that drops unused libraries keep the compiler's own runtime.
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include <cblas.h>
#ifdef _OPENMP
#include <omp.h>
#endif
      ]], [[
        double a = 1, b = 2, c = 0;
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 1, 1, 1, 1.0, &a, 1, &b, 1, 0.0, &c, 1);
#ifdef _OPENMP
        c += omp_get_max_threads();
#endif
        return c == 0;
      ]])],
      [# ldd is absent or blind when cross-compiling: the count is then 0 and the candidate is taken.
       aa_cblas_runtimes=`ldd ./conftest$ac_exeext 2>/dev/null |
         sed -n 's/^@<:@@<:@:space:@:>@@:>@*\(lib@<:@gi@:>@*omp5*\)\.so.*/\1/p' | sort -u | tr '\n' ' '`
       AS_CASE([$aa_cblas_runtimes],
         [*' '*' '*], [
           AS_IF([test "x$aa_cblas_any_runtime" = xyes], [
             AC_MSG_RESULT([yes])
             aa_have_cblas=yes
             AC_MSG_WARN([a program with this CBLAS holds two OpenMP runtimes: $aa_cblas_runtimes])],
             [AC_MSG_RESULT([no: it would bring a second OpenMP runtime ($aa_cblas_runtimes)])])],
         [AC_MSG_RESULT([yes])
          aa_have_cblas=yes])],
      [AC_MSG_RESULT([no])])
    CFLAGS=$aa_cblas_saved_CFLAGS
    LIBS=$aa_cblas_saved_LIBS
    AS_IF([test $aa_have_cblas = yes], [
      CBLAS_LIBS="$1"
      CBLAS_CFLAGS="$2"
      aa_cblas_words="$3"])])
])
