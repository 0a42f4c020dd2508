#!/usr/bin/env bats
# Vectors in HDF5 files are those of the plain file.  chunked.hdf5 holds the
# same numbers in many ways: (i % 251) / 4 as train (chunks of 7 x 3, gzip), big
# (big-endian), double and half, i % 251 as bytes (chunks, gzip), and
# i * 7 % 1000 - 300 as short (16 bits, big-endian).  odd.hdf5 holds sets that
# are not all there: part (100 of 300 rows written), link and dangling (in other
# files), virtual and outside (rows in other files); wide-chunk (gzip, chunks of
# 32 MiB); and bfloat, (1 + i % 100) * 2^40 for even i, * 2^-60 for odd.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	cp "$VS_TOP"/tests/cli/{small,chunked,odd}.hdf5 .
	vs-build -i Flat -o probe.vss small.hdf5 2>probe || true
	python3 - <<-'END'
		import struct
		x = [(i % 251) / 4 for i in range(2400)]
		u = [i % 251 for i in range(2400)]
		with open("train.fbin", "wb") as f:
		    f.write(struct.pack("<II2400f", 300, 8, *x))
		with open("query.fbin", "wb") as f:
		    f.write(struct.pack("<II160f", 20, 8, *x[:160]))
		b = [(1 + i % 100) * 2.0 ** (-60 if i % 2 else 40)
		     for i in range(160)]
		with open("bfloat.fbin", "wb") as f:
		    f.write(struct.pack("<II160f", 20, 8, *b))
		with open("half.f16bin", "wb") as f:
		    f.write(struct.pack("<II160e", 20, 8, *x[:160]))
		with open("bytes.u8bin", "wb") as f:
		    f.write(struct.pack("<II2400B", 300, 8, *u))
	END
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	! grep -q 'build does not read' probe || skip "built without libhdf5"
	rm -rf out spool
	mkdir out spool
	export TMPDIR=$PWD/spool
}

