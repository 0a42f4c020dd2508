#!/usr/bin/env bats
# Vectors that come compressed or through a pipe are those of the plain file.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0

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

refused() { # STATUS WORD... -- COMMAND...
	want=$1
	shift
	words=()
	while [[ $1 != -- ]]; do
		words+=("$1")
		shift
	done
	shift
	run --separate-stderr "$@"
	[ "$status" -eq "$want" ]
	for word in "${words[@]}"; do
		[[ $stderr == *"$word"* ]]
	done
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
	refused 65 "short.bvecs.zst: ends within a zstd frame" -- \
		vs-build -q -M m.vsm -o out/x.vss short.bvecs.zst
	cp base.bvecs.zst bad.bvecs.zst
	printf 'xxxxxxxx' |
		dd of=bad.bvecs.zst bs=1 seek=5000 conv=notrunc status=none
	refused 65 "bad.bvecs.zst: is damaged zstd data" -- \
		vs-build -q -M m.vsm -o out/x.vss bad.bvecs.zst
	cp base.bvecs plain.bvecs.zst
	refused 65 "plain.bvecs.zst: holds bytes that begin no zstd frame" -- \
		vs-build -q -M m.vsm -o out/x.vss plain.bvecs.zst
	cp base.bvecs.zst hidden.bvecs
	refused 65 "hidden.bvecs: is zstd-compressed; add .zst" -- \
		vs-build -q -M m.vsm -o out/x.vss hidden.bvecs
}

@test "a scratch directory that is not there is named with what to do" {
	TMPDIR=$PWD/nowhere refused 73 "nowhere: cannot keep a copy of base" \
		"set TMPDIR" -- vs-build -q -M m.vsm -o out/x.vss base.bvecs.zst
}

@test "a pipe without a format is refused" {
	refused 2 "give --input-format" -- \
		vs-build -q -M m.vsm -o out/x.vss - < <(cat base.bvecs)
}
