# What makes the library at home where it is installed: the CMake package, the Autoconf macro, the examples, and
# the consumers that `make installcheck` builds with them.

# ---- CMake and Autoconf --------------------------------------------------------------------------------
cmakedir = $(libdir)/cmake/allocarrays
nodist_cmake_DATA = \
	packaging/allocarrays-config.cmake \
	packaging/allocarrays-config-version.cmake
aclocaldir = $(datadir)/aclocal
dist_aclocal_DATA = packaging/allocarrays.m4
CLEANFILES = $(nodist_cmake_DATA)

# Here and not by configure: libdir and includedir are known when make runs, and may be given to it.
package_edit = sed \
	-e 's|@PACKAGE_VERSION[@]|$(PACKAGE_VERSION)|g' \
	-e 's|@AA_SIZEOF_VOID_P[@]|$(AA_SIZEOF_VOID_P)|g' \
	-e 's|@CBLAS_LIBS[@]|$(CBLAS_LIBS)|g' \
	-e "s|@AA_LIBDIR_TO_INCLUDEDIR[@]|`$(SHELL) $(srcdir)/packaging/relative-path $(libdir) $(includedir)`|g" \
	-e "s|@AA_LIBDIR_TO_FMODDIR[@]|`$(SHELL) $(srcdir)/packaging/relative-path $(libdir) $(fmoddir)`|g"
packaging/allocarrays-config.cmake: packaging/allocarrays-config.cmake.in packaging/relative-path Makefile
packaging/allocarrays-config-version.cmake: packaging/allocarrays-config-version.cmake.in Makefile
$(nodist_cmake_DATA):
	@$(MKDIR_P) packaging
	$(AM_V_GEN)$(package_edit) $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
EXTRA_DIST += \
	packaging/allocarrays-config.cmake.in \
	packaging/allocarrays-config-version.cmake.in \
	packaging/relative-path

# ---- the examples: built in the tree, and installed as sources with a Makefile of their own -------------
noinst_PROGRAMS += \
	examples/start/start \
	examples/start/with_malloc
start_sources = \
	examples/start/image.c \
	examples/start/image.h
examples_start_start_SOURCES = examples/start/start.c $(start_sources)
examples_start_start_CPPFLAGS = $(public_includes)
examples_start_start_CFLAGS = $(example_cflags)
examples_start_start_LDADD = liballocarrays.la
examples_start_with_malloc_SOURCES = examples/start/with_malloc.c $(start_sources)
examples_start_with_malloc_CPPFLAGS = $(public_includes)
examples_start_with_malloc_CFLAGS = $(example_cflags)
examples_start_with_malloc_LDADD =

TESTS += tests/build/start-example
EXTRA_DIST += tests/build/start-example

examplesdir = $(docdir)/examples
EXTRA_DIST += examples/Makefile
# The folders are copied whole; what is built in them stays out.
example_files = \
	examples/Makefile \
	$(start_sources) \
	examples/start/start.c \
	examples/start/with_malloc.c \
	examples/cxx/words.cpp \
	examples/dlpack/exchange.c \
	examples/dlpack/exchange.py \
	examples/fortran/batch.f90 \
	examples/reduction/reduction.c \
	$(digits_sources) \
	examples/digits/README.md \
	examples/digits/train.py \
	examples/digits/weights.bin \
	examples/digits/data/LICENSE.digits \
	examples/digits/data/digits-test-images.idx3-ubyte \
	examples/digits/data/digits-test-labels.idx1-ubyte \
	examples/digits/data/expected-first32.txt \
	examples/verify/Makefile \
	examples/verify/smooth.c \
	examples/verify/smooth.h \
	examples/verify/smooth_broken.c \
	examples/verify/test_smooth.c \
	examples/verify/tsan.supp

install-data-local: install-examples
uninstall-local: uninstall-examples
.PHONY: install-examples uninstall-examples
install-examples:
	@for file in $(example_files); do \
		to="$(DESTDIR)$(docdir)/$$file"; \
		$(MKDIR_P) "`dirname "$$to"`" && $(INSTALL_DATA) "$(srcdir)/$$file" "$$to" || exit 1; \
	done
