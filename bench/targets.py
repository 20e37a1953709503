"""The targets P0 to P12: each a line with what is asked, what was measured, and by how much it is missed."""
import tables

OURS = ("arena", "shared", "private")
SMALL = ("16 B touched", "64 B touched", "256 B touched")
MODES = ("serial", "parallel loops", "one per thread")


class Check:
    """One comparison of one target. bound: at most, or at least with least=True. measured None: no figure."""

    def __init__(self, target, what, measured, bound, row=None, least=False, unit="x", spread=None):
        self.target, self.what, self.measured, self.bound = target, what, measured, bound
        self.row, self.least, self.unit, self.spread = row, least, unit, spread
        self.met = None if measured is None else (measured >= bound if least else measured <= bound)

    def missed_by(self):
        """How much more (or less) was measured than was asked for."""
        if self.bound == 0:
            return "%s instead of 0" % tables.number(self.measured)
        part = self.measured / self.bound
        if part >= 10:
            return "%.0f times the target" % part
        by = 100 * (1 - part if self.least else part - 1)
        return ("%.0f %% %s" if by >= 1 else "%.1f %% %s") % (by, "too little" if self.least else "over")

    def verdict(self):
        if self.measured is None:
            return "NOT MEASURED"
        if self.met:
            return "met"
        near = self.spread and (self.spread[1] >= self.bound if self.least else self.spread[0] <= self.bound)
        return "MISSED, " + self.missed_by() + (", quartiles reach it" if near else "")

    def line(self):
        measured = "-" if self.measured is None else tables.number(self.measured) + " " + self.unit
        spread = "" if self.spread is None else " (%s - %s)" % tuple(tables.number(s) for s in self.spread)
        return "  %-7s %-80s %s %-9s %-24s %s" % (
            self.target, self.what[:80], ">=" if self.least else "<=", tables.number(self.bound) + " " + self.unit,
            measured + spread, self.verdict())


def against(target, what, data, a, b, bound, least=False):
    """A check of the ratio of two rows, each (question, case, subject); for `least` the ratio is b / a."""
    row_a, row_b = data.row(*a), data.row(*b)
    r = tables.ratio(row_b, row_a) if least else tables.ratio(row_a, row_b)
    return Check(target, what, r and r[1], bound, a, least, "x", r and (r[0], r[2]))


def absolute(target, what, data, row, bound, scale=1, unit="ns"):
    r = data.row(*row)
    if r is None:
        return Check(target, what, None, bound, row, unit=unit)
    return Check(target, what, r.median / scale, bound, row, unit=unit, spread=(r.q1 / scale, r.q3 / scale))


# ---- one function per target --------------------------------------------------------------------------------------


def p0(data, counted):
    calls = {(s["question"], s["case"], s["subject"]): s for s in counted}
    worst = {}
    for (question, case, subject), s in calls.items():
        if s["role"] != "ours":
            continue
        row = data.row(question, case, subject)
        faults = row.faults if row else None
        entry = worst.setdefault(question, {"rows": 0, "faults": (0, ""), "calls": (0, ""), "not": 0})
        entry["rows"] += 1
        entry["not"] += 0 if s["counted"] else 1
        if faults is not None and faults > entry["faults"][0]:
            entry["faults"] = (faults, "%s, %s" % (case, subject))
        if s["calls"] > entry["calls"][0]:
            entry["calls"] = (s["calls"], "%s, %s" % (case, subject))
    checks = []
    for question, w in worst.items():
        for kind in ("faults", "calls"):
            amount, where = w[kind]
            measured = None if kind == "calls" and w["not"] else amount
            what = "%s: %s per steady cycle, worst of %d rows" % (
                question, "page faults" if kind == "faults" else "system calls", w["rows"])
            checks.append(Check("P0", what + (": " + where if where else ""), measured, 0, unit=""))
    return checks or [Check("P0", "system calls and page faults per steady cycle", None, 0, unit="")]


def p1(data):
    for case in SMALL:
        arena = ("alloc", case, "arena")
        yield against("P1", "%s: arena / a bump written by hand" % case, data, arena,
                      ("alloc", case, "bump by hand"), 1.15)
        best = data.best("alloc", case)
        yield against("P1", "%s: arena / best peer (%s)" % (case, best), data, arena, ("alloc", case, best), 0.5)


