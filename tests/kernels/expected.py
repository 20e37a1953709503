#!/usr/bin/env python3
"""Write what the kernels must give, according to NumPy, as a C header.

    tests/kernels/expected.py >tests/kernels/expected.h

test_expected.c includes it; tests/kernels/numpy compares it with what this
writes now. Inputs are small multiples of 1/8, so that sums and products of
two are exact in float: an order of additions cannot show.

A case: the kernel, its integer options and one real parameter, the inputs,
the result. Kinds of arrays: f real, b mask, i index.
"""

import sys

import numpy as np

random = np.random.RandomState(8)
tables = []
cases = []


def some(*shape):
    """Multiples of 1/8 between -4 and 4."""
    return random.randint(-32, 33, size=shape) / 8.0


def number(value):
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return repr(float(value))


def array(values):
    values = np.asarray(values)
    kind = {"f": "f", "b": "b", "i": "i"}[values.dtype.kind]
    words = [number(x) for x in values.astype(float).ravel()] or ["0"]
    tables.append(words)
    shape = ", ".join(str(extent) for extent in values.shape) or "0"
    return "{'%s', %d, {%s}, values_%d}" % (kind, values.ndim, shape, len(tables))


def case(kernel, inputs, result, options=(), real=0.0):
    cases.append(
        '{"%s", {%s}, %s, %d, {%s}, %s}'
        % (kernel, ", ".join(str(int(o)) for o in options) or "0", number(real), len(inputs),
           ", ".join(array(x) for x in inputs), array(result)))


# ---- reductions: options: kept, count, axes ---------------------------------------------------

REDUCTIONS = (("sum", np.sum), ("prod", np.prod), ("mean", np.mean), ("max", np.max), ("min", np.min))


def reduction(function, name, x, axes, kept):
    options = (kept, len(axes)) + tuple(axes)
    case(name + "_axes", [x], function(x, axis=tuple(axes), keepdims=bool(kept)), options)


def reductions():
    a = some(3, 4, 5)
    with_nan = some(3, 1, 4, 2)
    with_nan[1, 0, 2, 1] = np.nan
    for name, function in REDUCTIONS:
        for axes in ((), (0,), (1,), (0, 1), (1, 2), (0, 2), (2, 0), (-1, 0), (0, 1, 2)):
            reduction(function, name, a, axes, len(axes) % 2)
        for axes in ((0, 2), (1, 3), (-1, -3, 0), (0, 1, 2, 3)):
            reduction(function, name, with_nan, axes, 1)
            reduction(function, name, with_nan, axes, 0)
        reduction(function, name, some(0, 3, 2), (1, 2), 0)
    for name, function in REDUCTIONS[:2]:
        reduction(function, name, some(3, 0, 2), (0, 1), 1)
        reduction(function, name, some(2, 3, 0), (0, 2), 0)


# ---- walks along an axis: options: the axis -----------------------------------------------------


def walks():
    a = random.randint(-3, 4, size=(4, 3, 6)) / 8.0  # with equal elements
    with_nan = a.copy()
    with_nan[2, 1, 3] = with_nan[3, 1, 3] = np.nan
    for x in (a, with_nan, some(7), some(1, 5)):
        for axis in range(-x.ndim, x.ndim):
            case("argmax", [x], np.argmax(x, axis=axis), [axis])
            case("argmin", [x], np.argmin(x, axis=axis), [axis])
            case("cumsum", [x], np.cumsum(x, axis=axis), [axis])
        case("argmax_all", [x], np.argmax(x))
        case("argmin_all", [x], np.argmin(x))
    case("argmax", [some(0, 3)], np.argmax(some(0, 3), axis=1), [1])
    for axis in (0, 1):
        case("cumsum", [some(0, 3)], np.cumsum(some(0, 3), axis=axis), [axis])


# ---- comparison and choice ------------------------------------------------------------------------

COMPARISONS = (("equal", np.equal), ("not_equal", np.not_equal), ("less", np.less), ("less_equal", np.less_equal),
               ("greater", np.greater), ("greater_equal", np.greater_equal))


