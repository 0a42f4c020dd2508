"""benchtrain.py - k-means of ours and of Faiss on the same rows, for
bench-peers: seconds, and the mean squared distance of a row to the nearest of
the centroids that came out.  One judge for all: an exact search by our Flat
index, since what a library says of itself may be of the iteration before."""
import array
import json
import os
import statistics
import struct

from benchlib import Run, Vectors, fail, in_rounds, spread
from benchpeer import held


def centroids_of_model(path, dims):
    """The section CENT of a model, as vs-format(5) has it."""
    with open(path, "rb") as f:
        head = f.read(8192)
        n_sections = struct.unpack_from("<I", head, 96)[0]
        for i in range(n_sections):
            tag, codec, at, stored = struct.unpack_from("<4sIQQ", head,
                                                        256 + 96 * i)
            if tag == b"CENT" and codec == 0:
                f.seek(at)
                rows = f.read(stored)
                return struct.pack("<II", stored // (4 * dims), dims) + rows
    fail("%s: no raw section CENT" % path)


class Training:
    """One way of k-means: who is None for ours, else a Peer."""

    def __init__(self, args, folder, who=None, algorithm="Kmeans"):
        self.args = args
        self.folder = folder
        self.peer = who
        self.algorithm = algorithm
        self.name = "vs-train" if who is None else \
            "%s %s" % (who.name, algorithm)

    def tool(self, name):
        return os.path.join(self.args.tools, name)

    def train(self, base, threads, seed):
        """What it took, and the file of centroids."""
        out = os.path.join(self.folder, "centroids.fbin")
        if self.peer is None:
            return self.train_ours(base, threads, seed, out), out
        said, run = self.peer.run("train", threads, {
            "base": base, "nlist": self.args.train, "seed": seed, "file": out,
            "iterations": self.args.iterations, "algorithm": self.algorithm})
        return dict(said, process_secs=run.secs), out

    def train_ours(self, base, threads, seed, out):
        at = Vectors(base)
        model = os.path.join(self.folder, "train.vsm")
        stats = os.path.join(self.folder, "train.json")
        run = Run([*held(threads), self.tool("vs-train"), "-t", threads, "-i",
                   "IVF%d,Flat" % self.args.train, "--sample", at.rows,
                   "--iterations", self.args.iterations, "--seed", seed,
                   "--replace", "--stats", stats, "-o", model, base])
        with open(out, "wb") as f:
            f.write(centroids_of_model(model, at.dims))
        with open(stats) as f:
            said = json.load(f)
        secs = [p["seconds"] for p in said["phases"] if p["name"] == "k-means"]
        return {"secs": secs[0], "cpu_secs": said["cpu_seconds"],
                "process_secs": run.secs}

    def objective(self, base, centroids):
        shard = os.path.join(self.folder, "centroids.vss")
        out = os.path.join(self.folder, "nearest.fvecs")
        Run([self.tool("vs-build"), "-i", "Flat", "--replace", "-o", shard,
             centroids])
        Run([self.tool("vs-query"), "-k", 1, "--replace", "-o", out, shard,
             base])
        near = array.array("f")
        with open(out, "rb") as f:
            near.frombytes(f.read())
        return sum(near[1::2]) / (len(near) // 2)

    def cases(self):
        return [{"who": self, "name": self.name, "rows": rows,
                 "threads": threads, "secs": [], "cpu_secs": [],
                 "process_secs": [], "objective": []}
                for rows in self.args.rows for threads in self.args.threads]


def run_training(ways, rounds, cut):
    """Every round is a seed; cut gives the file of so many rows."""
    # In each round ours meets each of theirs at the same rows and threads.
    cases = [c for group in zip(*[w.cases() for w in ways]) for c in group]

    def once(case):
        who, base = case["who"], cut(case["rows"])
        took, centroids = who.train(base, case["threads"],
                                    len(case["secs"]) + 1)
        for key, secs in took.items():
            case[key].append(secs)
        case["objective"].append(who.objective(base, centroids))

    in_rounds(cases, rounds, once)
    for case in cases:
        del case["who"]
    return cases


def print_training(cases):
    wide = max(len(c["name"]) for c in cases)
    print("%9s %3s %-*s %9s %6s %9s %9s %14s" % (
        "rows", "thr", wide, "k-means of", "seconds", "spread", "CPU s",
        "process s", "mean distance"))
    for c in cases:
        print("%9d %3d %-*s %9.2f %5.0f%% %9.2f %9.2f %14.6g" % (
            c["rows"], c["threads"], wide, c["name"],
            statistics.median(c["secs"]), 100 * spread(c["secs"]),
            statistics.median(c["cpu_secs"]),
            statistics.median(c["process_secs"]),
            statistics.mean(c["objective"])))
