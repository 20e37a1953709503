# The kernels against NumPy: expected.py writes expected.h, which is committed; the tests need no Python.
kernel_tests += \
	tests/kernels/guide_kernels \
	tests/kernels/test_expected \
	tests/kernels/test_strange \
	tests/kernels/test_wide

TESTS += tests/kernels/numpy
EXTRA_DIST += \
	doc/kernels.md \
	tests/kernels/expected.h \
	tests/kernels/expected.py \
	tests/kernels/numpy
