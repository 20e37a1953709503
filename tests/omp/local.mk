# What a user of liballocarrays-omp does: beside a malloc of their own, with an installed copy, with newer compilers.

omp_user_tests = \
	tests/omp/own-malloc \
	tests/omp/table-compilers
TESTS += $(omp_user_tests)
EXTRA_DIST += \
	$(omp_user_tests) \
	tests/omp/installed \
	tests/omp/own_malloc.c \
	tools/unpack-clang

installcheck-local: installcheck-omp
installcheck-omp:
	PKG_CONFIG='$(PKG_CONFIG)' PKG_CONFIG_PATH='$(DESTDIR)$(pkgconfigdir)' LIBDIR='$(DESTDIR)$(libdir)' \
	CC='$(CC)' OPENMP_CFLAGS='$(OPENMP_CFLAGS)' $(SHELL) $(srcdir)/tests/omp/installed

# Newer clangs with their runtimes into compilers/, for `make omp-table`: a download, about 40 MB each.
NEWER_CLANGS = 16 19
newer-clangs:
	$(SHELL) $(srcdir)/tools/unpack-clang $(builddir) $(NEWER_CLANGS)
clean-local: clean-newer-clangs
clean-newer-clangs:
	rm -rf compilers
.PHONY: installcheck-omp newer-clangs clean-newer-clangs

# Tasks with the test kit, and in programs that it is loaded into.
testkit_tests += tests/omp/test_task_kit
task_kit_tests = tests/omp/task-kit
TESTS += $(task_kit_tests)
EXTRA_DIST += \
	$(task_kit_tests) \
	tests/omp/task_cancel.c \
	tests/omp/task_copies.cc \
	tests/omp/task_lengths.c \
	tests/omp/task_plugin.c
