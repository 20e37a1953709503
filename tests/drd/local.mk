# Race checkers that know pthreads and not OpenMP, on a driver without OpenMP.
EXTRA_PROGRAMS += tests/drd/driver
tests_drd_driver_CPPFLAGS = $(public_includes)
tests_drd_driver_CFLAGS = $(plain_cflags)
tests_drd_driver_LDADD = src/libcore.la $(AA_THREAD_CFLAGS) $(AA_CORE_LIBS)
check-drd: tests/drd/driver
	$(srcdir)/tests/drd/check-drd . || test $$? = 77
.PHONY: check-drd
ci_gates += check-drd
EXTRA_DIST += \
	tests/drd/check-drd \
	tests/drd/drd.supp \
	tests/drd/helgrind.supp
