"""What the samples say: medians, quartiles, ratios paired by round, tables."""
import os
import platform
import statistics
import subprocess
import time

TITLES = {
    "alloc": "What does one allocation cost, with its share of taking all back? (one thread)",
    "threads": "... when several threads do it at once? (wall time per allocation, over all threads)",
    "steps": "What do arrays, scopes, marks and scratch cost?",
    "reset": "What does a reset cost?",
    "pages": "What do pages cost: first touch, reuse, growth?",
    "guard": "What does the guarded reset cost?",
    "checked": "What does checked access cost?",
    "kernels": "What do kernels lose on checked arrays?",
    "sharing": "What does false sharing cost, and who avoids it?",
    "stream": "How near to STREAM are the memory-bound kernels?",
    "regions": "From which size on does a region pay?",
    "memory": "What memory is held? (no times: bytes, or a ratio)",
    "growth": "How does the cost of a step grow?",
    "reduction": "A reduction with three temporaries: against buffers preallocated by hand",
    "temporaries": "Temporaries of each iteration of a parallel loop",
    "layers": "Where does the time of a batch of digits go?",
    "digits": "1,000 handwritten digits, end to end",
}


def quartiles(values):
    """First quartile, median, third quartile."""
    values = sorted(values)
    if len(values) == 1:
        return values[0], values[0], values[0]
    q = statistics.quantiles(values, n=4, method="inclusive")
    return q[0], q[1], q[2]


