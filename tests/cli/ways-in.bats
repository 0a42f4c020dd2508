#!/usr/bin/env bats
# Vectors that come compressed or through a pipe are those of the plain file.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0
load refused

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	command -v zstd > /dev/null || skip "no zstd command"
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 4000
	$VECS convert "$DATA/base.bvecs" base.fvecs 0 4000
	zstd -q base.bvecs base.fvecs
	vs-train -q -i IVF16,Flat -o m.vsm base.bvecs
	vs-build -q -M m.vsm -o s.vss base.bvecs
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -rf out spool
	mkdir out spool
	export TMPDIR=$PWD/spool
}

# Refused, and nothing is left behind.
refused_clean() { # as refused
	refused "$@"
	[ -z "$(ls -A out)" ]
	[ -z "$(ls -A spool)" ]
}

@test "a compressed base gives the shard of the plain one" {
	vs-build -q -M m.vsm -o out/s.vss base.bvecs.zst
	cmp s.vss out/s.vss
	[ -z "$(ls -A spool)" ]
}

@test "several zstd frames are one file" {
	head -c 100000 base.bvecs | zstd -q > two.bvecs.zst
	tail -c +100001 base.bvecs | zstd -q >> two.bvecs.zst
	vs-build -q -M m.vsm -o out/s.vss two.bvecs.zst
	cmp s.vss out/s.vss
}

@test "a pipe and a fifo give the shard of the plain file" {
	vs-build -q -M m.vsm --input-format bvecs -o out/s.vss - < \
		<(cat base.bvecs)
	cmp s.vss out/s.vss
	mkfifo out/fifo.bvecs
	cat base.bvecs > out/fifo.bvecs &
	vs-build -q -M m.vsm -o out/f.vss out/fifo.bvecs
	cmp s.vss out/f.vss
}

@test "queries through a pipe are answered as from the file" {
	vs-query -q -k 5 -o out/a.tsv s.vss base.bvecs
	# shellcheck disable=SC2002 # a pipe is what is tested
	cat base.bvecs |
		vs-query -q -k 5 --input-format bvecs -o out/b.tsv s.vss -
	cmp out/a.tsv out/b.tsv
}

@test "a pipe of npy needs no format" {
	python3 - > query.npy <<-'END'
		import sys
		row = open("base.bvecs", "rb").read(132)[4:]
		text = ("{'descr': '|u1', 'fortran_order': False, "
		        "'shape': (1, 128), }").ljust(117) + "\n"
		sys.stdout.buffer.write(b"\x93NUMPY\x01\0\x76\0" +
		                        text.encode() + row)
	END
	vs-query -q -k 5 -o out/a.tsv s.vss query.npy
	# shellcheck disable=SC2002 # a pipe is what is tested
	cat query.npy | vs-query -q -k 5 -o out/b.tsv s.vss -
	cmp out/a.tsv out/b.tsv
}

@test "truncated and damaged zstd data is named" {
	head -c -100 base.bvecs.zst > short.bvecs.zst
	refused_clean 65 "short.bvecs.zst: ends within a zstd frame" -- \
		vs-build -q -M m.vsm -o out/x.vss short.bvecs.zst
	cp base.bvecs.zst bad.bvecs.zst
	printf 'xxxxxxxx' |
		dd of=bad.bvecs.zst bs=1 seek=5000 conv=notrunc status=none
	refused_clean 65 "bad.bvecs.zst: is damaged zstd data" -- \
		vs-build -q -M m.vsm -o out/x.vss bad.bvecs.zst
	cp base.bvecs plain.bvecs.zst
	refused_clean 65 "plain.bvecs.zst: holds bytes that begin no zstd frame" -- \
		vs-build -q -M m.vsm -o out/x.vss plain.bvecs.zst
	cp base.bvecs.zst hidden.bvecs
	refused_clean 65 "hidden.bvecs: is zstd-compressed; add .zst" -- \
		vs-build -q -M m.vsm -o out/x.vss hidden.bvecs
}

@test "a scratch directory that is not there is named with what to do" {
	TMPDIR=$PWD/nowhere refused_clean 73 "nowhere: cannot keep a copy of base" \
		"set TMPDIR" -- vs-build -q -M m.vsm -o out/x.vss base.bvecs.zst
}

@test "a pipe without a format is refused" {
	refused_clean 2 "give --input-format" -- \
		vs-build -q -M m.vsm -o out/x.vss - < <(cat base.bvecs)
}

# A folder d/ of the first rows of base.bvecs, cut so that names sort otherwise
# than they were made.
make_folder() {
	rm -rf d
	mkdir d d/sub
	$VECS convert base.bvecs d/b2.bvecs 1000 2500
	$VECS convert base.bvecs d/a.bvecs 0 1000
	$VECS convert base.bvecs d/b10.bvecs.raw.bvecs 3500 500
	mv d/b10.bvecs.raw.bvecs d/b3.bvecs
	$VECS convert base.bvecs d/sub/more.bvecs 0 10
	zstd -q --rm d/b2.bvecs
	$VECS convert base.bvecs d/.hidden.bvecs 0 10
	echo about > d/README
}