uninstall-examples:
	@for file in $(example_files); do rm -f "$(DESTDIR)$(docdir)/$$file"; done
	@for folder in cxx digits/data digits dlpack fortran loops numeric reduction start verify .; do \
		rmdir "$(DESTDIR)$(examplesdir)/$$folder" 2>/dev/null || :; \
	done

# What is called like us is ours alone; other folders are left to whom they belong, as Automake leaves them.
uninstall-hook:
	@for folder in '$(examplesdir)' '$(docdir)' '$(cmakedir)' '$(fortransrcdir)' '$(datadir)/allocarrays' \
			'$(aacxxdir)' '$(aaimpldir)' '$(aaincludedir)'; do \
		case $$folder in *allocarrays*) rmdir "$(DESTDIR)$$folder" 2>/dev/null || : ;; esac; \
	done

# ---- consumers of the installed copy --------------------------------------------------------------------
consumer_scripts = \
	tests/build/consumers/autotools \
	tests/build/consumers/cmake \
	tests/build/consumers/cxx17 \
	tests/build/consumers/examples \
	tests/build/consumers/fortran \
	tests/build/consumers/moved \
	tests/build/consumers/pkgconfig \
	tests/build/consumers/run \
	tests/build/consumers/static
EXTRA_DIST += \
	$(consumer_scripts) \
	tests/build/consumers/common.sh \
	tests/build/consumers/project/CMakeLists.txt \
	tests/build/consumers/project/Makefile.am \
	tests/build/consumers/project/configure.ac \
	tests/build/consumers/project/core.c \
	tests/build/consumers/project/core.cc \
	tests/build/consumers/project/kernels.c \
	tests/build/consumers/project/served.c \
	tests/build/consumers/project/test_kit.c

installcheck-consumers:
	PKG_CONFIG='$(PKG_CONFIG)' PKG_CONFIG_PATH='$(DESTDIR)$(pkgconfigdir)' CC='$(CC)' CXX='$(CXX)' FC='$(FC)' \
	OPENMP_CFLAGS='$(OPENMP_CFLAGS)' LIBDIR='$(DESTDIR)$(libdir)' INCLUDEDIR='$(DESTDIR)$(includedir)' \
	ACLOCALDIR='$(DESTDIR)$(aclocaldir)' EXAMPLESDIR='$(DESTDIR)$(examplesdir)' \
	$(SHELL) $(srcdir)/tests/build/consumers/run
.PHONY: installcheck-consumers

# ---- the manual ----------------------------------------------------------------------------------------
# Made from the headers and doc/*.md at every call, in seconds. No page of it is in a release: who installs makes
# it, as distributions want it, and where Doxygen is not there the headers say the same.
docs:
	@$(MKDIR_P) manual
	DOXYGEN='$(DOXYGEN)' srcdir='$(srcdir)' $(SHELL) $(srcdir)/tools/make-docs '$(abs_builddir)/manual' '$(PACKAGE_VERSION)'