def p2(data):
    for case in SMALL:
        yield against("P2", "%s: shared / arena, 1 thread" % case, data, ("alloc", case, "shared"),
                      ("alloc", case, "arena"), 1.6)
    two = ("threads", "2 threads, 64 B", "shared")
    yield against("P2", "64 B, shared: throughput of 2 threads / of 1", data, two,
                  ("threads", "1 thread, 64 B", "shared"), 1.6, least=True)
    pool = data.best(two[0], two[1], lambda s: "mutex" in s)
    yield against("P2", "64 B, 2 threads: best mutexed pool (%s) / shared" % pool, data, two,
                  (two[0], two[1], pool), 20, least=True)
    safe = data.best(two[0], two[1])
    yield against("P2", "64 B, 2 threads: best thread-safe peer (%s) / shared" % safe, data, two,
                  (two[0], two[1], safe), 2, least=True)


def p3(data):
    for subject, bound in (("private, hoisted", 1.05), ("private, generic", 3)):
        case = "64 B touched"
        yield against("P3", "%s: %s / arena" % (case, subject), data, ("alloc", case, subject),
                      ("alloc", case, "arena"), bound)


def p4(data):
    for kind in OURS:
        yield absolute("P4", "aa_similar of 4 x 4, %s, through the scope" % kind, data,
                       ("steps", "aa_similar of 4 x 4", kind + ", through the scope"), 20)


def worst_of(target, what, data, question, case, subjects, bound, other, least=False):
    """The check of that subject which does worst."""
    checks = [against(target, "%s: %s" % (what, s), data, (question, case, s), (question, case, other), bound, least)
              for s in subjects]
    known = [c for c in checks if c.measured is not None]
    if not known:
        return checks[0]
    return sorted(known, key=lambda c: c.measured)[0 if least else -1]


def p5(data):
    for size, bound in (("10^3", 1.10), ("10^5", 1.02), ("10^7", 1.10)):
        for mode in MODES:
            case = "%s doubles, %s" % (size, mode)
            yield worst_of("P5", case + " / by hand, worst", data, "reduction", case, OURS, bound, "buffers by hand")
    for mode in MODES:
        case = "10^7 doubles, %s" % mode
        yield worst_of("P5", case + ", glibc / ours, worst", data, "reduction", case, OURS, 3, "glibc", least=True)


def p6(data):
    question, case = "temporaries", "3 to 8 of 1 to 64 KiB"
    subjects = (("arena, one each", 1.02), ("private, hoisted", 1.02), ("private", 1.02), ("shared", 1.10))
    for subject, bound in subjects:
        yield against("P6", "%s / buffers by hand" % subject, data, (question, case, subject),
                      (question, case, "buffers by hand"), bound)
    for subject, _ in subjects:
        yield against("P6", "%s / tcmalloc" % subject, data, (question, case, subject), (question, case, "tcmalloc"), 1)
    for subject, _ in subjects:
        row = data.row(question, case, subject)
        yield Check("P6", "%s: page faults in steady state" % subject, row and row.faults, 0,
                    (question, case, subject), unit="")


def p7(data):
    question, case = "digits", "1,000 images in batches of 32"
    shared = (question, case, "shared")
    for peer in ("glibc", "jemalloc", "mimalloc", "tcmalloc", "oneTBB"):
        yield against("P7", "shared / heap over %s" % peer, data, shared, (question, case, peer), 1)
    yield against("P7", "shared / buffers planned ahead", data, shared, (question, case, "buffers planned ahead"), 1.03)


def p8(data):
    for kind in ("shared", "private"):
        yield absolute("P8", "reset, 64 threads, 10^6 arrays: %s" % kind, data,
                       ("reset", "64 threads, 10^6 arrays", kind), 1, 1000, "us")


def p9(data):
    cases = list(data.cases("kernels"))
    checks = [against("P9", "%s: checked / unchecked arrays" % c, data, ("kernels", c, "checked arrays"),
                      ("kernels", c, "unchecked arrays"), 1.05) for c in cases]
    return checks or [Check("P9", "kernels on checked arrays (bench/digits was not built)", None, 1.05)]


def p10(data):
    yield absolute("P10", "guarded reset of 64 MiB", data, ("guard", "reset of 64 MiB", "arena, AA_GUARD"), 30, 1000,
                   "us")
    case = "sum of 10^6 doubles"
    yield against("P10", "an access: guarded / not guarded memory", data, ("guard", case, "arena, AA_GUARD"),
                  ("guard", case, "arena, not guarded"), 1.02)


