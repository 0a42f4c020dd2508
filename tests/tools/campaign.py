#!/usr/bin/env python3
"""campaign.py - what the commands leave behind when calls fail, processes are
killed, disks fill up and two of them write one output.

usage: campaign.py quick|long [SEED]

Speaks TAP.  The bar is the same everywhere: under the name of an output stands
what stood there before, or the complete new file; an error is one line and a
documented status; after the same command has run again, the bytes are those of
an undisturbed run and nothing else is left."""
import ctypes
import errno
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LONG = sys.argv[1:2] == ["long"]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
TOP = os.environ["VS_TOP"]
DATA = TOP + "/datasets/sift20k/"
STATUS = {65, 66, 71, 73, 74, 75}
OLD = b"what stood here before"
rng = random.Random(SEED)


class Fault(Exception):
    pass


def require(cond, *why):
    if not cond:
        raise Fault(" ".join(str(w) for w in why))


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


class Task:
    """A command that writes one output, in a directory of its own."""

    def __init__(self, name, out, command):
        self.name, self.out, self.command = name, out, command
        subprocess.run(self.line("good-" + out), check=True)
        self.good = read("good-" + out)
        require(self.good, name, "has no output")

    def line(self, out=None, *more):
        dest = out or self.out
        if self.name == "create":
            dest = os.path.dirname(dest) + "/"
        return [w.replace("@", dest) for w in self.command] + list(more)

    def clear(self):
        if self.name == "create":
            shutil.rmtree(os.path.dirname(self.out), ignore_errors=True)
            return
        for n in os.listdir("."):
            if self.out in n and not n.startswith("good-"):
                if os.path.isdir(n):
                    os.rmdir(n)
                else:
                    os.unlink(n)

    def leftovers(self):
        base = os.path.basename(self.out)
        where = os.path.dirname(self.out) or "."
        if not os.path.isdir(where):
            return []
        return [n for n in os.listdir(where)
                if n.startswith("." + base) and n != base]

    def is_sound(self, old=None):
        now = read(self.out)
        require(now == old or now == self.good,
                self.name, "left a strange output of",
                None if now is None else len(now), "bytes")
        return now == self.good

    def finish(self, *more):
        p = subprocess.run(self.line(None, *more), stderr=subprocess.PIPE)
        require(p.returncode == 0, self.name, "run again:", p.returncode,
                p.stderr.decode())
        require(self.is_sound(), self.name, "run again: no output")
        require(not self.leftovers(), "left behind:", self.leftovers())


def fit(name, rc, text):
    """An error as the manual has it."""
    require(rc in STATUS, name, "ended with", rc, text)
    lines = [s for s in text.splitlines() if "no checkpoint" not in s
             and "may be deleted" not in s and "could not be" not in s]
    require(len(lines) == 1 and re.match(r"vs-[a-z]+( \w+)?: \S", lines[0]),
            name, "said", repr(text))


def tasks(small):
    """small: few rows, so that a run makes few calls."""
    n = 400 if small else 20000
    with open(DATA + "base.bvecs", "rb") as f, open("base.bvecs", "wb") as g:
        g.write(f.read(n * 132))
    with open(DATA + "query.bvecs", "rb") as f, open("q.bvecs", "wb") as g:
        g.write(f.read((20 if small else 200) * 132))
    cells, its = ("8", "2") if small else ("512", "8")
    t = [Task("train", "a.vsm", ["vs-train", "-q", "-t", "2", "-i",
              "IVF%s,Flat" % cells, "--iterations", its, "--sample", str(n),
              "--checkpoint-every", "0", "-o", "@", "base.bvecs"])]
    os.link("good-a.vsm", "m.vsm")
    more = [] if small else ["base.bvecs"] * 7
    t.append(Task("build", "a.vss", ["vs-build", "-q", "-t", "2", "-M",
             "m.vsm", "--checkpoint-every", "0", "-o", "@",
             "base.bvecs"] + more))
    os.link("good-a.vss", "s.vss")
    t.append(Task("query", "a.vsh", ["vs-query", "-q", "-t", "2", "-k", "50",
             "-p", "nprobe=8", "-o", "@", "s.vss", "q.bvecs"]))
    os.link("good-a.vsh", "h.vsh")
    t.append(Task("merge", "b.vsh", ["vs-merge", "-q", "-t", "2", "-o", "@",
             "h.vsh"]))
    t.append(Task("truth", "a.ivecs", ["vs-eval", "truth", "-q", "-t", "2",
             "-k", "5", "-o", "@", "base.bvecs", "q.bvecs"]))
    if small:
        t.append(Task("create", "new/000001.yaml",
                 ["vs-shard", "create", "-q", "-c", "@", "--shards", "2",
                  "-M", "m.vsm", "base.bvecs"]))
    return t


def fault_env(lib, at, error):
    return dict(os.environ, LD_PRELOAD=lib, FAULT_AT=str(at),
                FAULT_ERRNO=str(error), FAULT_COUNT=os.path.abspath("count"))


def one_fault(t, lib, k, error, replace):
    t.clear()
    old = None
    if replace:
        with open(t.out, "wb") as f:
            f.write(OLD)
        old = OLD
    more = ["--replace"] if replace else []
    p = subprocess.run(t.line(None, *more), env=fault_env(lib, k, error),
                       stderr=subprocess.PIPE)
    text = p.stderr.decode()
    where = "%s, call %d:" % (t.name, k)
    try:
        done = t.is_sound(old)
        if p.returncode == 0:
            require(done, "succeeded without an output")
        else:
            fit(t.name, p.returncode, text)
        require(not [n for n in t.leftovers() if n.endswith(".tmp")
                     and "could not be" not in text],
                "left behind:", t.leftovers(), text)
        t.finish(*more)
    except Fault as e:
        raise Fault(where + " " + str(e)) from None


