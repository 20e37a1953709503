# The gates: make targets that each prove one promise of doc/reliability.md and end with a line "TARGET: figure", or
# "TARGET: not run: why". tools/run-gates runs them and counts. SIZE=deep is the larger size, for those that have one.
#
#   quick_gates   ./quickstart check, after `make check` with gcc and clang: under ten minutes in all
#   ci_gates      make check-ci: the longer ones, under an hour
#   deep_gates    make deep: all at the larger size, before a release (the mutants take many hours)
quick_gates = check-misuse check-interface
ci_gates = check-sanitize lint check-bad-input soak check-dist
deep_gates = $(quick_gates) $(ci_gates) mutation
gate_folders = gates mutation sanitize

run_gates = MAKE='$(MAKE)' $(srcdir)/tools/run-gates .

# One after the other, for each uses all processors by itself.
check-quick: all
	$(run_gates) $(quick_gates)
check-ci: all
	$(run_gates) $(ci_gates)
deep: all
	SIZE=deep FUZZ_SECONDS=$${FUZZ_SECONDS:-1800} $(run_gates) $(deep_gates)
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

# No memory error and no undefined behaviour: builds of its own, kept below sanitize/.
check-sanitize: all
	srcdir='$(srcdir)' MAKE='$(MAKE)' SIZE='$(SIZE)' $(srcdir)/tools/check-sanitize .
.PHONY: check-sanitize

# Static analysis of the sources, whatever this build is of.
lint:
	srcdir='$(srcdir)' $(srcdir)/tools/lint
.PHONY: lint

check-bad-input:
	$(srcdir)/tools/reliability-table --check
	srcdir='$(srcdir)' $(srcdir)/tools/check-bad-input
.PHONY: check-bad-input

# Is each small change of the core noticed by a test? A sample unless SIZE=deep; CHANGED=1: of files that differ from main, all.
# SAMPLE=, SEED= and JOBS= choose, WRITE=1 writes doc/mutation.md. Slow: results are kept below mutation/ and used again.
mutation: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS= >/dev/null
	$(MAKE) $(AM_MAKEFLAGS) $(model_programs) >/dev/null
	sample='$(SAMPLE)'; changed='$(CHANGED)'; SEED='$(SEED)'; JOBS='$(JOBS)'; WRITE='$(WRITE)'; \
	case '$(SIZE)$(CHANGED)' in '' | ci) ;; *) sample=$${sample:-0} ;; esac; \
	srcdir='$(srcdir)' CC='$(CC)' $(srcdir)/tools/mutate --sample "$${sample:-150}" --seed "$${SEED:-1}" \
		--jobs "$${JOBS:-2}" $${changed:+--changed "$$changed"} $${WRITE:+--write} .
.PHONY: mutation

# doc/reliability.md, from what the gates said last in this build.
reliability-table:
	$(srcdir)/tools/reliability-table .
.PHONY: reliability-table

EXTRA_DIST += \
	tests/build/abi/liballocarrays-check.x86_64.abi \
	tests/build/abi/liballocarrays-kernels.x86_64.abi \
	tests/build/abi/liballocarrays.x86_64.abi \
	tests/build/leaks.supp \
	tests/build/threads.c \
	tools/check-interface \
	tools/check-sanitize \
	tools/lint \
	tools/lint-allowed \
	tools/mutate \
	tools/mutation-equivalents \
	tools/reliability-table \
	tools/run-gates \
	.clang-tidy \
	SECURITY.md \
	doc/mutation.md \
	doc/reliability.md

# The rows of bad input, and the tests that each names. C++ exceptions are built by a script.
gate_tests = \
	tests/misuse/exceptions \
	tools/check-bad-input
TESTS += $(gate_tests)
EXTRA_DIST += $(gate_tests) \
	tests/build/bad-input.txt \
	tests/misuse/exceptions_c.c \
	tests/misuse/exceptions_cc.cc

# Tests for mutants that survived all others.
unit_tests += tests/unit/test_mutants
inside_tests += tests/unit/test_mutants_inside
