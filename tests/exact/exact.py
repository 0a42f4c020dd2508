#!/usr/bin/env python3
"""exact - what vs-query and vs-eval truth answer, against brute force.

Data are written in a format of each type; NumPy finds the nearest rows in
float64, of integers in int64.  Where the tools promise integers, ids and values
must be equal.  Where they promise floats, a value is right within a tolerance,
and no row may be missing that is nearer by more than that.  A search sums in
f32; truth sums in f64, so that of its values only the last bit may differ.

Nothing here follows the code of the tools: distances are their definitions.
"""
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "format"))
import vsformat

ROWS, QUERIES, K, SEED = 3000, 40, 10, 20261125
DIMS = (1, 7, 33, 100)
METRICS = ("l2", "ip", "cosine", "l1")
FORMATS = {"f32": "fvecs", "f16": "npy", "u8": "bvecs", "i8": "i8bin"}
# Of a value, and of the sum of magnitudes where products cancel.
SEARCH = (1e-5, 1e-6)
TRUTH = (2.0 ** -23, 1e-14)
EXACT = (0, 0)


class Wrong(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Wrong(text)


# ---- data -------------------------------------------------------------------


def clusters(rng, dtype, dim):
    """Base and queries: clusters, duplicates, zeros, very different norms."""
    n = ROWS + QUERIES
    centres = rng.normal(0, 1, (20, dim))
    x = centres[rng.integers(0, 20, n)] + rng.normal(0, 0.3, (n, dim))
    x *= rng.choice([1, 1, 1, 1, 1e-2, 30], n)[:, None]
    if dtype == "u8":
        x = np.clip(np.rint(np.abs(x) * 60), 0, 255).astype(np.uint8)
    elif dtype == "i8":
        x = np.clip(np.rint(x * 50), -128, 127).astype(np.int8)
    else:
        x = x.astype(np.float32 if dtype == "f32" else np.float16)
    base, queries = x[:ROWS], x[ROWS:]
    base[rng.integers(0, ROWS, 60)] = base[rng.integers(0, ROWS, 60)]
    base[100:115] = base[7]  # more of them than K
    queries[3] = base[7]
    queries[4] = base[200]
    base[500] = 0
    queries[5] = 0
    return base, queries


def write(path, x):
    n, dim = x.shape
    form = path.rsplit(".", 1)[1]
    if form == "npy":
        np.save(path, x.astype("<f2"))
        return
    with open(path, "wb") as f:
        if form == "i8bin":
            np.array([n, dim], "<u4").tofile(f)
            x.tofile(f)
            return
        head = np.full((n, 1), dim, "<i4").view(np.uint8)
        little = x.astype(x.dtype.newbyteorder("<"))
        np.hstack([head, little.view(np.uint8).reshape(n, -1)]).tofile(f)


# ---- brute force ------------------------------------------------------------


def brute(metric, base, q, tolerance):
    """The value of every row for one query, and how far off it may be."""
    relative, cancelled = tolerance
    exact = base.dtype.kind in "iu" and metric != "cosine"
    wide = np.int64 if exact else np.float64
    base, q = base.astype(wide), q.astype(wide)
    if metric == "l1":
        value = np.abs(base - q).sum(1)
    elif metric == "l2":
        value = ((base - q) ** 2).sum(1)
    else:
        value = (base * q).sum(1)
    if metric == "cosine":
        norm = np.sqrt((base ** 2).sum(1)) * np.sqrt((q ** 2).sum())
        value = np.divide(value, norm, where=norm > 0,
                          out=np.zeros(len(base)))
    if exact:
        return value, None
    slack = relative * np.abs(value)
    if metric == "ip":
        slack += cancelled * np.abs(base * q).sum(1)
    if metric == "cosine":
        slack += cancelled
    return value, slack


def check_query(metric, base, q, answer, tolerance):
    ids, values = answer
    true, slack = brute(metric, base, q, tolerance)
    sign = -1 if metric in ("ip", "cosine") else 1
    need(len(ids) == K and len(set(ids)) == K, f"ids {ids}")
    need(max(ids) < len(base), f"ids {ids}")
    pairs = [(sign * v, i) for v, i in zip(values, ids)]
    need(pairs == sorted(pairs), f"not in order: {pairs}")
    if slack is None:
        nearest = np.lexsort((np.arange(len(true)), sign * true))[:K]
        need(ids == nearest.tolist(), f"ids {ids}, expected {nearest}")
        need(values == true[nearest].tolist(), f"{values}, expected "
             f"{true[nearest]}")
        return
    off = np.abs(np.array(values) - true[ids])
    need((off <= slack[ids]).all(), f"values {values}, expected {true[ids]}")
    missing = np.ones(len(base), bool)
    missing[ids] = False
    last = ids[int(np.argmax(sign * true[ids]))]
    better = missing & (sign * true + slack < sign * true[last] - slack[last])
    need(not better.any(), f"rows {np.flatnonzero(better)} are missing")


def check_range(metric, base, q, answer, radius, tolerance):
    """All rows within the radius and no other; how many."""
    ids, values = answer
    true, slack = brute(metric, base, q, tolerance)
    sign = -1 if metric in ("ip", "cosine") else 1
    need(len(set(ids)) == len(ids), f"ids {ids}")
    pairs = [(sign * v, i) for v, i in zip(values, ids)]
    need(pairs == sorted(pairs), f"not in order: {pairs}")
    need(all(sign * v <= sign * radius for v in values), f"beyond {radius}")
    if slack is None:
        slack = np.zeros(len(true))
    off = np.abs(np.array(values) - true[ids])
    need((off <= slack[ids]).all(), f"values {values}, expected {true[ids]}")
    missing = np.ones(len(base), bool)
    missing[ids] = False
    within = missing & (sign * true + slack < sign * radius)
    if tolerance == EXACT:
        within = missing & (sign * true <= sign * radius)
    need(not within.any(), f"rows {np.flatnonzero(within)} are missing")
    return len(ids)


# ---- the tools --------------------------------------------------------------


def tool(*words):
    r = subprocess.run([*map(str, words)], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    need(r.returncode == 0, f"{words}: status {r.returncode}: "
         f"{r.stdout.decode()}")


def read_tsv(path):
    """For each query its ids and its values."""
    answers = {}
    with open(path) as f:
        for line in f:
            q, rank, i, value = line.split("\t")
            ids, values = answers.setdefault(int(q), ([], []))
            need(int(rank) == len(ids) + 1, f"rank {rank} of query {q}")
            ids.append(int(i))
            values.append(float(value))
    return [answers[q] for q in sorted(answers)]


def read_range(path):
    """Lists of a usbin of range searches."""
    with open(path, "rb") as f:
        n, total = np.fromfile(f, "<i4", 2)
        counts = np.fromfile(f, "<i4", n)
        ids = np.fromfile(f, "<u4", total)
        values = np.fromfile(f, "<f4", total)
        need(f.read() == b"" and counts.sum() == total == len(values),
             f"{path}: sizes")
    ends = np.cumsum(counts)
    return [(ids[e - c:e].tolist(), values[e - c:e].astype(float).tolist())
            for c, e in zip(counts, ends)]


def same(a, b):
    with open(a, "rb") as f, open(b, "rb") as g:
        need(f.read() == g.read(), f"{a} and {b} differ")


def read_vecs(path, dtype):
    with open(path, "rb") as f:
        return np.fromfile(f, dtype).reshape(-1, K + 1)[:, 1:]


class Case:
    def __init__(self, metric, dtype, dim, rng):
        self.metric, self.dtype, self.dim = metric, dtype, dim
        self.base, self.queries = clusters(rng, dtype, dim)
        self.base_file = "base." + FORMATS[dtype]
        self.query_file = "query." + FORMATS[dtype]
        write(self.base_file, self.base)
        write(self.query_file, self.queries)
        self.zero = ["--zero", "keep"] if metric == "cosine" else []

    def run(self, command, *words):
        tool(*command.split(), "-q", "--replace", *self.zero, *words)

    def query(self, out, index, *words):
        self.run("vs-query", "-k", K, *words, "-o", out, index,
                 self.query_file)

    def check(self, path, tolerance):
        answers = read_tsv(path)
        need(len(answers) == QUERIES, f"{path}: {len(answers)} queries")
        for n, answer in enumerate(answers):
            try:
                check_query(self.metric, self.base, self.queries[n], answer,
                            tolerance)
            except Wrong as e:
                raise Wrong(f"{path}: query {n}: {e}") from None

    def flat(self):
        self.run("vs-build", "-i", "Flat", "-m", self.metric, "-o",
                 "flat.vss", self.base_file)
        self.query("flat.tsv", "flat.vss")
        self.check("flat.tsv", SEARCH)

    def truth(self):
        for words in (["truth.tsv"], ["truth.ivecs", "--distances",
                                      "truth.fvecs"]):
            self.run("vs-eval truth", "-k", K, "-m", self.metric, "-o",
                     *words, self.base_file, self.query_file)
        self.check("truth.tsv", TRUTH)
        if self.dtype in ("u8", "i8"):
            same("truth.tsv", "flat.tsv")
        answers = read_tsv("truth.tsv")
        ids = read_vecs("truth.ivecs", "<i4").tolist()
        need(ids == [a[0] for a in answers], "ids of truth.ivecs")
        values = np.array([a[1] for a in answers]).astype(np.float32)
        need((read_vecs("truth.fvecs", "<f4") == values).all(),
             "values of truth.fvecs")

    def inverted(self):
        self.run("vs-train", "-i", "IVF16,Flat", "-m", self.metric, "-o",
                 "ivf.vsm", self.base_file)
        self.run("vs-build", "-M", "ivf.vsm", "-o", "ivf.vss",
                 self.base_file)
        self.query("ivf.tsv", "ivf.vss", "-p", "nprobe=16")
        same("ivf.tsv", "flat.tsv")

    def coded(self, index):
        """Codes, against the rows that they stand for."""
        self.run("vs-train", "-i", "IVF16," + index, "-m", self.metric,
                 "-o", "code.vsm", self.base_file)
        self.run("vs-build", "-M", "code.vsm", "-o", "code.vss",
                 self.base_file)
        self.query("code.tsv", "code.vss", "-p", "nprobe=16")
        f = vsformat.File("code.vss")
        rows = sorted((i, row) for _, i, row in vsformat.shard_rows(f))
        given, self.base = self.base, np.array([r for _, r in rows], "f4")
        try:
            self.check("code.tsv", SEARCH)
        finally:
            self.base = given

    def refined(self):
        """With every row a candidate the answers are those of Flat."""
        self.run("vs-build", "-i", "SQ8,RFlat", "-o", "fine.vss", "-m",
                 self.metric, self.base_file)
        self.query("fine.tsv", "fine.vss", "-p", f"kfactor={ROWS // K}")
        same("fine.tsv", "flat.tsv")

    def ranges(self):
        """Radii at a row, before and behind it; none and very many."""
        self.run("vs-train", "-i", "IVF16,Flat", "-m", self.metric, "-o",
                 "ivf.vsm", self.base_file)
        self.run("vs-build", "-M", "ivf.vsm", "-o", "ivf.vss",
                 self.base_file)
        true = brute(self.metric, self.base, self.queries[9], SEARCH)[0]
        sign = -1 if self.metric in ("ip", "cosine") else 1
        order = np.sort(sign * true)
        exact = self.dtype in ("u8", "i8") and self.metric != "cosine"
        n = 0
        for radius in (order[40], order[40] - exact, order[1500], order[0]):
            radius = float(np.float32(sign * radius))
            n += self.range(radius, EXACT if exact else SEARCH)
        need(n > 1500, f"{n} results of all radii")

    def range(self, radius, tolerance):
        words = [f"--radius={radius!r}", "-o"]
        for index, p in (("flat", ()), ("ivf", ("-p", "nprobe=16"))):
            self.run("vs-query", *p, *words, "r" + index + ".usbin",
                     index + ".vss", self.query_file)
        same("rflat.usbin", "rivf.usbin")
        answers = read_range("rflat.usbin")
        need(len(answers) == QUERIES, f"{len(answers)} queries")
        n = sum(check_range(self.metric, self.base, self.queries[q], answer,
                            radius, tolerance)
                for q, answer in enumerate(answers))
        self.run("vs-query", *words, "rflat.vsh", "flat.vss", self.query_file)
        self.run("vs-query", *words, "rflat.tsv", "flat.vss", self.query_file)
        text = "".join(vsformat.lines(vsformat.File("rflat.vsh")))
        with open("rflat.tsv") as f:
            need(f.read() == text, "rflat.tsv and rflat.vsh differ")
        self.run("vs-query", "-k", K, *words, "cut.usbin", "flat.vss",
                 self.query_file)
        with open("cut.usbin", "rb") as f:
            head = np.fromfile(f, "<u4", 2).tolist()
            cut = np.fromfile(f, "<u4", QUERIES * K).reshape(QUERIES, K)
        need(head == [QUERIES, K], "head of cut.usbin")
        need([one[one != 2 ** 32 - 1].tolist() for one in cut] ==
             [ids[:K] for ids, _ in answers], "-k beside --radius")
        return n

    def merged(self):
        shutil.rmtree("col", ignore_errors=True)
        tool("vs-shard", "create", "-q", "-c", "col", "--shards", 3, "--by",
             "hash", "-M", "ivf.vsm", self.base_file)
        for i in range(3):
            self.run("vs-build", "-c", "col", "--part", f"{i}/3")
            self.query(f"{i}.vsh", "col", "-p", "nprobe=16", "--part",
                       f"{i}/3")
        tool("vs-merge", "-q", "--replace", "-k", K, "-o", "merged.tsv",
             "0.vsh", "1.vsh", "2.vsh")
        same("merged.tsv", "flat.tsv")


class Tap:
    def __init__(self):
        self.n = 0

    def ok(self, name, function):
        self.n += 1
        try:
            function()
            print(f"ok {self.n} - {name}", flush=True)
        except (Wrong, OSError, ValueError, KeyError) as e:
            print(f"not ok {self.n} - {name}")
            for line in str(e).splitlines():
                print("#", line)


def main():
    tap = Tap()
    merged = {("l2", "u8"), ("cosine", "f32")}
    for m, metric in enumerate(METRICS):
        for t, dtype in enumerate(FORMATS):
            dim = DIMS[(m + t) % len(DIMS)]
            case = Case(metric, dtype, dim,
                        np.random.default_rng([SEED, m, t]))
            name = f"{metric} {dtype}, {dim} dimensions"
            tap.ok(f"{name}: Flat", case.flat)
            tap.ok(f"{name}: truth", case.truth)
            tap.ok(f"{name}: IVF16,Flat", case.inverted)
            if dtype in ("f32", "f16"):
                tap.ok(f"{name}: IVF16,SQ8", lambda: case.coded("SQ8"))
                tap.ok(f"{name}: IVF16,SQfp16", lambda: case.coded("SQfp16"))
            tap.ok(f"{name}: SQ8,RFlat", case.refined)
            tap.ok(f"{name}: radius", case.ranges)
            if (metric, dtype) in merged:
                tap.ok(f"{name}: merged shards", case.merged)
    print(f"1..{tap.n}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="vs-exact.") as directory:
        os.chdir(directory)
        main()
        os.chdir("/")
        sys.stdout.flush()
