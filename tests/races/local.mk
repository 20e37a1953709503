# ThreadSanitizer with Archer on the core itself, by clang and gcc on libomp. It compiles what it needs.
check-races:
	SIZE='$(SIZE)' srcdir='$(srcdir)' $(srcdir)/tests/races/check-races . || test $$? = 77
.PHONY: check-races
ci_gates += check-races
gate_folders += tests/races/made
EXTRA_DIST += \
	tests/races/check-races \
	tests/races/driver.c