.PHONY: docs install-manual uninstall-manual
install-data-local: install-manual
uninstall-local: uninstall-manual
if DOCS
install-manual: docs
	$(MKDIR_P) '$(DESTDIR)$(mandir)/man3' '$(DESTDIR)$(docdir)/html/search'
	$(INSTALL_DATA) manual/man3/* '$(DESTDIR)$(mandir)/man3'
	for file in manual/html/*.* manual/html/search/*.*; do \
		$(INSTALL_DATA) "$$file" "$(DESTDIR)$(docdir)/$${file#manual/}" || exit 1; \
	done
uninstall-manual:
	rm -rf '$(DESTDIR)$(docdir)/html'
	cd '$(DESTDIR)$(mandir)/man3' && rm -f allocarrays.3 allocarrays_*.3 aa_*.3 AA_*.3
else
install-manual:
	@echo 'no man pages and no HTML: configure found no Doxygen or no Python 3, or --disable-docs was given'
uninstall-manual:
endif
clean-local: clean-manual
clean-manual:
	rm -rf manual package
.PHONY: clean-manual

TESTS += tests/build/manual
EXTRA_DIST += \
	packaging/Doxyfile.in \
	packaging/manual.css \
	tests/build/manual \
	tools/doxygen-filter \
	tools/make-docs

# ---- the guides ----------------------------------------------------------------------------------------
# Their examples, compiled and run; tools/check-doc-code proves that the pages quote them.
guide_tests = \
	tests/omp/guide_mistakes \
	tests/unit/guide_concepts \
	tests/unit/guide_porting \
	tests/unit/guide_tuning
if C_TESTS
check_PROGRAMS += $(guide_tests)
endif

# The pictures of doc/ are drawn by a script; the figures of doc/start-here.md come from a run.
pictures:
	$(srcdir)/tools/draw-pictures
start-figures: examples/start/start examples/start/with_malloc
	OMP_WAIT_POLICY=passive $(SHELL) $(srcdir)/tools/start-figures .
.PHONY: pictures start-figures
EXTRA_DIST += \
	doc/concepts.md \
	doc/figures/start-here.txt \
	doc/limits.md \
	doc/pictures/allocation.svg \
	doc/pictures/arena.svg \
	doc/pictures/fold.svg \
	doc/pictures/private.svg \
	doc/pictures/scope.svg \
	doc/pictures/scratch.svg \
	doc/pictures/shared.svg \
	doc/pictures/start-here.svg \
	doc/porting.md \
	doc/start-here.md \
	doc/tuning.md \
	tools/draw-pictures \
	tools/start-figures

# ---- Debian --------------------------------------------------------------------------------------------
# tools/debian-package builds the packages from `make dist`.
EXTRA_DIST += \
	debian/changelog \
	debian/control \
	debian/copyright \
	debian/liballocarrays-check0.install \
	debian/liballocarrays-check0.symbols \
	debian/liballocarrays-dev.install \
	debian/liballocarrays-doc.doc-base \
	debian/liballocarrays-doc.install \
	debian/liballocarrays-fortran-dev.install \
	debian/liballocarrays-fortran0.install \
	debian/liballocarrays-fortran0.symbols \
	debian/liballocarrays-kernels0.install \
	debian/liballocarrays-kernels0.symbols \
	debian/liballocarrays-omp0.install \
	debian/liballocarrays-omp0.symbols \
	debian/liballocarrays-ompt0.install \
	debian/liballocarrays-ompt0.lintian-overrides \
	debian/liballocarrays-ompt0.symbols \
	debian/liballocarrays0.install \
	debian/liballocarrays0.symbols \
	debian/rules \
	debian/source/format \
	debian/tests/consumers \
	debian/tests/control \
	tools/debian-package \
	tools/debian-try

# A gate (doc/reliability.md says what that is): the packages, built, looked over by lintian, and where root runs it
# installed, used and purged.
check-package:
	@for tool in dpkg-buildpackage dh lintian doxygen; do \
		command -v $$tool >/dev/null || { echo "check-package: not run: $$tool is not there"; exit 0; }; \
	done; \
	$(SHELL) $(srcdir)/tools/debian-package . package && \
	tried=`srcdir='$(srcdir)' $(SHELL) $(srcdir)/tools/debian-try package` || test $$? = 77 || \
		{ echo "$$tried"; exit 1; }; \
	echo "$$tried"; echo "check-package: built; `echo "$$tried" | sed -n 's/^debian-try: //p'`"
ci_gates += check-package
.PHONY: check-package

# A gate: nothing stays after make uninstall, and a release makes the same release.
check-install: all
	MAKE='$(MAKE)' $(SHELL) $(srcdir)/tools/check-install .
ci_gates += check-install
.PHONY: check-install
EXTRA_DIST += tools/check-install
