"""benchtruth.py - true neighbours and recall, for bench and bench-peers."""
import os
import re
import sys

from benchlib import Run, Vectors, fail, key_of


def find(folder, stem):
    """base.bvecs before base.250k.bvecs"""
    names = sorted((n for n in os.listdir(folder) if n.split(".")[0] == stem),
                   key=lambda n: (len(n), n)) if folder else []
    return os.path.join(folder, names[0]) if names else None


def find_files(args):
    """Completes base, query, truth and learn from the directory args.data."""
    if args.data and not os.path.isdir(args.data):
        fail("%s: no such directory" % args.data)
    args.base = args.base or find(args.data, "base")
    args.query = args.query or find(args.data, "query")
    # Those of the directory belong to its own base only.
    if args.data and args.base == find(args.data, "base"):
        if not args.truth:
            args.truth = find(args.data, "groundtruth")
            args.truth_distances = find(args.data, "groundtruth_distances")
        args.learn = args.learn or find(args.data, "learn")
    if not args.base or not args.query:
        fail("no base or no queries; expected --data DIR, or --base and "
             "--query")


class Truth:
    """Of the first rows of a base and the first queries: from the files that
    were given, or computed by vs-eval and kept in the cache."""

    def __init__(self, args, eval_tool):
        self.args = args  # base, query, truth, metric, k, cache
        self.eval_tool = eval_tool
        self.base_rows = Vectors(args.base).rows

    def words(self, rows, n_queries):
        """Options for vs-eval recall."""
        ids, distances = self.whole(rows)
        deep = Vectors(ids).dims
        if deep is not None and deep < self.args.k:
            fail("%s: %d neighbours a query; recall@%d needs more"
                 % (ids, deep, self.args.k))
        words = ["--truth", Vectors(ids).cut(n_queries, self.args.cache)]
        if distances:
            words += ["--truth-distances",
                      Vectors(distances).cut(n_queries, self.args.cache)]
        return words

    def whole(self, rows):
        """Of all queries: files of ids and, if they are known, distances."""
        args = self.args
        if args.truth and rows == self.base_rows:
            return args.truth, args.truth_distances
        base = Vectors(args.base).cut(rows, args.cache)
        name = os.path.join(args.cache, "truth-%s" % key_of(
            base, args.query, args.metric, args.k))
        ids, distances = name + ".ivecs", name + ".fvecs"
        if not os.path.exists(ids) or not os.path.exists(distances):
            print("computing truth of %s rows" % (rows or "all"),
                  file=sys.stderr)
            Run([self.eval_tool, "truth", "-k", max(100, args.k), "-m",
                 args.metric, "--replace", "--distances", distances, "-o", ids,
                 base, args.query])
        return ids, distances

    def recall(self, hits, rows, n_queries):
        """Strict, and with ties at the k-th where they are known."""
        k = self.args.k
        run = Run([self.eval_tool, "recall", "-k", k,
                   *self.words(rows, n_queries), hits])
        found = re.findall(r"%d-recall@%d ([\d.]+)( with ties)?" % (k, k),
                           run.text)
        ties = [float(value) for value, tied in found if tied]
        return {"recall": float(found[0][0]),
                "recall_with_ties": ties[0] if ties else None}
