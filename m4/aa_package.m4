# AA_PACKAGE
# What packaging/local.mk needs: the pointer size for the CMake package, and whether Doxygen makes the manual.
# --enable-docs insists, --disable-docs leaves it out; else it is made at `make install` where Doxygen is there.
AC_DEFUN([AA_PACKAGE], [
  AC_COMPUTE_INT([AA_SIZEOF_VOID_P], [sizeof(void *)], [], [AA_SIZEOF_VOID_P=8])
  AC_SUBST([AA_SIZEOF_VOID_P])
  AC_ARG_VAR([DOXYGEN], [Doxygen, for the manual])
  AC_ARG_ENABLE([docs],
    [AS_HELP_STRING([--enable-docs],
       [make the manual (HTML, man pages) and install it; default: if Doxygen is there])],
    [], [enable_docs=auto])
  AC_CHECK_PROG([DOXYGEN], [doxygen], [doxygen])
  # Its filter, tools/doxygen-filter, asks for it by this name.
  AC_CHECK_PROG([aa_python3], [python3], [yes], [no])
  aa_docs=no
  AS_IF([test "x$enable_docs" != xno && test "x$DOXYGEN" != x && test $aa_python3 = yes], [aa_docs=yes])
  AS_IF([test "x$enable_docs" = xyes && test $aa_docs = no],
    [AC_MSG_ERROR([--enable-docs: Doxygen and Python 3 are needed])])
  AM_CONDITIONAL([DOCS], [test $aa_docs = yes])
])
