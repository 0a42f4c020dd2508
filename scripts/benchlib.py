"""benchlib.py - what the programs bench* share: the machine, runs of the
commands with their time and memory, and cuts of vector files."""
import hashlib
import json
import os
import platform
import re
import statistics
import struct
import subprocess
import sys
import threading
import time

WIDTH = {"fvecs": 4, "ivecs": 4, "bvecs": 1, "fbin": 4, "ibin": 4, "f16bin": 2,
         "u8bin": 1, "i8bin": 1}
NPY_WIDTH = {"<f4": 4, "<f2": 2, "|u1": 1, "|i1": 1, "<f8": 8, "<i4": 4}


def fail(text):
    sys.exit("%s: %s" % (os.path.basename(sys.argv[0]), text))


# ---- lists on the command line -------------------------------------------

def number(word):
    """250000, 250k or 1M."""
    found = re.fullmatch(r"(\d+)([kKmM]?)", word)
    if not found or int(found[1]) == 0:
        fail("'%s' is no count; expected one such as 10000, 10k or 1M" % word)
    return int(found[1]) * {"": 1, "k": 1000, "m": 10 ** 6}[found[2].lower()]


def numbers(text):
    return [number(word) for word in text.split(",")]


# ---- the machine ---------------------------------------------------------

def first_line(path, key):
    try:
        with open(path) as f:
            for line in f:
                if line.startswith(key):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""


