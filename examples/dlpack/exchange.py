#!/usr/bin/env python3
"""Arrays between C and NumPy without a copy, by DLPack: `exchange.py LIBRARY`, LIBRARY being exchange.c's."""
import ctypes
import sys

import numpy as np


class Tensor:
    """A tensor that C gave: what np.from_dlpack takes. NumPy calls its deleter when the last array of it is gone."""

    def __init__(self, pointer):
        if not pointer:
            raise MemoryError(library.last_message().decode())
        self.pointer = pointer

    def __dlpack_device__(self):
        return (1, 0)  # the host's memory

    def __dlpack__(self, stream=None):
        # Once: the capsule hands the tensor on.
        pointer, self.pointer = self.pointer, None
        return new_capsule(pointer, b"dltensor", None)


def tensor_of(array):
    """NumPy's tensor of an array: a capsule, which frees the tensor when it goes, and the pointer in it."""
    capsule = array.__dlpack__()
    return capsule, capsule_pointer(capsule, b"dltensor")


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
capsule_pointer.restype = ctypes.c_void_p
capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]

library = ctypes.CDLL(sys.argv[1])
library.waves.restype = ctypes.c_void_p
library.waves.argtypes = [ctypes.c_int64, ctypes.c_int64]
library.sum_of_squares.restype = ctypes.c_double
library.sum_of_squares.argtypes = [ctypes.c_void_p]
library.take_back.restype = ctypes.c_char_p
library.last_message.restype = ctypes.c_char_p

# From C to NumPy: the array is pinned while NumPy holds it.
ours = np.from_dlpack(Tensor(library.waves(3, 4)))
assert ours.tolist() == [[0, 0, 0, 0], [1, 2, 3, 4], [2, 4, 6, 8]], ours
status = library.take_back()
assert status == b"AA_BUSY", status
print("C to NumPy:", ours.shape, ours.dtype, "- a reset meanwhile:", status.decode())
total = float((ours**2).sum())
del ours
status = library.take_back()
assert status == b"AA_OK", status
print("after NumPy let go:", status.decode())

# From NumPy to C, with strides: every second column, backwards.
theirs = np.arange(24, dtype=np.float64).reshape(3, 8)[:, ::-2]
capsule, tensor = tensor_of(theirs)
squares = library.sum_of_squares(tensor)
assert squares == float((theirs**2).sum()), squares
print("NumPy to C: strides", [s // 8 for s in theirs.strides], "- sum of squares", squares)
capsule, tensor = tensor_of(np.arange(3, dtype=np.int32))
assert library.sum_of_squares(tensor) == -1

# There and back again. NumPy 1 shows the tensors of others read-only, and exports nothing read-only: a copy then.
back = np.from_dlpack(Tensor(library.waves(3, 4)))
capsule, tensor = tensor_of(back) if back.flags.writeable else tensor_of(back.copy())
assert library.sum_of_squares(tensor) == total
print("there and back:", total)