def choices():
    pairs = [(random.randint(-1, 2, size=a) / 2.0, random.randint(-1, 2, size=b) / 2.0)
             for a, b in (((3, 5), (3, 5)), ((4, 1, 5), (3, 1)), ((7,), ()), ((0, 2), (2,)), ((2, 0), (2, 1)))]
    pairs[0][0][1, 2] = pairs[0][1][1, 2] = pairs[0][1][0, 0] = np.nan
    for name, function in COMPARISONS:
        for a, b in pairs:
            case(name, [a, b], function(a, b))
    for mask, a, b in (((3, 5), (3, 5), (3, 5)), ((4, 1), (2, 1, 3), (4, 3)), ((2, 3), (), (3,)), ((), (2,), (3, 1)),
                       ((0,), (2, 1), ())):
        inputs = [random.randint(0, 2, size=mask) == 1, some(*a), some(*b)]
        case("where", inputs, np.where(*inputs))
    a, b = some(3, 4), some(3, 4)
    a[1, 1] = b[2, 2] = np.nan
    case("where", [a < b, a, b], np.where(a < b, a, b))
    for x in (a, some(2, 3, 5), some(0, 4)):
        for slope in (0.0, 0.25, -1.0):
            case("leaky_relu", [x], np.where(x < 0, slope * x, x), real=slope)


# ---- other places: concat: the axis; upsample2d: the factors ----------------------------------


def places():
    for shapes, axis in ((((2, 3), (4, 3)), 0), (((2, 3), (2, 1), (2, 4)), 1), (((5,), (0,), (3,), (1,)), -1),
                         (((2, 1, 3), (2, 2, 3)), -2), (((3, 2),), 1), (((0, 2), (0, 3)), 1)):
        inputs = [some(*shape) for shape in shapes]
        case("concat", inputs, np.concatenate(inputs, axis=axis), [axis])
    mask = some(3, 2) > 0
    case("concat", [mask, mask], np.concatenate([mask, mask], axis=0), [0])
    for shape, up in (((2, 3, 4, 5), (2, 3)), ((1, 1, 3, 3), (1, 1)), ((1, 2, 1, 4), (4, 1)), ((2, 0, 3, 3), (2, 2))):
        x = some(*shape)
        case("upsample2d", [x], x.repeat(up[0], axis=2).repeat(up[1], axis=3), up)


# ---- images: conv2d: strides, padding, dilation, groups; pools: window, strides, padding ------


def conv2d(x, w, b, strides, padding, dilation, groups):
    x = np.pad(x, ((0, 0), (0, 0), (padding[0], padding[0]), (padding[1], padding[1])))
    n, channels, height, width = x.shape
    outputs, per_group, kh, kw = w.shape
    oh = (height - dilation[0] * (kh - 1) - 1) // strides[0] + 1
    ow = (width - dilation[1] * (kw - 1) - 1) // strides[1] + 1
    result = np.zeros((n, outputs, oh, ow))
    for o in range(outputs):
        first = o // (outputs // groups) * per_group
        for y in range(oh):
            for i in range(ow):
                top, left = y * strides[0], i * strides[1]
                seen = x[:, first:first + per_group, top:top + dilation[0] * (kh - 1) + 1:dilation[0],
                         left:left + dilation[1] * (kw - 1) + 1:dilation[1]]
                result[:, o, y, i] = (seen * w[o]).sum(axis=(1, 2, 3)) + (0 if b is None else b[o])
    return result


def pool(function, x, window, strides, padding):
    height, width = x.shape[2:]
    oh = (height + 2 * padding[0] - window[0]) // strides[0] + 1
    ow = (width + 2 * padding[1] - window[1]) // strides[1] + 1
    result = np.zeros(x.shape[:2] + (oh, ow))
    for y in range(oh):
        for i in range(ow):
            top, left = y * strides[0] - padding[0], i * strides[1] - padding[1]
            seen = x[:, :, max(top, 0):top + window[0], max(left, 0):left + window[1]]
            result[:, :, y, i] = function(seen, axis=(2, 3))
    return result