def output_of(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def compiler(tools):
    """The command line that the build was made with, else the compiler here."""
    try:
        with open(os.path.join(tools, "flags")) as f:
            words = f.read().split()
    except OSError:
        words = ["cc"]
    return output_of(words[0], "--version").split("\n")[0]


def machine(tools):
    says = output_of(os.path.join(tools, "vs-query"), "--version")
    facts = dict(line.split(": ", 1) for line in says.split("\n")
                 if ": " in line)
    return {
        "tools": says.split("\n")[0],
        "revision": facts.get("revision", ""),
        "instruction set": facts.get("instruction set", ""),
        "cpu": first_line("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": first_line("/proc/meminfo", "MemTotal"),
        "kernel": platform.system() + " " + platform.release(),
        "compiler": compiler(tools),
        "load": "%.2f" % os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }


def print_machine(facts):
    for key, value in facts.items():
        print("%-16s %s" % (key, value))
    print()


# ---- runs ----------------------------------------------------------------

class Run:
    """A command that has run: secs, and text of both outputs.  Where memory is
    watched, every so many seconds, peak_rss and peak_anon in bytes; 0 when it
    was over before the first look."""

    def __init__(self, words, watch=None):
        words = [str(w) for w in words]
        self.peak_rss = self.peak_anon = 0
        start = time.monotonic()
        try:
            p = subprocess.Popen(words, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
        except OSError as e:
            fail("%s: %s; is it built? --tools names the directory"
                 % (words[0], e.strerror))
        watcher = threading.Thread(target=self.watch, args=(p.pid, watch))
        if watch:
            watcher.start()
        self.text = p.stdout.read().decode(errors="replace").strip()
        # A zombie has no memory, so the watcher ends by itself; only then may
        # the process id go back to the system.
        if watch:
            watcher.join()
        p.wait()
        self.secs = time.monotonic() - start
        if p.returncode != 0:
            fail("%s: exit %d: %s" % (" ".join(words), p.returncode, self.text))

    def watch(self, pid, every):
        """The kernel keeps the peak of all resident memory; of the anonymous,
        a peak between two looks is missed.  (The peak that wait4 gives is no
        use: it begins with this program's own.)"""
        while True:
            with open("/proc/%d/status" % pid) as f:
                found = dict(re.findall(r"(VmHWM|RssAnon):\s*(\d+) kB",
                                        f.read()))
            if len(found) < 2:
                break
            self.peak_rss = int(found["VmHWM"]) * 1024
            self.peak_anon = max(self.peak_anon, int(found["RssAnon"]) * 1024)
            time.sleep(every)


def watched(words):
    """A run that is not timed, watched closely; short ones are tried again
    until they are seen."""
    for _ in range(20):
        run = Run(words, watch=0.0001)
        if run.peak_rss:
            break
    return run


def rates(text):
    """Queries a second of a vs-query: searching only, and in all."""
    found = re.search(r"([\d,]+) queries/s searching, ([\d,]+) queries/s in "
                      r"all", text)
    if not found:
        fail("vs-query did not say how fast it was: %s" % text)
    return [int(found[i].replace(",", "")) for i in (1, 2)]


def in_rounds(cases, rounds, run):
    """Runs all cases in turn, every second round backwards, so that a drift of
    the machine hits them alike."""
    for i in range(rounds):
        for case in cases if i % 2 == 0 else reversed(cases):
            run(case)


def spread(values):
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


# ---- vector files --------------------------------------------------------

class Vectors:
    """Where the rows of a vector file are.  Of a format that only the commands
    know, rows is None, and it is used whole or not at all."""

    def __init__(self, path):
        self.path = path
        self.kind = path.rsplit(".", 1)[-1]
        self.rows = self.dims = None
        try:
            size = os.path.getsize(path)
            with open(path, "rb") as f:
                head = f.read(4096)
        except OSError as e:
            fail("%s: %s" % (path, e.strerror))
        if self.kind == "npy":
            self.read_npy(head)
        elif self.kind in WIDTH and len(head) >= 8:
            self.read_head(head, size)
        else:
            return
        if self.rows == 0 or size < self.start + self.rows * self.step:
            fail("%s: %d bytes are no %d rows of %d dimensions"
                 % (path, size, self.rows, self.dims))

    def read_head(self, head, size):
        if self.kind.endswith("vecs"):
            self.dims = struct.unpack_from("<I", head)[0]
            self.start, self.step = 0, 4 + self.dims * WIDTH[self.kind]
            self.rows = size // self.step
        else:
            self.rows, self.dims = struct.unpack_from("<II", head)
            self.start, self.step = 8, self.dims * WIDTH[self.kind]

    def read_npy(self, head):
        wide = head[6] > 1
        length = struct.unpack_from("<I" if wide else "<H", head, 8)[0]
        self.start = (12 if wide else 10) + length
        text = head[:self.start].decode("latin-1")
        kind = re.search(r"'descr': '([^']*)'", text)
        shape = re.search(r"'shape': \((\d+), (\d+)\)", text)
        if not kind or kind[1] not in NPY_WIDTH or not shape:
            fail("%s: an npy file that cannot be cut" % self.path)
        self.rows, self.dims = int(shape[1]), int(shape[2])
        self.step = self.dims * NPY_WIDTH[kind[1]]
        self.descr = kind[1]

    def head(self, rows):
        if self.kind == "npy":
            text = "{'descr': '%s', 'fortran_order': False, 'shape': " \
                   "(%d, %d), }" % (self.descr, rows, self.dims)
            text += " " * (-(len(text) + 11) % 64) + "\n"
            return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + \
                text.encode()
        if self.kind.endswith("vecs"):
            return b""
        return struct.pack("<II", rows, self.dims)

    def cut(self, rows, folder):
        """The first rows as a file of folder; the file itself if it has no
        more."""
        if rows is None:
            return self.path
        if self.rows is None:
            fail("%s: cannot be cut; expected one of the suffixes .%s"
                 % (self.path, " .".join([*WIDTH, "npy"])))
        if rows > self.rows:
            fail("%s: %d rows; %d were asked for" % (self.path, self.rows,
                                                     rows))
        if rows == self.rows:
            return self.path
        out = os.path.join(folder, "%s-%d.%s" % (key_of(self.path), rows,
                                                 self.kind))
        if os.path.exists(out):
            return out
        left = rows * self.step
        with open(self.path, "rb") as f, open(out + ".part", "wb") as g:
            f.seek(self.start)
            g.write(self.head(rows))
            while left > 0:
                block = f.read(min(left, 1 << 22))
                g.write(block)
                left -= len(block)
        os.rename(out + ".part", out)
        return out


def key_of(*things):
    """A name for what depends on these files and words."""
    text = []
    for thing in things:
        if isinstance(thing, str) and os.path.exists(thing):
            at = os.stat(thing)
            thing = (os.path.realpath(thing), at.st_size, at.st_mtime_ns)
        text.append(repr(thing))
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:16]


def write_json(path, what):
    if path:
        with open(path + ".part", "w") as out:
            json.dump(what, out, indent=1)
            out.write("\n")
        os.rename(path + ".part", path)
