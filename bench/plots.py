"""Plots of the tables as SVG, drawn by gnuplot; nothing where it is not installed."""
import os
import shutil
import subprocess

import tables
import targets

UNITS = {"B": 1, "KiB": 1024, "MiB": 1048576}
AXES = (("allocations", ("arena", "shared", "private"), "allocations between two resets"),
        ("touched allocations", ("bump by hand", "arena", "shared", "private"), "allocations between two resets, touched"),
        ("threads", ("shared", "private"), "threads"),
        ("scopes", ("enter and leave", "aa_similar inside"), "open scopes"),
        ("arrays", ("aa_similar",), "arrays between two resets"),
        ("allocators", ("arena", "shared", "private"), "allocators alive"),
        ("allocators in turn", ("arena", "shared", "private"), "allocators used in turn"))


def quoted(text):
    return '"%s"' % text.replace("_", "\\\\_").replace("^", "\\\\^").replace('"', "'")


def lines_plot(path, title, x_label, y_label, found, log_y):
    """found: name -> [(x, row)]. The limit first, then this library in thick lines, then the others."""
    found = dict(sorted(found.items(), key=lambda f: tables.order((f[0], f[1][0][1]))))
    curves = {name: curve(sorted(points, key=lambda p: p[0])) for name, points in found.items()}
    thick = {name for name, points in found.items() if points[0][1].role == "ours"}
    script = ['set terminal svg size 900,560 background "white"', 'set output "%s"' % path, "set title " + quoted(title),
              "set xlabel " + quoted(x_label), "set ylabel " + quoted(y_label), "set logscale x", "set grid",
              "set key outside right", "set logscale y" if log_y else "set yrange [0:*]"]
    names = list(curves)
    script.append("plot " + ", ".join("'-' using 1:2:3:4 with yerrorlines lw %d title %s" % (
        3 if n in thick else 1, quoted(n)) for n in names))
    for name in names:
        script += ["%g %g %g %g" % point for point in curves[name]] + ["e"]
    run(script)


def bars_plot(path, title, y_label, bars):
    """bars: [(name, median, q1, q3, is it of this library)]."""
    script = ['set terminal svg size 900,560 background "white"', 'set output "%s"' % path, "set title " + quoted(title),
              "set ylabel " + quoted(y_label), "set yrange [0:*]", "set grid ytics", "set style fill solid 0.4",
              "set boxwidth 0.7", "set xtics rotate by -35", "unset key", "set bmargin 11", "set rmargin 16",
              "plot '-' using 1:3:6:xtic(2) with boxes lc variable, "
              "'-' using 1:3:4:5 with yerrorbars lc rgb 'black' pt 0"]
    body = ["%d %s %g %g %g %d" % (i, quoted(b[0]), b[1], b[2], b[3], 2 if b[4] else 1)
            for i, b in enumerate(bars)] + ["e"]
    run(script + body + body)


def run(script):
    subprocess.run(["gnuplot"], input="\n".join(script + [""]).encode(), check=True)


def curve(points):
    return [(x, row.median, row.q1, row.q3) for x, row in points]


def sizes(data, suffix):
    """subject -> points over the bytes of an allocation."""
    found = {}
    for case, subjects in data.cases("alloc").items():
        amount, unit, how = case.split(" ")
        if how == suffix:
            for subject, row in subjects.items():
                found.setdefault(subject, []).append((int(amount) * UNITS[unit], row))
    return found


def teams(data, size):
    found = {}
    for case, subjects in data.cases("threads").items():
        count, words = case.split(" ", 1)
        if words.endswith(", " + size):
            for subject, row in subjects.items():
                found.setdefault(subject, []).append((int(count), row))
    return found


def draw(data, folder):
    """Draw what there are samples for; the files' names."""
    if shutil.which("gnuplot") is None:
        return []
    made = []

    def out(name):
        made.append(name)
        return os.path.join(folder, name)

    for how in ("touched", "untouched"):
        if data.cases("alloc"):
            lines_plot(out("alloc-%s.svg" % how), "One allocation, %s, and its share of taking all back" % how, "bytes",
                       "ns", sizes(data, how), True)
    for size in ("64 B", "4 KiB"):
        if data.cases("threads"):
            lines_plot(out("threads-%s.svg" % size.replace(" ", "")), "Allocations of %s by several threads at once" % size,
                       "threads", "ns per allocation, over all threads", teams(data, size), True)
    for axis, subjects, words in AXES:
        curves = {s: targets.series(data, axis, s) for s in subjects}
        curves = {s: c for s, c in curves.items() if c}
        if curves:
            lines_plot(out("growth-%s.svg" % axis.replace(" ", "-")), "Cost of a step", words, "ns", curves, False)
    for question in ("reduction", "temporaries", "digits"):
        for case, subjects in data.cases(question).items():
            name = "".join(c if c.isalnum() else "-" for c in case)
            bars = [(s, r.median / 1e3, r.q1 / 1e3, r.q3 / 1e3, r.role == "ours")
                    for s, r in sorted(subjects.items(), key=lambda i: i[1].median)]
            bars_plot(out("%s-%s.svg" % (question, name)), "%s: %s" % (question, case), "us", bars)
    return made
