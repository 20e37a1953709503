# Bugs planted in what threads share, and the table of all planted bugs by checker.
planted_threads_needs = src/libcore.la tests/schedules/explore tests/drd/driver
check-planted-threads: $(planted_threads_needs)
	srcdir='$(srcdir)' CC='$(CC)' $(srcdir)/tests/planted/threads .
planted-table: $(planted_threads_needs)
	srcdir='$(srcdir)' CC='$(CC)' $(srcdir)/tests/planted/run .
	srcdir='$(srcdir)' CC='$(CC)' $(srcdir)/tests/planted/threads .
	srcdir='$(srcdir)' CC='$(CC)' $(srcdir)/tests/planted/table .
.PHONY: check-planted-threads planted-table
EXTRA_DIST += \
	doc/planted-bugs.md \
	tests/planted/table \
	tests/planted/threads
