# Models of the protocols between threads, proved by spin (Debian: spin). Without it: not run.
check-model:
	CC='$(CC)' $(srcdir)/tests/spin/check-model . || test $$? = 77
.PHONY: check-model
quick_gates += check-model
EXTRA_DIST += \
	tests/spin/adopt.pml \
	tests/spin/check-model \
	tests/spin/lease.pml \
	tests/spin/marks.pml \
	tests/spin/team.pml
