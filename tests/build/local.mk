# The gates: make targets that each prove one promise of doc/reliability.md and end with a line "TARGET: figure", or
# "TARGET: not run: why". tools/run-gates runs them and counts. SIZE=deep is the larger size, for those that have one.
#
#   quick_gates   ./quickstart check, after `make check` with gcc and clang: under ten minutes in all
#   ci_gates      make check-ci: the rest of what CI runs, under an hour
#   deep_gates    make deep: all at the larger size, before a release
quick_gates = check-misuse check-interface
ci_gates = soak check-dist
deep_gates = $(quick_gates) $(ci_gates)
gate_folders = gates

run_gates = MAKE='$(MAKE)' $(srcdir)/tools/run-gates .

# One after the other, for each uses all processors by itself.
check-quick: all
	$(run_gates) $(quick_gates)
check-ci: all
	$(run_gates) $(ci_gates)
deep: all
	SIZE=deep $(run_gates) $(deep_gates)
.PHONY: check-quick check-ci deep

# A release would build and pass its tests from its own files.
check-dist:
	$(MAKE) $(AM_MAKEFLAGS) distcheck
	@echo "check-dist: $(distdir).tar.xz builds, passes its tests, installs and uninstalls"
.PHONY: check-dist

# Headers, exported names, and the binary interface beside the committed one.
check-interface: all
	srcdir='$(srcdir)' $(SHELL) $(srcdir)/tools/check-interface .
interface: all
	srcdir='$(srcdir)' $(SHELL) $(srcdir)/tools/check-interface --write .
.PHONY: check-interface interface

EXTRA_DIST += \
	tests/build/abi/liballocarrays-check.x86_64.abi \
	tests/build/abi/liballocarrays-kernels.x86_64.abi \
	tests/build/abi/liballocarrays.x86_64.abi \
	tools/check-interface \
	tools/run-gates
