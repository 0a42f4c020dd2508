#!/usr/bin/env python3
"""vecs.py - makes and converts small vector files for the command-line tests.

    vecs.py convert IN.bvecs OUT.fvecs|OUT.bvecs|OUT.u8bin|OUT.fbin [FIRST N]
    vecs.py random OUT.u8bin ROWS DIM SEED
    vecs.py cut OUT.bvecs IN.bvecs DIM    the first DIM values of each row
    vecs.py shift OUT.fvecs IN.bvecs      values minus 60, times 0.37
    vecs.py i8 OUT.i8bin IN.bvecs         values minus 128
    vecs.py f16 OUT.npy IN.bvecs          as shift, in halves
    vecs.py same-ids A.ivecs B.ivecs      ids of each row as a set; exit 0 or 1

Plain Python, independent of the code under test.
"""
import random
import struct
import sys


def read_bvecs(path):
    data = open(path, "rb").read()
    dim = struct.unpack_from("<i", data)[0]
    step = 4 + dim
    return dim, [data[i + 4:i + step] for i in range(0, len(data), step)]


def write(path, dim, rows):
    kind = path.rsplit(".", 1)[1]
    with open(path, "wb") as out:
        if kind in ("u8bin", "fbin"):
            out.write(struct.pack("<II", len(rows), dim))
        for row in rows:
            if kind in ("fvecs", "bvecs"):
                out.write(struct.pack("<i", dim))
            if kind in ("fvecs", "fbin"):
                out.write(struct.pack("<%df" % dim, *row))
            else:
                out.write(bytes(row))


def read_ivecs(path):
    data = open(path, "rb").read()
    dim = struct.unpack_from("<i", data)[0]
    step = 4 + 4 * dim
    return [struct.unpack_from("<%di" % dim, data, i + 4)
            for i in range(0, len(data), step)]


def main(args):
    if args[0] == "convert":
        dim, rows = read_bvecs(args[1])
        if len(args) > 3:
            first, n = int(args[3]), int(args[4])
            rows = rows[first:first + n]
        write(args[2], dim, rows)
    elif args[0] == "random":
        n, dim = int(args[2]), int(args[3])
        rng = random.Random(int(args[4]))
        with open(args[1], "wb") as out:
            out.write(struct.pack("<II", n, dim))
            for first in range(0, n, 65536):
                out.write(rng.randbytes(min(65536, n - first) * dim))
    elif args[0] == "cut":
        dim = int(args[3])
        write(args[1], dim, [r[:dim] for r in read_bvecs(args[2])[1]])
    elif args[0] == "shift":
        dim, rows = read_bvecs(args[2])
        write(args[1], dim, [[(v - 60) * 0.37 for v in r] for r in rows])
    elif args[0] == "i8":
        dim, rows = read_bvecs(args[2])
        with open(args[1], "wb") as out:
            out.write(struct.pack("<II", len(rows), dim))
            for row in rows:
                out.write(struct.pack("%db" % dim, *(v - 128 for v in row)))
    elif args[0] == "f16":
        dim, rows = read_bvecs(args[2])
        head = "{'descr': '<f2', 'fortran_order': False, 'shape': (%d, %d), }" \
            % (len(rows), dim)
        head += " " * (-(len(head) + 11) % 64) + "\n"
        with open(args[1], "wb") as out:
            out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)))
            out.write(head.encode())
            for row in rows:
                out.write(struct.pack("<%de" % dim,
                                      *((v - 60) * 0.37 for v in row)))
    elif args[0] == "same-ids":
        a, b = read_ivecs(args[1]), read_ivecs(args[2])
        return 0 if [set(r) for r in a] == [set(r) for r in b] else 1
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