def images():
    plain = ((1, 1), (0, 0), (1, 1), 1)
    for shape, w, options in (((2, 3, 7, 6), (4, 3, 3, 3), plain), ((2, 3, 7, 6), (4, 3, 3, 2), ((2, 3), (0, 0), (1, 1), 1)),
                              ((1, 2, 5, 4), (3, 2, 3, 3), ((1, 1), (1, 2), (1, 1), 1)),
                              ((2, 1, 9, 8), (2, 1, 3, 2), ((1, 2), (2, 1), (2, 3), 1)),
                              ((2, 4, 5, 5), (6, 2, 3, 3), ((1, 1), (1, 1), (1, 1), 2)),
                              ((3, 4, 6, 5), (4, 1, 3, 3), ((2, 1), (1, 1), (1, 1), 4)),
                              ((2, 3, 6, 6), (6, 1, 2, 2), ((1, 1), (0, 1), (2, 2), 3)),
                              ((1, 1, 2, 2), (1, 1, 3, 3), ((3, 3), (4, 4), (1, 1), 1)),
                              ((0, 2, 4, 4), (2, 2, 3, 3), plain), ((2, 0, 4, 4), (2, 0, 3, 3), plain)):
        x, w, b = some(*shape), some(*w), some(w[0])
        flat = options[0] + options[1] + options[2] + (options[3],)
        case("conv2d", [x, w, b], conv2d(x, w, b, *options), flat)
        case("conv2d", [x, w], conv2d(x, w, None, *options), flat)
    with_nan = some(2, 3, 7, 5)
    with_nan[1, 2, 3, 2] = np.nan
    for x in (with_nan, some(1, 2, 4, 4), some(2, 1, 1, 6), some(0, 2, 4, 4)):
        for window, strides, padding in (((2, 2), (2, 2), (0, 0)), ((3, 2), (1, 2), (1, 0)), ((3, 3), (2, 2), (1, 1)),
                                         ((1, 1), (2, 3), (0, 0)), ((3, 4), (1, 1), (2, 3))):
            if x.shape[2] + 2 * padding[0] >= window[0]:
                case("maxpool", [x], pool(np.max, x, window, strides, padding), window + strides + padding)
                case("avgpool", [x], pool(np.mean, x, window, strides, padding), window + strides + padding)
    x = some(1, 1, 6, 7)
    case("maxpool", [x], pool(np.max, x, (3, 2), (3, 2), (0, 0)), (3, 2, 0, 0, 0, 0))


# ---- stacks of matrices ----------------------------------------------------------------------------


def stacks():
    for a, b in (((3, 4), (4, 2)), ((5, 3, 4), (5, 4, 2)), ((5, 3, 4), (4, 2)), ((3, 4), (2, 4, 5)),
                 ((2, 1, 3, 4), (3, 4, 2)), ((2, 3, 1, 4), (2, 1, 4, 1)), ((0, 2, 3), (3, 2)), ((2, 3, 0), (2, 0, 4)),
                 ((2, 0, 3), (3, 1)), ((1, 1), (3, 1, 1))):
        a, b = some(*a), some(*b)
        case("matmul", [a, b], np.matmul(a, b))


# ---- boxes: the real parameter is the threshold ------------------------------------------------


def nms(boxes, scores, threshold):
    def area(box):
        return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)

    def overlap(a, b):
        common = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
        union = area(a) + area(b) - common
        return common / union if union > 0 else 0

    order = sorted(range(len(scores)), key=lambda i: (np.isnan(scores[i]), -np.nan_to_num(scores[i]), i))
    kept = []
    for i in order:
        if np.isnan(boxes[i]).any() or all(
                np.isnan(boxes[k]).any() or overlap(boxes[k], boxes[i]) <= threshold for k in kept):
            kept.append(i)
    return np.array(kept, dtype=np.int64)


def boxes_of(count):
    corners = random.randint(0, 12, size=(count, 2))
    return np.concatenate([corners, corners + random.randint(0, 9, size=(count, 2))], axis=1).astype(float)


def boxes():
    for count in (0, 1, 2, 13, 40):
        for threshold in (0.0, 0.25, 0.5, 1.0):
            corners, scores = boxes_of(count), random.randint(0, 8, size=count) / 8.0
            case("nms", [corners, scores], nms(corners, scores, threshold), real=threshold)
    corners, scores = boxes_of(20), random.randint(-8, 8, size=20) / 8.0
    corners[3, 2] = corners[7, 1] = scores[11] = scores[2] = np.nan
    case("nms", [corners, scores], nms(corners, scores, 0.25), real=0.25)
    corners = np.array([[0, 0, 4, 4], [0, 0, 4, 2], [5, 5, 5, 5], [5, 5, 5, 5], [9, 9, 7, 7]], dtype=float)
    for place in range(4):
        blurred = np.array([[0, 0, 4, 4], [0, 0, 4, 4], [1, 0, 4, 4]], dtype=float)
        blurred[0, place] = np.nan
        case("nms", [blurred, np.ones(3)], nms(blurred, np.ones(3), 0.5), real=0.5)
    for threshold in (0.5, 0.25):  # the second takes half of the first's union: not more than 0.5
        case("nms", [corners, np.ones(5)], nms(corners, np.ones(5), threshold), real=threshold)


def write():
    print("/* Generated by tests/kernels/expected.py with NumPy: do not edit. */")
    print("/* clang-format off */")
    for index, words in enumerate(tables, 1):
        print("static const double values_%d[] = {" % index)
        for start in range(0, len(words), 16):
            print("    %s," % ", ".join(words[start:start + 16]))
        print("};")
    print("static const expectation expectations[] = {")
    for line in cases:
        print("    %s," % line)
    print("};")


def main():
    reductions()
    walks()
    choices()
    places()
    images()
    stacks()
    boxes()
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