def p11(data):
    for kind in OURS:
        for case, bound, unit in (("bytes beside an allocation", 0, "B"),
                                  ("held after warm-up, of the largest use", 1.15, "x"),
                                  ("bytes of an allocator not used yet", 1023, "B")):
            yield absolute("P11", "%s: %s" % (kind, case), data, ("memory", case, kind), bound, 1, unit)


def series(data, axis, subject):
    """(number, row) along an axis of the question growth."""
    prefix = axis + " = "
    found = [(int(case[len(prefix):]), subjects[subject]) for case, subjects in data.cases("growth").items()
             if case.startswith(prefix) and subject in subjects]
    return sorted(found, key=lambda f: f[0])


def ten(number):
    """1000 as 10^3."""
    digits = str(number)
    return "10^%d" % (len(digits) - 1) if number >= 1000 and digits.strip("0") == "1" else digits


def p12(data):
    for axis, subjects in (("allocations", OURS), ("threads", ("shared", "private")),
                           ("scopes", ("enter and leave", "aa_similar inside"))):
        for subject in subjects:
            points = series(data, axis, subject)
            if not points:
                yield Check("P12", "%s: %s" % (axis, subject), None, 1.10)
                continue
            # Each against the same point of the same round, for the machine's speed changes between rounds.
            relative = [(tables.ratio(row, points[0][1])[1], where) for where, row in points]
            low, high = min(relative), max(relative)
            yield Check("P12", "%s %s to %s, %s: dearest (%s) / cheapest (%s)" % (
                axis, ten(points[0][0]), ten(points[-1][0]), subject, ten(high[1]), ten(low[1])),
                high[0] / low[0], 1.10)


def stream(data):
    """Memory-bound kernels reach nine tenths of the matching loop of STREAM."""
    cases = data.cases("stream")
    checks = [against("STREAM", "%s / %s" % (case, row), data, ("stream", case, row),
                      ("stream", case, next(s for s in rows if not s.startswith("aa_"))), 1 / 0.9)
              for case, rows in cases.items() for row in rows if row.startswith("aa_")]
    return checks or [Check("STREAM", "kernels at 10^7 doubles (bench/digits was not built)", None, 1 / 0.9)]


def regions(data):
    """Neither a region where one thread would do sooner, nor none where it would pay: at most a tenth over one thread."""
    cases = data.cases("regions")
    checks = [against("REGION", "%s: all threads / one" % case, data, ("regions", case, "all threads"),
                      ("regions", case, "one thread"), 1.10) for case in cases]
    return checks or [Check("REGION", "aa_add_into (bench/digits was not built)", None, 1.10)]


def sharing(data):
    cases = data.cases("sharing")
    seen = [against("SHARING", "%s: neighbours / a line each" % case, data, ("sharing", case, "a cache line each, by hand"),
                    ("sharing", case, "neighbours in one line"), 1.5, least=True) for case in cases]
    return seen + [against("SHARING", "%s: %s / a line each" % (case, kind), data, ("sharing", case, kind),
                    ("sharing", case, "a cache line each, by hand"), 1.10)
            for case in cases for kind in ("shared", "private", "shared, pieces of 16 bytes", "private, pieces of 16 bytes")]


def huge(data):
    """The option must not make small allocators larger."""
    case = "resident bytes of an allocator of 64 bytes"
    for kind in ("arena", "shared"):
        yield against("HUGE", "%s: resident with AA_HUGEPAGES / without" % kind, data,
                      ("memory", case, kind + ", AA_HUGEPAGES"), ("memory", case, kind), 1.25)


def check(data, counted):
    checks = list(p0(data, counted))
    for target in (p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, stream, regions, sharing, huge):
        checks += target(data)
    return checks


def lines(checks):
    """All checks, and how many of each target are met."""
    text = "\nTargets: what is asked, what was measured (median, quartiles), whether it is met\n\n"
    text += "\n".join(c.line() for c in checks) + "\n\n"
    for target in dict.fromkeys(c.target for c in checks):
        mine = [c for c in checks if c.target == target]
        met, gone = sum(1 for c in mine if c.met), sum(1 for c in mine if c.met is None)
        text += "  %-7s %2d of %2d met%s\n" % (target, met, len(mine), ", %d not measured" % gone if gone else "")
    return text