class Row:
    """The samples of one (question, case, subject)."""

    def __init__(self, samples):
        self.all = samples
        self.role = samples[0]["role"]
        # A sample that was preempted says more about the machine; kept only where hardly any other is left.
        calm = [s for s in samples if s["preempted"] == 0]
        enough = len(calm) >= max(2, (len(samples) + 1) // 2)
        self.used = calm if enough else samples
        self.noisy = not enough
        self.by_round = {s["round"]: s for s in self.used}
        self.q1, self.median, self.q3 = quartiles([value(s) for s in self.used])
        self.faults = statistics.median(s["faults"] for s in samples)
        self.most_faults = max(s["faults"] for s in samples)
        self.peak = max(s["peak_kib"] for s in samples) if samples[0]["alone"] else None


def value(sample):
    return sample.get("value", sample["ns"])


class Data:
    """All rows: data[question][case][subject]."""

    def __init__(self, samples, place):
        grouped = {}
        for s in samples:
            grouped.setdefault((s["question"], s["case"], s["subject"]), []).append(s)
        self.tree = {}
        # In the order in which the programs name them, not that of random rounds.
        for (question, case, subject), group in sorted(grouped.items(), key=lambda g: place.get(g[0][:2], 0)):
            self.tree.setdefault(question, {}).setdefault(case, {})[subject] = Row(group)

    def row(self, question, case, subject):
        return self.tree.get(question, {}).get(case, {}).get(subject)

    def cases(self, question):
        return self.tree.get(question, {})

    def limit(self, question, case):
        limits = [s for s, r in self.tree[question][case].items() if r.role == "limit"]
        return limits[0] if limits else None

    def best(self, question, case, accept=lambda subject: True):
        """The fastest peer, by its median."""
        peers = [(r.median, s) for s, r in self.cases(question).get(case, {}).items()
                 if r.role == "peer" and accept(s)]
        return min(peers)[1] if peers else None

    def rows(self):
        """For the JSON summary."""
        return [{"question": q, "case": c, "subject": s, "role": r.role, "median": r.median, "q1": r.q1, "q3": r.q3,
                 "faults": r.faults, "peak_kib": r.peak, "rounds": len(r.all), "used": len(r.used),
                 "noisy": r.noisy}
                for q, cases in self.tree.items() for c, subjects in cases.items() for s, r in subjects.items()]


def ratio(a, b):
    """Quartiles of a / b over the rounds that both have; of all of b's rounds where they share none."""
    if a is None or b is None:
        return None
    common = [r for r in a.by_round if r in b.by_round]
    pairs = [value(a.by_round[r]) / value(b.by_round[r]) for r in common if value(b.by_round[r]) > 0]
    if not pairs:
        return (a.median / b.median,) * 3 if b.median else None
    return quartiles(pairs)


# ---- text -------------------------------------------------------------------------------------------------------


def unit_for(medians):
    middle = statistics.median(medians)
    for name, scale in (("ms", 1e6), ("us", 1e3)):
        if middle >= scale:
            return name, scale
    return "ns", 1


def number(x):
    if x is None:
        return "-"
    if x == int(x) and abs(x) < 1e6:
        return "%d" % x
    return "%.2f" % x if abs(x) < 100 else "%.0f" % x


def short_ratio(a, b):
    r = ratio(a, b)
    return "-" if r is None else ("%.2f" % r[1] if r[1] < 100 else "%.0f" % r[1])


def order(item):
    return {"limit": 0, "ours": 1, "peer": 2, "note": 3}[item[1].role], item[1].median


def case_table(data, question, case, checks):
    subjects = data.tree[question][case]
    limit, best = data.limit(question, case), data.best(question, case)
    memory = question == "memory"
    unit, scale = ("", 1) if memory else unit_for([r.median for r in subjects.values()])
    lines = ["  %-44s %10s %19s %8s %8s %9s %9s  %s" % (
        case[:44], "median" + (" " + unit if unit else ""), "quartiles", "/limit", "/peer", "faults", "peak MiB",
        "rounds, target")]
    for subject, row in sorted(subjects.items(), key=order):
        mark = {"limit": "=", "ours": "*", "peer": " ", "note": "."}[row.role]
        peak = "-" if row.peak is None else "%.1f" % (row.peak / 1024)
        rounds = "%d" % len(row.used) + ("~" if row.noisy else "")
        if len(row.used) < len(row.all):
            rounds += " (%d set aside)" % (len(row.all) - len(row.used))
        verdicts = short_verdicts([c for c in checks if (question, case, subject) == c.row])
        lines.append("  %s %-42s %10s %19s %8s %8s %9s %9s  %s" % (
            mark, subject[:42], number(row.median / scale),
            number(row.q1 / scale) + " - " + number(row.q3 / scale),
            short_ratio(row, subjects[limit]) if limit and not memory else "-",
            short_ratio(row, subjects[best]) if best and not memory else "-",
            "-" if memory else number(row.faults), peak, "; ".join([rounds] + verdicts)))
    return "\n".join(lines) + "\n"


def short_verdicts(checks):
    """P1 met, or which of them is missed by how much; the lines at the end say what is compared."""
    words = []
    for target in dict.fromkeys(c.target for c in checks):
        mine = [c for c in checks if c.target == target]
        missed = [c.verdict() for c in mine if not c.met]
        words.append("%s %s" % (target, ", ".join(missed) if missed else "met"))
    return words


def absent_rows(bench, question):
    """A line for each peer that is not there."""
    gone = set(bench.absent.get(question, ()))
    if question in ("alloc", "threads", "pages", "reset"):
        gone |= {key[5:] for key, where in bench.context.items()
                 if key.startswith("peer ") and str(where).startswith("not installed")}
    elif question in ("reduction", "temporaries"):
        gone |= {"APR pool" for key, where in bench.context.items()
                 if key == "peer APR" and str(where).startswith("not installed")}
    return "".join("    %-42s not installed\n" % name for name in sorted(gone))


def all_tables(data, checks, bench):
    text = ""
    for question, title in TITLES.items():
        if question not in data.tree and question not in bench.absent:
            continue
        text += "\n%s: %s\n\n" % (question, title)
        for case in data.cases(question):
            text += case_table(data, question, case, checks) + "\n"
        text += absent_rows(bench, question)
    return text


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def configured(bench):
    try:
        with open(os.path.join(bench.build, "config.log"), encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("  $ "):
                    return line[4:].strip()
    except OSError:
        pass
    return "?"


def revision():
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        done = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return "?"
    return done.stdout.decode().strip() or "?"


def header(bench):
    rounds = {}
    for s in bench.samples:
        rounds.setdefault(s["question"], set()).add(s["round"])
    aside = sum(1 for s in bench.samples if s["preempted"] > 0)
    peers = ["%s %s" % (k[5:], v) for k, v in sorted(bench.context.items()) if k.startswith("peer ")]
    return "\n".join([
        "AllocArrays %s, revision %s, %s%s" % (bench.context.get("aa_version", "?"), revision(),
                                               time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(bench.start)),
                                               ", quick" if bench.quick else ""),
        "command     %s" % bench.command,
        "machine     %s, %d processors, Linux %s, load at the start %s" % (
            processor(), len(os.sched_getaffinity(0)), platform.release(), first_load(bench)),
        "built       %s (compiler: %s)" % (configured(bench), bench.context.get("aa_compiler", "?")),
        "threads     %s (OMP_NUM_THREADS), OMP_WAIT_POLICY=%s" % (bench.env["OMP_NUM_THREADS"],
                                                                 bench.env["OMP_WAIT_POLICY"]),
        "peers       %s" % "; ".join(peers),
        "noise       %d of %d samples were preempted at least once" % (aside, len(bench.samples)),
        "time        %d s" % (time.time() - bench.start),
        "rows        = limit, * this library, blank: peer, . only explains; ~ noisy: too few calm samples to choose from",
        ""])


def first_load(bench):
    load = bench.context.get("load_avg") or [0]
    return "%.1f" % load[0]
