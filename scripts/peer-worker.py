#!/usr/bin/env python3
"""peer-worker.py - one peer library at work, in a process of its own.

    peer-worker.py SPEC.json

benchpeer.py starts it with threads and CPUs settled.  The spec names the
library, where it is, and what to do (about, build, search or train); the answer
is written as JSON to the file that it names.  Rows become floats
before any clock starts: that is what these libraries take.  It needs NumPy.
"""
import importlib
import json
import os
import sys
import time

sys.dont_write_bytecode = True
import numpy  # noqa: E402

from benchlib import Vectors, fail  # noqa: E402

TYPES = {"fvecs": "<f4", "ivecs": "<i4", "bvecs": "u1", "fbin": "<f4",
         "ibin": "<i4", "f16bin": "<f2", "u8bin": "u1", "i8bin": "i1"}


def read_rows(path, unit_length):
    at = Vectors(path)
    if at.rows is None:
        fail("%s: peers cannot read it; expected one of the suffixes .%s .npy"
             % (path, " .".join(TYPES)))
    kind = numpy.dtype(at.descr if at.kind == "npy" else TYPES[at.kind])
    raw = numpy.memmap(path, "u1", "r", at.start, (at.rows, at.step))
    raw = raw[:, at.step - at.dims * kind.itemsize:]
    rows = numpy.ascontiguousarray(raw).view(kind).astype("float32")
    if unit_length:
        rows /= numpy.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def write_hits(path, ids):
    """As ivecs; -1 where a library found fewer."""
    n, k = ids.shape
    out = numpy.full((n, k + 1), k, "<i4")
    out[:, 1:] = ids
    out.tofile(path)


def clock(run):
    start = time.monotonic()
    result = run()
    return time.monotonic() - start, result


class Faiss:
    """Index by factory string, parameters by their names in ParameterSpace."""

    def __init__(self, faiss, spec):
        self.lib = faiss
        self.metric = spec.get("metric")
        faiss.omp_set_num_threads(spec["threads"])

    def about(self):
        options = getattr(self.lib, "get_compile_options", lambda: "")
        return "%s %s" % (self.lib.__version__, options().strip())

    def metrics(self):
        return {"l2": self.lib.METRIC_L2, "ip": self.lib.METRIC_INNER_PRODUCT,
                "cosine": self.lib.METRIC_INNER_PRODUCT,
                "l1": self.lib.METRIC_L1}

    def create(self, name, dims, n):
        return self.lib.index_factory(dims, name, self.metrics()[self.metric])

    def train(self, index, rows):
        index.train(rows)

    def add(self, index, rows):
        index.add(rows)

    def save(self, index, path):
        self.lib.write_index(index, path)

    def load(self, path, name, dims):
        return self.lib.read_index(path)

    def set(self, index, name, value):
        self.lib.ParameterSpace().set_index_parameter(index, name, value)

    def search(self, index, queries, k):
        return index.search(queries, k)[1]


class Hnswlib:
    """Index 'M16,efc200', parameter ef."""

    def __init__(self, hnswlib, spec):
        self.lib = hnswlib
        self.metric = spec.get("metric")
        self.threads = spec["threads"]

    def about(self):
        return getattr(self.lib, "__version__", "of unknown version")

    def open(self, dims):
        # It scales by itself for cosine, and again costs nothing.
        index = self.lib.Index(self.metric, dims)
        index.set_num_threads(self.threads)
        return index

    def create(self, name, dims, n):
        links, width = name.split(",")
        index = self.open(dims)
        index.init_index(n, M=int(links[1:]), ef_construction=int(width[3:]))
        index.set_num_threads(self.threads)
        return index

    def train(self, index, rows):
        pass

    def add(self, index, rows):
        index.add_items(rows)

    def save(self, index, path):
        index.save_index(path)

    def load(self, path, name, dims):
        index = self.open(dims)
        index.load_index(path)
        index.set_num_threads(self.threads)
        return index

    def set(self, index, name, value):
        getattr(index, "set_" + name)(int(value))

    def search(self, index, queries, k):
        return index.knn_query(queries, k)[0]


PEERS = {"faiss": Faiss, "hnswlib": Hnswlib}


def about(peer, spec):
    return {"about": peer.about(), "file": peer.lib.__file__}


def build(peer, spec):
    unit = spec["metric"] == "cosine"
    rows = read_rows(spec["base"], unit)
    learn = rows if not spec["learn"] else read_rows(spec["learn"], unit)
    index = peer.create(spec["index"], rows.shape[1], len(rows))
    train_secs, _ = clock(lambda: peer.train(index, learn))
    add_secs, _ = clock(lambda: peer.add(index, rows))
    peer.save(index, spec["file"] + ".part")
    os.rename(spec["file"] + ".part", spec["file"])
    return {"train_secs": train_secs, "add_secs": add_secs, "rows": len(rows)}


def search(peer, spec):
    """The batch of all queries at each setting, then, if it is wanted, the
    first ones alone.  A first batch, not timed, wakes threads and pages."""
    k, singles = spec["k"], spec["singles"]
    queries = read_rows(spec["query"], spec["metric"] == "cosine")
    index = peer.load(spec["file"], spec["index"], queries.shape[1])
    wake_secs, _ = clock(lambda: peer.search(index, queries, k))
    found = []
    for i, setting in enumerate(spec["settings"]):
        for name, value in setting.items():
            peer.set(index, name, value)
        secs, ids = clock(lambda: peer.search(index, queries, k))
        write_hits(spec["hits"] % i, ids)
        alone, _ = clock(lambda: [peer.search(index, queries[j:j + 1], k)
                                  for j in range(min(singles, len(queries)))])
        found.append({"secs": secs, "alone_secs": alone})
    return {"wake_secs": wake_secs, "settings": found}


def train(peer, spec):
    """k-means alone: Kmeans, or SuperKmeans where the library has it."""
    rows = read_rows(spec["base"], False)
    n, dims = rows.shape
    means = getattr(peer.lib, spec["algorithm"])(
        dims, spec["nlist"], niter=spec["iterations"], seed=spec["seed"],
        min_points_per_centroid=1,
        max_points_per_centroid=n // spec["nlist"] + 1)
    cpu = time.process_time()
    secs, _ = clock(lambda: means.train(rows))
    cpu = time.process_time() - cpu
    head = numpy.array([spec["nlist"], dims], "<u4")
    with open(spec["file"], "wb") as out:
        out.write(head.tobytes())
        out.write(numpy.asarray(means.centroids, "<f4").tobytes())
    return {"secs": secs, "cpu_secs": cpu}


VERBS = {"about": about, "build": build, "search": search, "train": train}


def main():
    with open(sys.argv[1]) as f:
        spec = json.load(f)
    if spec["python"]:
        sys.path.insert(0, spec["python"])
    lib = importlib.import_module(spec["library"])
    answer = VERBS[spec["do"]](PEERS[spec["library"]](lib, spec), spec)
    with open(spec["answer"], "w") as out:
        json.dump(answer, out)


if __name__ == "__main__":
    main()