@test "a directory is its vector files in the order of their names" {
	make_folder
	run --separate-stderr vs-build -M m.vsm -o out/s.vss d
	[ "$status" -eq 0 ]
	cmp s.vss out/s.vss
	[[ $stderr == *"d: 2 of 5 entries are no vector files and left out, first README"* ]]
	[ "$(grep -c 'left out' <<< "$stderr")" -eq 1 ]
	vs-train -q -i IVF16,Flat -o out/m.vsm d/
	cmp m.vsm out/m.vsm
	vs-query -q -k 3 -o out/a.tsv s.vss d
	vs-query -q -k 3 -o out/b.tsv s.vss base.bvecs
	cmp out/a.tsv out/b.tsv
	vs-eval truth -q -k 3 -o out/t1.ivecs d d/a.bvecs
	vs-eval truth -q -k 3 -o out/t2.ivecs base.bvecs d/a.bvecs
	cmp out/t1.ivecs out/t2.ivecs
}

@test "a directory without vectors is a missing input" {
	mkdir -p none
	touch none/notes
	refused_clean 66 "none: directory without a vector file" -- \
		vs-build -M m.vsm -o out/s.vss none
	refused_clean 66 "none/: directory without" -- vs-train -i IVF4,Flat -o out/m.vsm none/
}

@test "an output is not put among the inputs of a directory" {
	make_folder
	refused_clean 2 "is an input and the output" -- \
		vs-eval truth -k 3 -o d/t.ivecs d d/a.bvecs
	refused_clean 2 "is an input and the output" -- \
		vs-eval truth -k 3 --replace -o d/a.bvecs d base.bvecs
	[ ! -e d/t.ivecs ]
}

@test "a collection keeps to the files that the directory held" {
	make_folder
	rm -rf c
	vs-shard create -q -c c --shards 2 -M m.vsm d
	grep -q 'path: .*d/a.bvecs' c/000001.yaml
	grep -q 'path: .*d/b2.bvecs.zst' c/000001.yaml
	grep -q 'path: .*d/b3.bvecs' c/000001.yaml
	cp d/a.bvecs d/a2.bvecs
	vs-build -q -c c --part 0/2
	vs-build -q -c c --part 1/2
	vs-query -q -k 5 -p nprobe=16 -o out/a.tsv c d/a.bvecs
	vs-query -q -k 5 -p nprobe=16 -o out/b.tsv s.vss d/a.bvecs
	cmp out/a.tsv out/b.tsv
}

# crop.u8bin: the header says 4000 rows, 1000 and a part of one are there.
make_cropped() {
	$VECS convert base.bvecs whole.u8bin
	head -c $((8 + 1000 * 128 + 5)) whole.u8bin > crop.u8bin
	$VECS convert base.bvecs first.u8bin 0 1000
}

@test "the rows of a cropped file are read by force only" {
	make_cropped
	refused_clean 65 "says 4000 rows but holds 1000 rows" "give --force-rows" -- \
		vs-build -M m.vsm -o out/s.vss crop.u8bin
	run --separate-stderr vs-build --force-rows -M m.vsm -o out/s.vss crop.u8bin
	[ "$status" -eq 0 ]
	[[ $stderr == *"says 4000 rows; reading the 1000 that are there and leaving out 5 bytes"* ]]
	[ "$(grep -c 'reading the' <<< "$stderr")" -eq 1 ]
	vs-build -q -M m.vsm -o out/f.vss first.u8bin
	cmp out/s.vss out/f.vss
	vs-train -q --force-rows -i IVF4,Flat -o out/a.vsm crop.u8bin
	vs-train -q -i IVF4,Flat -o out/b.vsm first.u8bin
	cmp out/a.vsm out/b.vsm
	vs-query -q --force-rows -k 3 -o out/a.tsv s.vss crop.u8bin
	vs-query -q -k 3 -o out/b.tsv s.vss first.u8bin
	cmp out/a.tsv out/b.tsv
	vs-eval truth -q --force-rows -k 3 -o out/a.ivecs crop.u8bin first.u8bin
	vs-eval truth -q -k 3 -o out/b.ivecs first.u8bin first.u8bin
	cmp out/a.ivecs out/b.ivecs
}

@test "a collection of a cropped file is built without saying so again" {
	make_cropped
	rm -rf c
	refused_clean 65 "give --force-rows" -- \
		vs-shard create -c c --shards 2 -M m.vsm crop.u8bin
	vs-shard create -q --force-rows -c c --shards 2 -M m.vsm crop.u8bin
	vs-build -q -c c --part 0/2
	refused_clean 2 "--force-rows does not go with -c" -- vs-build --force-rows -c c --part 0/2
	head -c 20000 crop.u8bin > shorter && mv shorter crop.u8bin
	refused_clean 65 "put the old files back" -- vs-build -c c --part 1/2
}

@test "force takes nothing for what it is not" {
	$VECS convert base.bvecs more.u8bin 0 10
	echo x >> more.u8bin
	refused_clean 65 "stand behind the 10 rows" -- \
		vs-build --force-rows -M m.vsm -o out/s.vss more.u8bin
	cp base.fvecs fake.u8bin
	refused_clean 65 "looks like fvecs" -- \
		vs-build --force-rows -M m.vsm -o out/s.vss fake.u8bin
}
