"""hnswlib.py - stands in for hnswlib in tests of bench-peers: as much of its
face as the worker touches, searched by brute force: exact from ef = 40 on, and
without the first rows below.  CPUs must be held as was said."""
import os

import numpy


class Index:
    ef = 0

    def __init__(self, space, dim):
        self.space = space

    def set_num_threads(self, n):
        assert len(os.sched_getaffinity(0)) == n
        with open(os.environ.get("FAKE_LOG", os.devnull), "a") as f:
            f.write("hnswlib %d\n" % n)

    def init_index(self, max_elements, M, ef_construction):
        assert (M, ef_construction) == (16, 200)
        self.n = max_elements

    def add_items(self, rows):
        assert len(rows) == self.n
        self.rows = rows

    def save_index(self, path):
        with open(path, "wb") as f:
            numpy.save(f, self.rows)

    def load_index(self, path):
        self.rows = numpy.load(path)

    def set_ef(self, ef):
        self.ef = ef

    def knn_query(self, queries, k):
        far = -queries @ self.rows.T
        if self.space == "l2":
            far = (self.rows ** 2).sum(1) + 2 * far
        if self.ef < 40:
            far[:, :len(self.rows) // 2] = numpy.inf
        ids = far.argsort(1)[:, :k]
        return ids, numpy.take_along_axis(far, ids, 1)
