# The model, what compares against it, and the bugs that are planted to see it fail.
base_sources += src/base/plant.h

tool_tests += tests/planted/check-clean
EXTRA_DIST += tests/planted/switches
