"""csource.py - C sources for the lint scripts: files, and text whose comments
and strings are blanked so that a word found is code."""
import glob
import re
import sys

TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def files(*patterns):
    """The files that any pattern names, sorted."""
    return sorted({f for p in patterns for f in glob.glob(p)})


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def blank(text, strings=True):
    """text with comments (and strings) as spaces; lines stay where they
    are."""
    def empty(m):
        s = m.group(0)
        if s[0] in "\"'" and not strings:
            return s
        if s[0] in "\"'":
            return s[0] + " " * (len(s) - 2) + s[0]
        return re.sub(r"[^\n]", " ", s)
    return TOKEN.sub(empty, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Report:
    """Collects faults; done() prints them and ends the script."""

    def __init__(self):
        self.faults = []

    def fault(self, where, what):
        self.faults.append(f"{where}: {what}")

    def warn(self, where, what):
        print(f"{where}: warning: {what}")

    def done(self):
        for f in self.faults:
            print(f)
        sys.exit(1 if self.faults else 0)