same_shard() { # HDF5 PLAIN
	rm -f out/*
	vs-build -q -i Flat -o out/a.vss "$1"
	vs-build -q -i Flat -o out/b.vss "$2"
	cmp out/a.vss out/b.vss
	[ -z "$(ls -A spool)" ]
}

refused() { # STATUS WORDS OPERAND
	run --separate-stderr vs-build -i Flat -o out/s.vss "$3"
	echo "$stderr"
	[ "$status" -eq "$1" ]
	[[ $stderr == *"$2"* ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[ -z "$(ls -A out)" ]
}

@test "the train set, in chunks and compressed, is the plain file" {
	same_shard chunked.hdf5 train.fbin
	same_shard chunked.hdf5:train train.fbin
	same_shard chunked.hdf5:bytes bytes.u8bin
}

@test "other types and byte orders are converted" {
	same_shard chunked.hdf5:big train.fbin
	same_shard chunked.hdf5:double query.fbin
	same_shard chunked.hdf5:half half.f16bin
	same_shard chunked.hdf5:group/test query.fbin
	same_shard chunked.hdf5:/group/test query.fbin
}

@test "bfloat16 keeps its range" {
	same_shard odd.hdf5:bfloat bfloat.fbin
}

@test "rows that are not in the file are refused, not read as zeros" {
	refused 65 "data set part lacks chunks that were never written" \
		odd.hdf5:part
	refused 65 "data set link is a link into another file" odd.hdf5:link
	refused 65 "data set dangling is a link into another" odd.hdf5:dangling
	refused 65 "data set virtual has its rows in other files" \
		odd.hdf5:virtual
	refused 65 "data set outside has its rows in other files" \
		odd.hdf5:outside
}

@test "a packed chunk is within --memory" {
	same_shard odd.hdf5:wide-chunk train.fbin
	run vs-build -q --memory 16M -i Flat -o out/s.vss odd.hdf5:wide-chunk
	[ "$status" -eq 71 ]
	[[ $output == *"packed in chunks of 32"*"raise --memory"* ]]
	vs-build -q --memory 16M -i Flat -o out/s.vss chunked.hdf5
}

@test "the set of a benchmark is searched and measured as it comes" {
	run vs-build -v -i Flat -o out/s.vss small.hdf5
	[[ $output == *"distance is euclidean, which is -m l2"* ]]
	vs-query -q -k 2 -f vsh -o out/hits.vsh out/s.vss small.hdf5:test
	vs-eval truth -q -k 2 -o out/t.vsh small.hdf5 small.hdf5:test
	vs-eval recall -k 2 --truth out/t.vsh out/hits.vsh
	vs-eval recall -k 2 --truth small.hdf5:neighbors \
		--truth-distances small.hdf5:distances out/hits.vsh
}

@test "compressed, through a pipe, under other names and in a directory" {
	command -v zstd >/dev/null || skip "no zstd command"
	zstd -q chunked.hdf5 -o c.hdf5.zst
	same_shard c.hdf5.zst train.fbin
	same_shard c.hdf5.zst:bytes bytes.u8bin
	cp chunked.hdf5 c.h5
	same_shard c.h5:big train.fbin
	mkdir -p d
	cp c.h5 d
	same_shard d train.fbin
	vs-build -q -i Flat --input-format hdf5 -o out/p.vss - < <(cat c.h5)
	vs-build -q -i Flat -o out/q.vss train.fbin
	cmp out/p.vss out/q.vss
}

@test "a collection notes the data set" {
	vs-shard create -q -c c --shards 2 -i Flat chunked.hdf5:bytes
	grep -q 'path: .*chunked.hdf5:bytes' c/000001.yaml
	vs-build -q -c c --part 0/2
	vs-build -q -c c --part 1/2
	vs-query -q -k 3 -o out/a.tsv c chunked.hdf5:bytes
	vs-build -q -i Flat -o out/b.vss bytes.u8bin
	vs-query -q -k 3 -o out/b.tsv out/b.vss bytes.u8bin
	cmp out/a.tsv out/b.tsv
}

@test "what is no matrix of numbers is refused" {
	refused 65 "has no data set nothing that can be read; at its top are: big, bytes, cube" \
		chunked.hdf5:nothing
	refused 65 "has no data set group" chunked.hdf5:group
	refused 65 "data set line is no matrix" chunked.hdf5:line
	refused 65 "data set cube is no matrix" chunked.hdf5:cube
	refused 65 "data set never was never written" chunked.hdf5:never
	refused 65 "data set words" chunked.hdf5:words
	refused 66 "missing.hdf5: " missing.hdf5:train
	cp small.hdf5 small.fbin
	refused 65 "is an HDF5 file; give it the suffix" small.fbin
}

@test "an output does not take the place of the file of a data set" {
	cp small.hdf5 mine.hdf5
	run vs-build -q --replace -i Flat -o mine.hdf5 mine.hdf5:train
	[ "$status" -eq 2 ]
	[[ $output == *"is an input and the output"* ]]
	cmp small.hdf5 mine.hdf5
}

@test "a damaged note of the distance does not keep the rows back" {
	python3 - <<-'END'
		b = bytearray(open("small.hdf5", "rb").read())
		heap = b.index(b"GCOL")
		b[heap + 80] = 0 # an object of no length: libhdf5 goes no further
		open("note.hdf5", "wb").write(b)
	END
	timeout -s KILL 20 vs-build -q -i Flat -o out/a.vss note.hdf5
	vs-build -q -i Flat -o out/b.vss small.hdf5
	cmp out/a.vss out/b.vss
}

@test "damage is an error, never a crash" {
	cp train.fbin fake.hdf5
	refused 65 "" fake.hdf5
	for n in 4 100 3000 8000; do
		head -c $n small.hdf5 >cut.hdf5
		refused 65 "cut.hdf5: " cut.hdf5
	done
	python3 - <<-'END'
		import random, subprocess
		random.seed(5)
		fine = 0
		for name, part in (("chunked.hdf5", "bytes"), ("small.hdf5", "train")):
		    good = open(name, "rb").read()
		    for i in range(60):
		        b = bytearray(good)
		        for _ in range(4):
		            b[random.randrange(min(len(b), 6000))] ^= 1 << random.randrange(8)
		        open("hurt.hdf5", "wb").write(b)
		        p = subprocess.run(["vs-build", "-q", "--replace", "-i", "Flat", "-o",
		                            "out/h.vss", "hurt.hdf5:" + part],
		                           stderr=subprocess.PIPE, timeout=60)
		        assert p.returncode in (0, 65, 71, 74), (i, p.returncode, p.stderr)
		        fine += p.returncode == 0
		        if p.returncode:
		            assert p.stderr.count(b"\n") == 1, p.stderr
		assert 0 < fine < 120, fine
	END
}
