"""benchplot.py - queries/s over recall as a picture, drawn by gnuplot."""
import math
import os
import shutil
import subprocess

from benchlib import fail

TICKS = [.5, .8, .9, .95, .98, .99, .999]
EXACT = .9999  # where recall 1 stands on an axis that has no end
TERMINALS = {".png": "pngcairo size 1000,700", ".svg": "svg size 1000,700"}


def check(path):
    """Before hours of measuring, not after."""
    if os.path.splitext(path)[1] not in TERMINALS:
        fail("%s: no kind of picture; expected .png or .svg" % path)
    if not shutil.which("gnuplot"):
        fail("%s: gnuplot is not here; install it or leave out --plot" % path)


def place(recall):
    """Halving what is missed is as far at .99 as at .9."""
    return -math.log10(1 - min(recall, EXACT))



def script(path, title, curves):
    """curves: (name, [(recall, queries/s)])"""
    ticks = ", ".join("'%g' %.4f" % (r, place(r)) for r in TICKS)
    lines = ["set terminal %s noenhanced" % TERMINALS[
                 os.path.splitext(path)[1]],
             "set output '%s'" % path.replace("'", "''"),
             "set title '%s'" % title.replace("'", "''"),
             "set xlabel 'recall'", "set ylabel 'queries/s'",
             "set logscale y", "set grid", "set key outside below",
             "set xtics (%s)" % ticks,
             "set xrange [%.4f:%.4f]" % (place(TICKS[0]), place(EXACT))]
    for i, (_, points) in enumerate(curves):
        lines.append("$curve%d << END" % i)
        lines += ["%.5f %.3f" % (place(r), qps) for r, qps in sorted(points)]
        lines.append("END")
    lines.append("plot " + ", ".join(
        "$curve%d with linespoints title '%s'" % (i, name.replace("'", "''"))
        for i, (name, _) in enumerate(curves)))
    return "\n".join(lines) + "\n"


def frontier(points):
    """The points that no other passes in both recall and speed."""
    best, kept = 0, []
    for recall, qps in sorted(points, reverse=True):
        if qps > best:
            best = qps
            kept.append((recall, qps))
    return kept


def draw(path, title, curves):
    curves = [(name, frontier(points)) for name, points in curves]
    done = subprocess.run(["gnuplot"], text=True, capture_output=True,
                          input=script(path, title, curves))
    if done.returncode != 0:
        fail("%s: gnuplot: %s" % (path, done.stderr.strip()))
