#!/usr/bin/env bats
# Answers and truth as the field has them: usbin of big-ann, ids of numpy.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 3000
	$VECS convert "$DATA/query.bvecs" query.bvecs 0 50
	vs-eval truth -q -k 20 -o t.ivecs --distances t.fvecs base.bvecs \
		query.bvecs
	vs-train -q -i IVF16,Flat -o m.vsm base.bvecs
	vs-build -q -M m.vsm -o s.vss base.bvecs
	vs-query -q -k 10 -p nprobe=2 -o h.ivecs s.vss query.bvecs
	vs-query -q -k 10 -p nprobe=2 -o h.vsh s.vss query.bvecs
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -rf out
	mkdir out
}

# What Python reads of all files is the same.
same_as_vecs() { # IVECS FVECS USBIN NPY
	python3 - "$@" <<-'PY'
	import struct, sys
	def vecs(path, kind):
	    d = open(path, "rb").read()
	    k = struct.unpack_from("<i", d)[0]
	    return k, [struct.unpack_from("<%d%s" % (k, kind), d, i + 4)
	               for i in range(0, len(d), 4 + 4 * k)]
	k, ids = vecs(sys.argv[1], "I")
	n = len(ids)
	d = open(sys.argv[3], "rb").read()
	assert struct.unpack_from("<II", d) == (n, k)
	assert len(d) == 8 + 8 * n * k
	flat = [i for row in ids for i in row]
	assert list(struct.unpack_from("<%dI" % (n * k), d, 8)) == flat
	if sys.argv[2]:
	    kd, dist = vecs(sys.argv[2], "f")
	    found = struct.unpack_from("<%df" % (n * k), d, 8 + 4 * n * k)
	    assert kd == k and list(found) == [v for row in dist for v in row]
	d = open(sys.argv[4], "rb").read()
	assert d[:8] == b"\x93NUMPY\x01\x00"
	size = 10 + struct.unpack_from("<H", d, 8)[0]
	assert eval(d[10:size]) == {"descr": "<i8", "fortran_order": False,
	                            "shape": (n, k)}
	want = [-1 if i == 2**32 - 1 else i for i in flat]
	assert list(struct.unpack_from("<%dq" % (n * k), d, size)) == want
	assert len(d) == size + 8 * n * k
	PY
}

@test "truth: usbin and npy are ivecs and fvecs in another dress" {
	vs-eval truth -q -k 20 -o out/t.usbin base.bvecs query.bvecs
	vs-eval truth -q -k 20 -o out/t.npy base.bvecs query.bvecs
	same_as_vecs t.ivecs t.fvecs out/t.usbin out/t.npy
	vs-eval truth -q -k 20 -f usbin -o - base.bvecs query.bvecs |
		cmp - out/t.usbin
	vs-eval truth -q -k 20 -f npy -o - base.bvecs query.bvecs |
		cmp - out/t.npy
	# Again is done already; what cannot be the same is seen beforehand.
	vs-eval truth -q -k 20 -o out/t.usbin base.bvecs query.bvecs
	run vs-eval truth -q -k 19 -o out/t.usbin base.bvecs query.bvecs
	[ "$status" -eq 73 ]
	[[ $output == *"(8008 bytes, not 7608)"* ]]
}

@test "query and merge write the same usbin and npy" {
	for f in usbin npy; do
		vs-query -q -k 10 -p nprobe=2 -o out/q.$f s.vss query.bvecs
		vs-merge -q -o out/m.$f h.vsh
		cmp out/q.$f out/m.$f
	done
	vs-query -q -k 10 -p nprobe=2 -o out/q.fvecs s.vss query.bvecs
	same_as_vecs h.ivecs out/q.fvecs out/q.usbin out/q.npy
}

@test "pads are 0xffffffff at infinity, and -1" {
	$VECS convert "$DATA/base.bvecs" five.bvecs 0 5
	vs-build -q -i Flat -o five.vss five.bvecs
	for f in ivecs fvecs usbin npy; do
		vs-query -q -k 8 -o out/five.$f five.vss query.bvecs
	done
	same_as_vecs out/five.ivecs out/five.fvecs out/five.usbin out/five.npy
	vs-eval recall -k 5 --truth out/five.usbin --min-recall 1 out/five.npy
	vs-build -q -i Flat -m ip -o ip.vss five.bvecs
	for f in ivecs fvecs usbin npy; do
		vs-query -q -k 8 -o out/ip.$f ip.vss query.bvecs
	done
	same_as_vecs out/ip.ivecs out/ip.fvecs out/ip.usbin out/ip.npy
}

@test "a plan knows their sizes" {
	for f in usbin npy; do
		bytes=$(vs-query -k 10 --plan -o out/p.$f s.vss query.bvecs |
			sed -n 's/^output_bytes: \([0-9]*\).*/\1/p')
		vs-query -q -k 10 -o out/p.$f s.vss query.bvecs
		[ "$bytes" = "$(wc -c < out/p.$f)" ]
	done
	vs-query -k 10 --plan -o out/p.usbin s.vss query.bvecs |
		grep -q '^scratch_bytes: 0 #'
	vs-query -k 10 --plan -f usbin -o - s.vss query.bvecs |
		grep -q '^scratch_bytes: 2000 #'
}

