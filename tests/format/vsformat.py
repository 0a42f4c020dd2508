#!/usr/bin/env python3
"""vsformat - reads models, shards and hits with nothing but man/vs-format.5.

    vsformat.py check FILE...    all checksums, all rules, all sections
    vsformat.py hits FILE        the hits as tsv: query, rank, id, value
    vsformat.py rows SHARD       the rows by id: id, then the values

It shares no code with the library, so that the manual and the library are held
against each other.  Needs the program zstd for packed sections.
"""
import json
import math
import re
import struct
import subprocess
import sys

BLOCK, M64 = 262144, (1 << 64) - 1
KINDS = {1: "model", 2: "shard", 3: "hits", 4: "step", 5: "sums"}
METRICS = {1: "l2", 2: "ip", 3: "cosine", 4: "l1"}
DTYPES = {1: "f32", 2: "u8", 3: "i8", 4: "f16", 5: "i32", 6: "i64", 7: "u32",
          8: "u64", 9: "f64"}


class Bad(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Bad(text)


# ---- XXH3-64 of xxHash 0.8, seed 0 -----------------------------------------

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
P32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
P64 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
       0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def u32(b, at=0):
    return int.from_bytes(b[at:at + 4], "little")


def u64(b, at=0):
    return int.from_bytes(b[at:at + 8], "little")


def fold(a, b):
    p = a * b
    return (p ^ p >> 64) & M64


def avalanche(h):
    h = (h ^ h >> 37) * 0x165667919E3779F9 & M64
    return h ^ h >> 32


def avalanche_64(h):
    h = (h ^ h >> 33) * P64[1] & M64
    h = (h ^ h >> 29) * P64[2] & M64
    return h ^ h >> 32


def rotated(h, n):
    return (h << n | h >> 64 - n) & M64


def mix(b, at, s):
    return fold(u64(b, at) ^ u64(SECRET, s), u64(b, at + 8) ^
                u64(SECRET, s + 8))


def short_hash(b):
    n = len(b)
    if n == 0:
        return avalanche_64(u64(SECRET, 56) ^ u64(SECRET, 64))
    if n <= 3:
        v = b[0] << 16 | b[n >> 1] << 24 | b[n - 1] | n << 8
        return avalanche_64(v ^ u32(SECRET) ^ u32(SECRET, 4))
    if n <= 8:
        h = u32(b, n - 4) + (u32(b) << 32) ^ u64(SECRET, 8) ^ u64(SECRET, 16)
        h ^= rotated(h, 49) ^ rotated(h, 24)
        h = h * 0x9FB21C651E98DF25 & M64
        h = (h ^ (h >> 35) + n) * 0x9FB21C651E98DF25 & M64
        return h ^ h >> 28
    if n <= 16:
        lo = u64(b) ^ u64(SECRET, 24) ^ u64(SECRET, 32)
        hi = u64(b, n - 8) ^ u64(SECRET, 40) ^ u64(SECRET, 48)
        swapped = int.from_bytes(lo.to_bytes(8, "little"), "big")
        return avalanche(n + swapped + hi + fold(lo, hi) & M64)
    h = n * P64[0]
    if n <= 128:
        for i in range((n - 1) // 32, -1, -1):
            h += mix(b, 16 * i, 32 * i) + mix(b, n - 16 * (i + 1), 32 * i + 16)
        return avalanche(h & M64)
    for i in range(8):
        h += mix(b, 16 * i, 16 * i)
    h = avalanche(h & M64)
    for i in range(8, n // 16):
        h += mix(b, 16 * i, 16 * (i - 8) + 3)
    return avalanche(h + mix(b, n - 16, 119) & M64)


def secret_words(at):
    return struct.unpack_from("<8Q", SECRET, at)


STRIPE_SECRETS = [secret_words(8 * i) for i in range(16)]


def accumulate(acc, words, secret):
    for i in range(8):
        key = words[i] ^ secret[i]
        acc[i ^ 1] += words[i]
        acc[i] = acc[i] + (key & 0xFFFFFFFF) * (key >> 32) & M64


def xxh3_64(b):
    n = len(b)
    if n <= 240:
        return short_hash(b)
    acc = [P32[2], P64[0], P64[1], P64[2], P64[3], P32[1], P64[4], P32[0]]
    last = secret_words(128)
    for at in range(0, n - 64 if n % 64 == 0 else n - n % 64, 64):
        stripe = at // 64 % 16
        accumulate(acc, struct.unpack_from("<8Q", b, at),
                   STRIPE_SECRETS[stripe])
        if stripe == 15 and at + 64 < n:
            acc = [((a & M64) ^ (a & M64) >> 47 ^ s) * P32[0] & M64
                   for a, s in zip(acc, last)]
    accumulate(acc, struct.unpack_from("<8Q", b, n - 64), secret_words(121))
    h = n * P64[0]
    for i in range(4):
        h += fold((acc[2 * i] & M64) ^ u64(SECRET, 11 + 16 * i),
                  (acc[2 * i + 1] & M64) ^ u64(SECRET, 19 + 16 * i))
    return avalanche(h & M64)


# ---- the container ----------------------------------------------------------


class Section:
    def __init__(self, e):
        self.tag = e[0:4].decode("ascii")
        (self.codec, self.offset, self.stored, self.raw, self.count,
         self.item) = struct.unpack_from("<IQQQQI", e, 4)
        self.blocks, self.control, self.hash = struct.unpack_from("<QQQ", e,
                                                                  48)
        self.reserved = e[44:48] + e[72:96]
        self.bytes = None


class File:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.b = f.read()
        self.read_header()
        self.read_table()
        self.read_sections()

    def read_header(self):
        b = self.b
        need(b[:8] == b"\x89VSF\r\n\x1a\n", "no magic")
        need(len(b) >= 8192 + 24, "shorter than header and footer")
        (version, kind, incompatible, compatible, size, self.uuid,
         self.fingerprint, self.rows, self.dim, self.k, metric, dtype, self.n,
         block, table, table_bytes, self.control, self.control_bytes
         ) = struct.unpack_from("<IIQQQ16s16sQIIIIIIQQQQ", b, 8)
        need(version == 1 and incompatible in (0, 1), "a newer version")
        need(size == len(b), f"{len(b)} of {size} bytes")
        self.end = 256 + 96 * self.n
        need(1 <= self.n <= 64 and table_bytes == 96 * self.n and
             table == 256 and block == BLOCK, "table or block size")
        self.hash = u64(b, 248)
        need(xxh3_64(b[:248] + bytes(8) + b[256:self.end]) == self.hash,
             "checksum of header and table")
        need(kind in KINDS and metric in METRICS and dtype in DTYPES,
             "kind, metric or dtype")
        self.kind, self.metric = KINDS[kind], METRICS[metric]
        self.dtype = DTYPES[dtype]
        need(self.rows <= 1 << 40 and 1 <= self.dim <= 65536, "rows or dim")
        need(incompatible == 0 or kind == 3, "lists that are no hits")
        need(1 <= self.k <= 65536 if kind == 3 and not incompatible else
             self.k == 0, "k")
        self.strict = compatible == 0
        need(not self.strict or not any(b[136:248]), "reserved bytes")
        need(b[-24:] == b"VSFEND\r\n" + struct.pack("<QQ", size, self.hash),
             "footer")
        need(self.uuid[6] >> 4 == 8 and self.uuid[8] >> 6 == 2, "uuid")

    def gap(self, start, end):
        need(start <= end and end - start < 2097152, "places of sections")
        need(not any(self.b[start:end]), "gaps hold zeros")

    def read_table(self):
        self.sections = {}
        control, end = 0, self.end
        for i in range(self.n):
            s = Section(self.b[256 + 96 * i:352 + 96 * i])
            need(s.tag not in self.sections, f"{s.tag} twice")
            self.sections[s.tag] = s
            need(s.codec in (0, 1) and s.item > 0 and
                 s.raw == s.count * s.item and
                 s.blocks == -(-s.raw // BLOCK), f"{s.tag}: sizes")
            need(s.codec == 1 or s.stored == s.raw, f"{s.tag}: lengths")
            need(s.offset % 4096 == 0 and s.offset >= 8192, f"{s.tag}: place")
            need(s.control == control, f"{s.tag}: records")
            need(not self.strict or not any(s.reserved), f"{s.tag}: reserved")
            self.gap(end, s.offset)
            end = s.offset + s.stored
            control += s.blocks * (16 if s.codec else 8)
        need(self.control % 4096 == 0 and control == self.control_bytes and
             self.control + control + 24 == len(self.b), "control part")
        self.gap(end, self.control)

    def read_sections(self):
        for s in self.sections.values():
            size = 16 if s.codec else 8
            at = self.control + s.control
            records = self.b[at:at + s.blocks * size]
            need(xxh3_64(records) == s.hash, f"{s.tag}: checksum of records")
            stored = self.b[s.offset:s.offset + s.stored]
            start = 0
            for i in range(s.blocks):
                raw = min(BLOCK, s.raw - i * BLOCK)
                end = u64(records, 16 * i) if s.codec else start + raw
                block = stored[start:end]
                need(0 < len(block) == end - start <= BLOCK + 4096,
                     f"{s.tag}: end of block {i}")
                need(xxh3_64(block) == u64(records, size * (i + 1) - 8),
                     f"{s.tag}: checksum of block {i}")
                need(not s.codec or frame_size(block) == raw,
                     f"{s.tag}: frame {i}")
                start = end
            need(start == s.stored, f"{s.tag}: stored length")
            s.bytes = unpack(stored) if s.codec else stored
            need(len(s.bytes) == s.raw, f"{s.tag}: raw length")

    def array(self, tag, form, count):
        """The numbers of a section, little-endian, of struct's form."""
        s = self.sections.get(tag)
        need(s is not None, f"{tag} is missing")
        n = struct.calcsize("<" + form)
        need(s.raw == n * count, f"{tag}: {s.raw} bytes of {n * count}")
        return struct.unpack(f"<{count}{form}", s.bytes)

    def info(self):
        need("INFO" in self.sections, "INFO is missing")
        return yaml(self.sections["INFO"].bytes.decode("utf-8"))


def frame_size(b):
    """Content size in the header of a zstd frame without a dictionary."""
    need(u32(b) == 0xFD2FB528, "no zstd frame")
    flags = b[4]
    single = flags >> 5 & 1
    need(flags & 3 == 0 and flags & 8 == 0, "zstd dictionary or reserved bit")
    at = 5 + (1 - single)
    size = (single, 2, 4, 8)[flags >> 6]
    need(size > 0, "zstd frame without its size")
    return int.from_bytes(b[at:at + size], "little") + (size == 2) * 256


def unpack(b):
    if not b:
        return b
    r = subprocess.run(["zstd", "-dc"], input=b, stdout=subprocess.PIPE,
                       check=True)
    return r.stdout


def scalar(text):
    if text.startswith('"'):
        return json.loads(re.sub(r"\\x(..)", r"\\u00\1", text))
    return [] if text == "[]" else text


def yaml(text):
    """The maps that INFO is made of: keys, and one list of maps."""
    root = {}
    item = None
    for line in text.splitlines():
        m = re.fullmatch(r"( *)(- )?([\w-]+):(?: (.*))?", line)
        need(m, f"INFO: {line!r}")
        indent, dash, key, value = m.groups()
        if dash:
            item = {}
            root[name].append(item)
        if not indent and not dash:
            item = root
        need(key not in item, f"INFO: {key} twice")
        item[key] = [] if value is None else scalar(value)
        if item is root:
            name = key
    return root


# ---- what the sections hold -------------------------------------------------


def f32(x):
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.inf


TRANSFORM = re.compile(r"(?:(OPQ|PCAR?|RR)(\d+)(?:_(\d+))?,)?(L2norm,)?")
INDEX = re.compile(r"(?:IVF(\d+)(_SOAR)?,)?(Flat|SQfp16|SQ8|PQ\d+(?:x4fs)?)")


def check_matrix(f, rotation, dim):
    """ROTA and MEAN: rows, or columns where there are more rows, of length 1
    that stand upright on each other."""
    need(("ROTA" in f.sections) == bool(rotation), "ROTA")
    centred = rotation in ("PCA", "PCAR")
    need(("MEAN" in f.sections) == centred, "MEAN")
    if centred:
        need(all(map(math.isfinite, f.array("MEAN", "f", f.dim))),
             "MEAN: not finite")
    if rotation:
        a = f.array("ROTA", "f", dim * f.dim)
        rows = [a[i * f.dim:(i + 1) * f.dim] for i in range(dim)]
        if dim > f.dim:
            rows = list(zip(*rows))
        for i, x in enumerate(rows):
            for k, y in enumerate(rows[:i + 1]):
                dot = sum(v * w for v, w in zip(x, y))
                need(abs(dot - (i == k)) < 1e-5, "ROTA: not orthonormal")


def turn(f):
    """From here on the dimension and type are those of turned rows."""
    info = f.info()
    m = TRANSFORM.match(info["index"])
    rotation, n, most, _ = m.groups()
    need(("inner_dim" in info) == bool(m.group(0)), "INFO: inner_dim")
    if not m.group(0):
        return
    dim = int(most or (n if rotation not in (None, "OPQ") else f.dim))
    need(int(info["inner_dim"]) == dim, "INFO: inner_dim")
    check_matrix(f, rotation, dim)
    f.dim, f.dtype = dim, "f32"


def index_of(f):
    """Cells, or None without IVF, and the code."""
    text = f.info()["index"]
    m = INDEX.fullmatch(text[TRANSFORM.match(text).end():])
    need(m, "INFO: index")
    return int(m.group(1)) if m.group(1) else None, m.group(3)


def copies_of(f):
    """Cells in which each row stands."""
    return 2 if "_SOAR" in f.info()["index"] else 1


def check_centroids(f, nlist):
    need((nlist is None) == ("CENT" not in f.sections), "CENT")
    if nlist:
        centroids = f.array("CENT", "f", nlist * f.dim)
        need(all(map(math.isfinite, centroids)), "CENT: not finite")


def ranges_of(f):
    """m, s and kappa of QUAN."""
    ranges = f.array("QUAN", "f", 2 * f.dim + 1)
    need(f.sections["QUAN"].item == 4, "QUAN: item size")
    mid, step, kappa = ranges[:f.dim], ranges[f.dim:-1], ranges[-1]
    need(all(map(math.isfinite, ranges)) and min(step) >= 0 and kappa > 0,
         "QUAN: ranges")
    return mid, step, kappa


def codebooks_of(f):
    """Pieces, centroids of each, and all their values; None of other codes."""
    m = re.fullmatch(r"PQ(\d+)(x4fs)?", index_of(f)[1])
    need(bool(m) == ("CBKS" in f.sections), "CBKS")
    if not m:
        return None
    pieces, size = int(m.group(1)), 16 if m.group(2) else 256
    need(f.dim % pieces == 0, "INFO: pieces of PQ")
    values = f.array("CBKS", "f", size * f.dim)
    need(all(map(math.isfinite, values)), "CBKS: not finite")
    return pieces, size, values


def check_model(f):
    info = f.info()
    turn(f)
    nlist, code = index_of(f)
    check_centroids(f, nlist)
    codebooks_of(f)
    ranges = code == "SQ8" and f.dtype in ("f32", "f16")
    need(ranges == ("QUAN" in f.sections), "QUAN")
    if ranges:
        ranges_of(f)
    need(re.fullmatch(r"[0-9a-f]{32}", info["input"]), "INFO: input")


def round_up(v):
    """The least f32 that is not below v."""
    up = f32(v)
    if up < v:
        up = struct.unpack("<f", struct.pack(
            "<I", u32(struct.pack("<f", up)) + 1))[0]
    return up


def length(x):
    total = 0.0
    for v in x:
        total += v * v
    return math.sqrt(total)


def term_of_bytes(f, x):
    if f.metric == "l1" or f.dtype == "i8" and f.metric != "l2":
        return 0
    if f.dim > (32768 if f.metric == "l2" else 16512):
        return 0
    if f.dtype == "i8":
        x = [v + 128 for v in x]
    return sum(v * v for v in x if f.metric == "l2") - 256 * sum(x)


def term(f, x):
    """What TERM says of a row."""
    if f.dtype in ("u8", "i8"):
        return term_of_bytes(f, x)
    if f.metric == "l1":
        return 0
    root = length(x)
    if f.metric == "l2":
        total = 0.0
        for v in x:
            total += v * v
        return f32(min(total, 3.4028234663852886e38))
    if f.metric == "ip":
        return math.inf if root >= 2.0 ** 63 else round_up(root)
    if root != 0 and not 2.0 ** -60 <= root <= 2.0 ** 60:
        return math.nan
    return f32(root)


def term_of_padding(f):
    if f.dtype in ("u8", "i8"):
        return (1 << 31) - 1 if f.metric in ("l2", "ip") else 0
    return {"l2": math.inf, "ip": -math.inf}.get(f.metric, 0)


def same_float(a, b):
    return a == b or a != a and b != b


class Panels:
    """The numbers of a section of panels, slot by slot."""

    def __init__(self, f, tag, dtype, panels, whole):
        form, size = {"f32": ("f", 4), "f16": ("e", 2)}.get(dtype, ("B", 1))
        self.dim, self.tag = f.dim, tag
        self.dtype, self.whole = dtype, whole
        self.width = f.dim if size > 1 else (f.dim + 3) // 4 * 4
        self.v = f.array(tag, form, panels * self.width * 16)
        need(f.sections[tag].item == self.width * size * 16,
             f"{tag}: item size")

    def raw(self, slot):
        base, lane = slot // 16 * self.width * 16, slot % 16
        if self.dtype in ("u8", "i8"):
            row = [self.v[base + d // 4 * 64 + lane * 4 + d % 4]
                   for d in range(self.width)]
            need(not any(row[self.dim:]),
                 f"{self.tag}: dimensions beyond the last")
            return row[:self.dim]
        if self.whole:
            return self.v[base + lane * self.dim:
                          base + (lane + 1) * self.dim]
        return [self.v[base + d * 16 + lane] for d in range(self.dim)]

    def row(self, slot):
        row = self.raw(slot)
        return [v - 128 for v in row] if self.dtype == "i8" else row


class Codes:
    """QUAN, CODE and SLAK, beside rows or in their place."""

    def __init__(self, f, panels):
        need(f.dtype in ("f32", "f16"), "QUAN: not of this kind of shard")
        filters = f.metric != "l1" and f.dim <= 16384
        need(filters == ("SLAK" in f.sections), "SLAK")
        self.mid, self.step, self.kappa = ranges_of(f)
        self.codes = Panels(f, "CODE", "u8", panels, False)
        self.slack = None
        if filters:
            need(f.sections["SLAK"].item == 4, "SLAK: item size")
            self.slack = f.array("SLAK", "f", panels * 16)
        self.gamma = (f.dim + 8) * 2.0 ** -23

    def row(self, slot):
        """What codes stand for."""
        return [f32(m + f32(s * (u - 128))) for m, s, u in
                zip(self.mid, self.step, self.codes.raw(slot))]

    def raw(self, slot):
        return self.codes.raw(slot)

    def check_slack(self, slot, row):
        u = [c - 128 for c in self.codes.raw(slot)]
        e = [x - (m + s * c) for x, m, s, c in
             zip(row, self.mid, self.step, u)]
        slack = (length(e) + self.gamma * length(row) +
                 self.kappa * length(u)) * (1 + 2.0 ** -20)
        need(self.slack is None or round_up(slack) == self.slack[slot],
             f"SLAK of slot {slot}")

    def check(self, slot, row):
        u = []
        for x, m, s in zip(row, self.mid, self.step):
            code = round((x - m) / s) if s > 0 else 0
            code = max(-128, min(127, code))
            u.append(code)
        need(self.codes.raw(slot) == [c + 128 for c in u],
             f"CODE of slot {slot}")
        self.check_slack(slot, row)

    def check_padding(self, slot):
        need(not any(self.codes.raw(slot)) and
             (self.slack is None or self.slack[slot] == 0),
             "CODE or SLAK: padding")


def codes_of(f, panels):
    found = ["QUAN" in f.sections, "CODE" in f.sections]
    need(all(found) or not any(found), "QUAN or CODE is missing")
    return Codes(f, panels) if all(found) else None


class Product:
    """Rows that product codes stand for, slot by slot."""

    def __init__(self, f, panels, books):
        self.f = f
        self.pieces, self.size, self.values = books
        self.bytes = self.pieces if self.size == 256 else \
            (self.pieces + 1) // 2
        s = f.sections["CODE"]
        need(s.item == 16 * self.bytes and s.count == panels, "CODE: sizes")
        self.codes = s.bytes
        nlist = index_of(f)[0]
        self.mean = None
        self.centroids = f.array("CENT", "f", nlist * f.dim) \
            if nlist and f.metric != "l1" else None
        if nlist:
            self.mean = [f32(sum(f.array("CENT", "f", nlist * f.dim)
                                 [d::f.dim]) / nlist) for d in range(f.dim)]

    def raw(self, slot):
        at = slot // 16 * 16 * self.bytes + slot % 16
        return self.codes[at:at + 16 * self.bytes:16][:self.bytes]

    def row(self, slot, cell):
        b, d = self.raw(slot), self.f.dim // self.pieces
        x = []
        for s in range(self.pieces):
            code = b[s] if self.size == 256 else b[s // 2] >> s % 2 * 4 & 15
            at = (s * self.size + code) * d
            x += self.values[at:at + d]
        if self.size == 16 and self.pieces % 2:
            need(b[-1] < 16, f"CODE of slot {slot}")
        if self.centroids:
            c = self.centroids[cell * self.f.dim:(cell + 1) * self.f.dim]
            x = [f32(v + w) for v, w in zip(x, c)]
        return x

    def term(self, x, cell):
        if self.f.metric == "cosine":
            return term(self.f, x)
        if self.f.metric != "l2" or not self.centroids:
            return 0
        c = self.centroids[cell * self.f.dim:(cell + 1) * self.f.dim]
        total = 0.0
        for v, w, a in zip(x, c, self.mean):
            total += (v - w) * ((v - w) + 2 * (w - a))
        return f32(total)


def product_rows(f, books):
    """shard_rows of product codes."""
    cells = cells_of(f)
    sizes = [b - a for a, b in zip(cells, cells[1:])]
    panels = sum((n + 15) // 16 for n in sizes)
    need(not {"ROWS", "QUAN", "NORM", "SLAK"} & set(f.sections), "sections")
    codes = Product(f, panels, books)
    terms = f.array("TERM", "f", panels * 16)
    wide = f.sections["IDS "].item == 8
    ids = f.array("IDS ", "Q" if wide else "I", panels * 16)
    slot = 0
    for c, n in enumerate(sizes):
        for i in range(-(-n // 16) * 16):
            if i < n:
                x = codes.row(slot, c)
                need(same_float(terms[slot], codes.term(x, c)),
                     f"TERM of slot {slot}")
                yield c, ids[slot], x
            else:
                need(not any(codes.raw(slot)) and terms[slot] == 0 and
                     ids[slot] == (M64 if wide else M64 >> 32), "padding")
            slot += 1


def rows_of(f, panels, codes):
    """Where rows stand; the codes themselves are those of SQ8."""
    code = index_of(f)[1]
    whole = f.dtype in ("u8", "i8")
    need(("ROWS" in f.sections) == (whole or code != "SQ8"), "ROWS")
    if "ROWS" not in f.sections:
        need(codes is not None, "CODE is missing")
        return codes
    dtype = "f16" if code == "SQfp16" and not whole else f.dtype
    return Panels(f, "ROWS", dtype, panels, codes is not None)


def norms_of(f, slots):
    """NORM, or None where there is none."""
    has = f.dtype in ("u8", "i8") and f.metric == "cosine"
    need(has == ("NORM" in f.sections), "NORM")
    return f.array("NORM", "I", slots) if has else None


def cells_of(f):
    """Rows before each cell."""
    nlist = index_of(f)[0]
    check_centroids(f, nlist)
    cells = f.array("CELL", "Q", (nlist or 1) + 1)
    need(cells[0] == 0 and cells[-1] == f.rows * copies_of(f) and
         list(cells) == sorted(cells), "CELL")
    return cells


def shard_rows(f):
    """Yields (cell, id, row) of each row, checks that its other copies say the
    same in other cells, and what stands around them."""
    seen, copies = {}, copies_of(f)
    for c, i, row in slot_rows(f):
        cells, first = seen.setdefault(i, ([], row))
        need(c not in cells, f"id {i} twice in cell {c}")
        # Codes of what a row differs by from the centroid differ.
        need(first == row or "CBKS" in f.sections, f"id {i}: other values")
        cells.append(c)
        if len(cells) == 1:
            yield c, i, row
    need(all(len(cells) == copies for cells, _ in seen.values()), "copies")


def slot_rows(f):
    """The same of each copy, alone."""
    turn(f)
    books = codebooks_of(f)
    if books:
        f.dtype = "f32"
        yield from product_rows(f, books)
        return
    cells = cells_of(f)
    sizes = [b - a for a, b in zip(cells, cells[1:])]
    panels = sum((n + 15) // 16 for n in sizes)
    need(f.dtype in ("f32", "f16", "u8", "i8"), "dtype")
    codes = codes_of(f, panels)
    rows = rows_of(f, panels, codes)
    whole = f.dtype in ("u8", "i8")
    terms = f.array("TERM", "i" if whole else "f", panels * 16)
    norms = norms_of(f, panels * 16)
    wide = f.sections["IDS "].item == 8
    ids = f.array("IDS ", "Q" if wide else "I", panels * 16)
    slot = 0
    for c, n in enumerate(sizes):
        for i in range(-(-n // 16) * 16):
            if i < n:
                row = rows.row(slot)
                need(same_float(terms[slot], term(f, row)),
                     f"TERM of slot {slot}")
                need(norms is None or norms[slot] == sum(v * v for v in row),
                     f"NORM of slot {slot}")
                if codes and codes is not rows:
                    codes.check(slot, row)
                elif codes:
                    codes.check_slack(slot, row)
                yield c, ids[slot], row
            else:
                need(not any(rows.raw(slot)) and
                     terms[slot] == term_of_padding(f) and
                     ids[slot] == (M64 if wide else M64 >> 32) and
                     (norms is None or norms[slot] == 0), "padding")
                if codes:
                    codes.check_padding(slot)
            slot += 1


def value_of(f, key):
    similarity = f.metric in ("ip", "cosine")
    if f.dtype in ("u8", "i8") and f.metric != "cosine":
        return str(-key if similarity else key)
    if key == 1 << 31:
        return "nan"
    v = -key if similarity else key
    bits = v if v >= 0 else 1 << 31 | -v
    return "%.9g" % struct.unpack("<f", struct.pack("<I", bits))


def starts_of(f):
    """Where the hits of each query begin, and the end of the last."""
    need(("LIST" in f.sections) == (f.k == 0), "LIST")
    if f.k:
        return [f.k * q for q in range(f.rows + 1)]
    need(f.sections["LIST"].item == 8, "LIST: item size")
    start = f.array("LIST", "Q", f.rows + 1)
    need(start[0] == 0 and list(start) == sorted(start), "LIST: order")
    need(all(b - a < 1 << 32 for a, b in zip(start, start[1:])),
         "LIST: lengths")
    return start


def lines(f):
    for q, rank, i, key in hits(f):
        yield f"{q}\t{rank}\t{i}\t{value_of(f, key)}\n"


def hits(f):
    """Yields (query, rank, id, key) without the paddings."""
    info = f.info()
    for key, said in (("n_queries", f.rows), ("k", f.k), ("dim", f.dim),
                      ("metric", f.metric), ("dtype", f.dtype)):
        need(info[key] == str(said), f"INFO: {key}")
    shards = [int(s["shard"]) for s in info["sources"]]
    need(shards == sorted(set(shards)) and
         all(s < int(info["n_shards"]) for s in shards), "INFO: sources")
    s = f.sections["HITS"]
    start = starts_of(f)
    need(s.item == 16 and s.count == start[-1], "HITS: sizes")
    for q in range(f.rows):
        one = s.bytes[16 * start[q]:16 * start[q + 1]]
        pairs = [(key, i) for i, key in struct.iter_unpack("<Qq", one)]
        real = [p for p in pairs if p[1] != M64]
        need(pairs[len(real):] == [((1 << 63) - 1, M64)] *
             (f.k and f.k - len(real)), f"HITS: paddings of query {q}")
        need(real == sorted(set(real)), f"HITS: order of query {q}")
        for rank, (key, i) in enumerate(real):
            yield q, rank + 1, i, key


def check_step(f):
    words = f.array("STEP", "Q", 8)
    scale, = struct.unpack("<d", struct.pack("<Q", words[4]))
    need(words[5] == 0 and math.frexp(scale)[0] == 0.5, "STEP")
    n = f.sections["CENT"].count
    need(n % f.dim == 0, "CENT: length")
    need(all(map(math.isfinite, f.array("CENT", "f", n))), "CENT: not finite")


def check_sums(f):
    part, parts, rows, zero = f.array("PART", "Q", 4)
    need(part < parts and rows == f.rows and zero == 0, "PART")
    nlist = f.sections["SIZE"].count
    need(sum(f.array("SIZE", "Q", nlist)) == rows, "SIZE")
    f.array("SUMS", "q", nlist * f.dim)
    f.array("LOSS", "Q", 10)


def check(f):
    if f.kind == "step":
        check_step(f)
    elif f.kind == "sums":
        check_sums(f)
    elif f.kind == "model":
        check_model(f)
    elif f.kind == "shard":
        need(sum(1 for _ in shard_rows(f)) == f.rows, "rows")
    else:
        for _ in hits(f):
            pass


def main(command, *paths):
    for path in paths:
        try:
            f = File(path)
            if command == "check":
                check(f)
                print(f"{path}: {f.kind}, {f.rows} rows, {f.dim} dimensions, "
                      f"{f.metric}, {f.dtype}, {f.n} sections")
            elif command == "hits":
                sys.stdout.writelines(lines(f))
            elif command == "rows":
                for _, i, row in sorted(shard_rows(f), key=lambda r: r[1]):
                    print(i, *("%.9g" % v for v in row), sep="\t")
            else:
                sys.exit(__doc__)
        except (Bad, KeyError, struct.error, UnicodeDecodeError) as e:
            sys.exit(f"{path}: {e}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