def faults():
    """Every call fails once."""
    lib = os.path.abspath("faultlib.so")
    cc = os.environ.get("CC", "cc")
    subprocess.run([cc, "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", lib,
                    TOP + "/tests/tools/faultlib.c", "-ldl"], check=True)
    n = 0
    for t in tasks(True):
        for replace in (False, True) if t.name != "create" else (False,):
            t.clear()
            subprocess.run(t.line(), env=fault_env(lib, 0, 0), check=True)
            total = int(read("count"))
            require(total > 20, t.name, "makes", total, "calls")
            ks = range(1, total + 1)
            if not LONG:
                ks = rng.sample(ks, min(total, 8))
            for k in ks:
                one_fault(t, lib, k, rng.choice([errno.ENOSPC, errno.EIO]),
                          replace and t.name != "create")
                n += 1
    return n


def kills():
    """kill -9 at random moments."""
    n = 0
    for t in tasks(False):
        t.clear()
        start = time.monotonic()
        t.finish()
        secs = time.monotonic() - start
        for _ in range(80 if LONG else 4):
            t.clear()
            p = subprocess.Popen(t.line(), stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0, secs * 1.05))
            p.send_signal(signal.SIGKILL)
            p.wait()
            n += p.returncode == -signal.SIGKILL
            t.is_sound()
            t.finish()
    return n


def limited(t, n_bytes):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
    return subprocess.run(t.line(), stderr=subprocess.PIPE,
                          preexec_fn=limit)


def file_limits():
    """A limit of the size of files (RLIMIT_FSIZE)."""
    n = 0
    for t in tasks(True):
        size = len(t.good)
        for most in sorted({rng.randrange(size) for _ in
                            range(40 if LONG else 5)} | {0, size - 1}):
            t.clear()
            p = limited(t, most)
            text = p.stderr.decode()
            if p.returncode != 0:
                fit(t.name, p.returncode, text)
                require(p.returncode == 74 and "File too large" in text,
                        t.name, most, p.returncode, text)
            t.is_sound()
            require(not t.leftovers() or t.leftovers() ==
                    ["." + t.out + ".ckpt"], "left behind:", t.leftovers())
            t.finish()
            n += 1
    return n


libc = ctypes.CDLL(None, use_errno=True)


def mount(where, size):
    return libc.mount(b"tmpfs", where.encode(), b"tmpfs", 0,
                      ("size=%d" % size).encode()) == 0


def disks():
    """Small file systems of many sizes."""
    os.mkdir("disk")
    if not mount("disk", 1 << 20):
        return None
    libc.umount(b"disk")
    n = 0
    for t in tasks(True):
        if t.name == "create":
            continue
        for _ in range(25 if LONG else 4):
            size = rng.randrange(1, len(t.good) // 4096 + 12) * 4096
            require(mount("disk", size), "no tmpfs")
            try:
                out = "disk/" + t.out
                p = subprocess.run(t.line(out), stderr=subprocess.PIPE)
                text = p.stderr.decode()
                now = read(out)
                require(now in (None, t.good), t.name, "on", size)
                if p.returncode != 0:
                    fit(t.name, p.returncode, text)
                    require(p.returncode == 74 and out in text and
                            "No space left" in text, t.name, size, text)
                tmp = [x for x in os.listdir("disk") if x.endswith(".tmp")]
                require(not tmp, "left behind:", tmp)
                n += 1
            finally:
                libc.umount(b"disk")
    return n


def races():
    """Two processes, one output."""
    n = 0
    for t in tasks(True):
        if t.name == "create":
            continue
        for _ in range(60 if LONG else 6):
            t.clear()
            ps = [subprocess.Popen(t.line(), stderr=subprocess.PIPE)
                  for _ in range(2)]
            for p in ps:
                text = p.stderr.read().decode()
                p.wait()
                p.stderr.close()
                if p.returncode != 0:
                    fit(t.name, p.returncode, text)
            require(any(p.returncode == 0 for p in ps), t.name,
                    "both failed")
            require(t.is_sound(), t.name, "no output")
            require(not t.leftovers(), "left behind:", t.leftovers())
            n += 1
    return n


def runtime_has_files():
    """LLVM's OpenMP makes a file in /dev/shm as a program starts, and ends it
    where that fails: not a call of ours, whose failures are not ours."""
    ldd = subprocess.run(["ldd", os.environ["VS_BUILD"] + "/vs-train"],
                         stdout=subprocess.PIPE)
    return b"libomp" in ldd.stdout


def why_not(campaign):
    if campaign is faults and os.environ.get("VS_SANITIZED"):
        return "sanitized"
    if campaign in (faults, file_limits) and runtime_has_files():
        return "LLVM's OpenMP has files of its own"
    return None


def main():
    bad = 0
    campaigns = [faults, kills, file_limits, disks, races]
    print("1..%d" % len(campaigns))
    for i, campaign in enumerate(campaigns, 1):
        what = campaign.__doc__.rstrip(".").lower()
        with tempfile.TemporaryDirectory() as d:
            os.chdir(d)
            try:
                if why_not(campaign):
                    print("ok %d - %s # SKIP %s" %
                          (i, what, why_not(campaign)))
                    continue
                n = campaign()
                if n is None:
                    print("ok %d - %s # SKIP cannot mount" % (i, what))
                else:
                    print("ok %d - %s: %d cases" % (i, what, n))
            except (Fault, OSError, subprocess.CalledProcessError) as e:
                bad += 1
                print("not ok %d - %s\n# seed %d: %s" %
                      (i, what, SEED, str(e).replace("\n", "\n# ")))
            finally:
                os.chdir("/")
        sys.stdout.flush()
    sys.exit(bad != 0)


main()