@test "recall by usbin is recall by ivecs and fvecs, with and without ties" {
	vs-eval truth -q -k 20 -o out/t.usbin base.bvecs query.bvecs
	vs-eval truth -q -k 20 -o out/t.npy base.bvecs query.bvecs
	vs-merge -q -o out/h.usbin h.vsh
	vs-merge -q -o out/h.npy h.vsh
	head -c $((8 + 4 * 50 * 20)) out/t.usbin > out/ids.usbin
	vs-eval recall -k 5 --truth t.ivecs h.ivecs > strict
	vs-eval recall -k 5 --truth t.ivecs --truth-distances t.fvecs h.ivecs \
		> ties
	grep -q 'strict: ties unknown' strict
	grep -q 'with ties' ties
	for h in h.ivecs out/h.usbin out/h.npy; do
		vs-eval recall -k 5 --truth out/t.usbin $h | cmp - ties
		vs-eval recall -k 5 --truth out/ids.usbin $h | cmp - strict
		vs-eval recall -k 5 --truth out/t.npy $h | cmp - strict
		vs-eval recall -k 5 --truth out/ids.usbin \
			--truth-distances t.fvecs $h | cmp - ties
	done
	run vs-eval recall -k 5 --truth out/t.usbin --truth-distances t.fvecs \
		h.ivecs
	[ "$status" -eq 2 ]
	[[ $output == *"holds its distances itself"* ]]
}

@test "compressed usbin" {
	command -v zstd > /dev/null || skip "no zstd command"
	vs-eval truth -q -k 20 -o out/t.usbin base.bvecs query.bvecs
	zstd -q out/t.usbin
	vs-eval recall -k 5 --truth t.ivecs --truth-distances t.fvecs h.ivecs \
		> ties
	vs-eval recall -k 5 --truth out/t.usbin.zst h.ivecs | cmp - ties
}

@test "a tie beyond the k-th counts by the distances in the file" {
	python3 - <<-'PY'
	import struct
	f = lambda name, ids, d: open(name, "wb").write(
	    struct.pack("<II3I%df" % len(d), 1, 3, *ids, *d))
	f("out/t.usbin", (7, 8, 9), (1, 2, 2))
	f("out/apart.usbin", (7, 8, 9), (1, 2, 3))
	f("out/nan.usbin", (7, 8, 9), (1, float("nan"), 3))
	f("out/h.usbin", (7, 9, 1), ())
	PY
	run -0 vs-eval recall -k 2 --truth out/t.usbin out/h.usbin
	[[ $output == "2-recall@2 0.5000 "* ]]
	[[ $output == *"2-recall@2 1.0000 with ties (1 queries had"* ]]
	run -0 vs-eval recall -k 2 --truth out/apart.usbin out/h.usbin
	[[ $output == *"2-recall@2 0.5000 with ties (0 queries had"* ]]
	run -65 vs-eval recall -k 2 --truth out/nan.usbin out/h.usbin
	[[ $output == *"query 0 has distance NaN"* ]]
}

@test "damaged usbin is refused" {
	vs-eval truth -q -k 20 -o out/t.usbin base.bvecs query.bvecs
	head -c 8000 out/t.usbin > out/short.usbin
	run -65 vs-eval recall -k 5 --truth out/short.usbin h.ivecs
	sizes='expected 8008 (with distances) or 4008 (ids alone)'
	[[ $output == *"has 8000 bytes; $sizes"* ]]
}

@test "a pipe takes usbin only with room to keep the distances" {
	mkfifo out/fifo.usbin
	cat out/fifo.usbin > out/through &
	vs-eval truth -q -k 20 -o out/fifo.usbin base.bvecs query.bvecs
	wait
	vs-eval truth -q -k 20 -o out/t.usbin base.bvecs query.bvecs
	cmp out/through out/t.usbin
	TMPDIR=/nonexistent run -73 vs-eval truth -q -k 20 -f usbin -o - \
		base.bvecs query.bvecs
	[[ $output == *"TMPDIR"* ]]
}

@test "truth by another name is told for what it is" {
	vs-eval truth -q -k 20 -o out/t.usbin base.bvecs query.bvecs
	for name in gt out.ibin gt.bin; do
		cp out/t.usbin out/$name
		run -65 vs-eval recall -k 5 --truth out/$name h.ivecs
		[[ $output == *"looks like ground truth with ids and distances"* ]]
		[[ $output == *"vs-eval recall reads it as NAME.usbin" ]]
	done
	cp h.vsh out/hits.usbin
	run -65 vs-eval recall -k 5 --truth t.ivecs out/hits.usbin
	[[ $output == *"out/hits.usbin: is a hits file; expected"* ]]
	head -c 2000 h.vsh > out/cut.vsh
	run -65 vs-eval recall -k 5 --truth t.ivecs out/cut.vsh
	[[ $output != *"is a hits file"* ]]
}
