"""faiss.py - stands in for Faiss in tests of bench-peers: as much of its face
as the worker touches, searched by brute force.  IVFn looks at nprobe of every n
rows.  Threads and CPUs must be held as was said."""
import os

import numpy

__version__ = "0.0 fake"
METRIC_INNER_PRODUCT, METRIC_L2, METRIC_L1 = 0, 1, 23


def get_compile_options():
    return "BY HAND"


def omp_set_num_threads(n):
    assert os.environ["OMP_NUM_THREADS"] == str(n)
    assert len(os.sched_getaffinity(0)) == n
    with open(os.environ.get("FAKE_LOG", os.devnull), "a") as f:
        f.write("faiss %d\n" % n)


class Index:
    nprobe = 1

    def __init__(self, dims, nlist, metric):
        self.rows = numpy.zeros((0, dims), "float32")
        self.nlist = nlist
        self.metric = metric

    def train(self, rows):
        assert rows.shape[1] == self.rows.shape[1]

    def add(self, rows):
        self.rows = rows

    def search(self, queries, k):
        dots = queries @ self.rows.T
        far = -dots if self.metric == METRIC_INNER_PRODUCT else \
            (self.rows ** 2).sum(1) - 2 * dots
        far[:, numpy.arange(len(self.rows)) % self.nlist >= self.nprobe] = \
            numpy.inf
        ids = far.argsort(1)[:, :k]
        return numpy.take_along_axis(far, ids, 1), ids


def index_factory(dims, name, metric):
    return Index(dims, int(name.split(",")[0][3:]), metric)


def write_index(index, path):
    with open(path, "wb") as f:
        numpy.savez(f, rows=index.rows, nlist=index.nlist, metric=index.metric)


def read_index(path):
    with numpy.load(path) as f:
        index = Index(0, int(f["nlist"]), int(f["metric"]))
        index.rows = f["rows"]
    return index


class ParameterSpace:
    def set_index_parameter(self, index, name, value):
        assert name == "nprobe"
        index.nprobe = value


class Kmeans:
    """The first rows are the centroids, and so they stay."""

    def __init__(self, dims, k, niter, seed, min_points_per_centroid,
                 max_points_per_centroid):
        self.k = k
        self.most = k * max_points_per_centroid

    def train(self, rows):
        assert len(rows) <= self.most  # else it would sample
        self.centroids = rows[:self.k]
