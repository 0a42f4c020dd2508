#!/usr/bin/env bats
# vs-query --stream: queries of a pipe, each answered at once.
# shellcheck disable=SC2002,SC2154 # cat makes a pipe; run sets stderr

bats_require_minimum_version 1.5.0

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	cp "$DATA/base.bvecs" "$DATA/query.bvecs" .
	vs-train -q -i IVF64,Flat -o a.vsm base.bvecs
	vs-build -q -M a.vsm -o a.vss base.bvecs
	vs-query -q -p nprobe=8 -k 5 -o want.tsv a.vss query.bvecs
	vs-query -q -p nprobe=8 -k 5 -o want.jsonl a.vss query.bvecs
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -f got.* err in out
}

# stream [OPTION...]: from stdin, as setup_file searched.
stream() {
	vs-query -q --stream -p nprobe=8 -k 5 --input-format bvecs -o - "$@" \
		a.vss -
}

# floats FILE.bvecs [HEADER N]: the rows as fvecs, or as fbin of N rows.
floats() {
	python3 - "$@" <<-'PY'
	import array, struct, sys
	b = open(sys.argv[1], "rb").read()
	rows = [b[i + 4:i + 132] for i in range(0, len(b), 132)]
	out = sys.stdout.buffer
	if len(sys.argv) > 2:
	    out.write(struct.pack("<II", int(sys.argv[2]), 128))
	for r in rows:
	    if len(sys.argv) == 2:
	        out.write(struct.pack("<I", 128))
	    out.write(array.array("f", list(r)).tobytes())
	PY
}

@test "a stream has the answers of a batch, as tsv and as jsonl" {
	stream <query.bvecs >got.tsv
	cmp got.tsv want.tsv
	cat query.bvecs | stream >got.tsv
	cmp got.tsv want.tsv
	cat query.bvecs | stream -f jsonl >got.jsonl
	cmp got.jsonl want.jsonl
	# A file that appears at the end, and what it is by its name.
	vs-query -q --stream -p nprobe=8 -k 5 -o got.jsonl --replace a.vss \
		query.bvecs
	cmp got.jsonl want.jsonl
}

@test "threads and memory change nothing" {
	cat query.bvecs | stream -t 1 >got.tsv
	cmp got.tsv want.tsv
	cat query.bvecs | stream -t 3 --memory 3M >got.tsv
	cmp got.tsv want.tsv
}

@test "each query is answered before the next is asked" {
	python3 - <<-'PY'
	import subprocess
	b = open("query.bvecs", "rb").read()
	want = open("want.tsv").read().splitlines()
	p = subprocess.Popen("exec vs-query -q --stream -p nprobe=8 -k 5 "
	                     "--input-format bvecs -o - a.vss -".split()[1:],
	                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
	                     bufsize=0)
	out = open(p.stdout.fileno(), closefd=False)
	for q in range(50):
	    row = b[132 * q:132 * q + 132]
	    # In two pieces: a row that comes late is waited for.
	    p.stdin.write(row[:77])
	    p.stdin.write(row[77:])
	    for r in range(5):
	        assert out.readline().rstrip() == want[5 * q + r], (q, r)
	p.stdin.close()
	assert out.read() == ""
	assert p.wait() == 0
	PY
}

@test "queries and answers through named pipes" {
	mkfifo in out
	vs-query -q --stream -p nprobe=8 -k 5 --input-format bvecs -o out \
		a.vss in &
	cat query.bvecs >in &
	timeout 20 cat out >got.tsv
	wait
	cmp got.tsv want.tsv
}

@test "10,000 queries of a fast producer" {
	for _ in $(seq 50); do cat query.bvecs; done |
		stream --stats got.json >got.tsv
	[ "$(wc -l <got.tsv)" -eq 50000 ]
	[ "$(tail -n 1 got.tsv | cut -f 1)" -eq 9999 ]
	# 50 times the same answers.
	cut -f 2- want.tsv >got.want
	for _ in $(seq 50); do cat got.want; done |
		cmp - <(cut -f 2- got.tsv)
	grep -E '"queries": ?10000' got.json
}

@test "queries of other types are converted as in a batch" {
	floats query.bvecs | stream --input-format fvecs >got.tsv
	cmp got.tsv want.tsv
	for n in 0 4294967295 200 1000; do
		floats query.bvecs $n | stream --input-format fbin >got.tsv
		cmp got.tsv want.tsv
	done
	floats query.bvecs 7 | stream --input-format fbin >got.tsv
	cmp got.tsv <(head -n 35 want.tsv)
	python3 - >query.u8bin <<-'PY'
	import sys
	b = open("query.bvecs", "rb").read()
	out = sys.stdout.buffer
	out.write(bytes(4) + bytes([128, 0, 0, 0]))
	for i in range(0, len(b), 132):
	    out.write(b[i + 4:i + 132])
	PY
	stream --input-format u8bin <query.u8bin >got.tsv
	cmp got.tsv want.tsv
}

@test "float rows under cosine, i8 rows, Flat" {
	floats base.bvecs >base.fvecs
	floats query.bvecs >query.fvecs
	for m in l2 ip cosine l1; do
		vs-build -q -i Flat -m $m -o f.vss --replace base.fvecs
		vs-query -q -k 5 -o got.want.tsv --replace f.vss query.fvecs
		vs-query -q --stream -k 5 -o - --input-format fvecs \
			f.vss - <query.fvecs >got.tsv
		cmp got.tsv got.want.tsv
		vs-query -q --stream -k 5 -o - --input-format bvecs \
			f.vss - <query.bvecs >got.tsv
		cmp got.tsv got.want.tsv
	done
	head -c 26400 base.bvecs | python3 -c 'import struct, sys
b = sys.stdin.buffer.read()
rows = [b[i + 4:i + 132] for i in range(0, len(b), 132)]
out = sys.stdout.buffer
out.write(struct.pack("<II", len(rows), 128))
for r in rows: out.write(bytes(x >> 1 for x in r))' >half.i8bin
	vs-build -q -i Flat -o i.vss half.i8bin
	vs-query -q -k 5 -o got.want.tsv --replace i.vss half.i8bin
	vs-query -q --stream -k 5 -o - --input-format i8bin \
		i.vss - <half.i8bin >got.tsv
	cmp got.tsv got.want.tsv
}

@test "a collection, and a part of it" {
	vs-shard create -q -c c --shards 3 --by hash -M a.vsm base.bvecs
	for i in 0 1 2; do vs-build -q -c c --part $i/3; done
	vs-query -q --stream -p nprobe=8 -k 5 -o - --input-format bvecs \
		c - <query.bvecs >got.tsv
	cmp got.tsv want.tsv
	vs-query -q --part 1/3 -p nprobe=8 -k 5 -o got.want.tsv c query.bvecs
	vs-query -q --stream --part 1/3 -p nprobe=8 -k 5 -o got.tsv --replace \
		c query.bvecs
	cmp got.tsv got.want.tsv
}

@test "no queries, no answers" {
	run stream </dev/null
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run stream --input-format fbin < <(:)
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "a reader that goes away is no error to talk about" {
	run bash -c "for _ in \$(seq 50); do cat query.bvecs; done 2>/dev/null |
		vs-query -q --stream -p nprobe=8 -k 5 --input-format bvecs \
			-o - a.vss - | head -n 5; echo \${PIPESTATUS[1]}"
	[ "${#lines[@]}" -eq 6 ]
	[ "${lines[5]}" -eq 141 ]
}

@test "a cut row: the answers before it, then where it is" {
	status=0
	head -c 1400 query.bvecs | stream >got.tsv 2>err || status=$?
	[ "$status" -eq 65 ]
	cmp got.tsv <(head -n 50 want.tsv)
	grep '^vs-query: -: ends within query 10, after 80 of the 132 bytes' err
	grep 'at offset 1320; it is truncated$' err
	head -c 6 query.bvecs >cut.fbin
	run --separate-stderr stream --input-format fbin <cut.fbin
	[ "$status" -eq 65 ]
	[[ $stderr == *'ends within its header, after 6 of 8 bytes'* ]]
	# A file that is not all there does not appear.
	head -c 1400 query.bvecs >cut.bvecs
	run vs-query -q --stream -o got.tsv --replace a.vss cut.bvecs
	[ "$status" -eq 65 ]
	[ -z "$(find . -name '.*.tmp')" ]
}

@test "another dimension, a value that does not fit, one not finite" {
	status=0
	(head -c 264 query.bvecs; printf '\2\0\0\0ab') | stream >got.tsv 2>err ||
		status=$?
	[ "$status" -eq 65 ]
	cmp got.tsv <(head -n 10 want.tsv)
	grep 'query 2, at offset 264, says dimension 2; the index has 128' err
	printf '\0\0\0\0\2\0\0\0abcdefgh' >d2.fbin
	run stream --input-format fbin <d2.fbin
	[ "$status" -eq 65 ]
	[[ $output == *'queries have 2 dimensions by the header; the index has 128'* ]]

	floats query.bvecs >query.fvecs
	for bad in '\0000\0000\0000\0077' '\0000\0000\0300\0177'; do
		cp query.fvecs bad.fvecs
		printf '%b' "$bad" | dd of=bad.fvecs bs=1 seek=$((3 * 516 + 40)) \
			conv=notrunc status=none
		status=0
		stream --input-format fvecs <bad.fvecs >got.tsv 2>err ||
			status=$?
		[ "$status" -eq 65 ]
		cmp got.tsv <(head -n 15 want.tsv)
		grep 'query 3' err
	done
	grep 'not finite' err
}

@test "zeros under cosine are refused, or kept" {
	vs-build -q -i Flat -m cosine -o cos.vss --replace base.bvecs
	(head -c 264 query.bvecs; printf '\200\0\0\0'; head -c 128 /dev/zero) \
		>z.bvecs
	run --separate-stderr vs-query -q --stream -k 5 -o - cos.vss z.bvecs
	[ "$status" -eq 65 ]
	[ "${#lines[@]}" -eq 10 ]
	[[ $stderr == *'z.bvecs: query 2 is all zeros'* ]]
	run vs-query -q --stream --zero keep -k 5 -o - cos.vss z.bvecs
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 15 ]
}

@test "the wrong format" {
	run stream --input-format fvecs <query.bvecs
	[ "$status" -eq 65 ]
	run stream --input-format u8bin <query.bvecs
	[ "$status" -eq 65 ]
	[[ $output == *'is it u8bin? --input-format says what it is'* ]]
	run vs-query -q --stream -o - a.vss - <query.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *'the name does not say the format of the stream'* ]]
	for f in npy hdf5; do
		run stream --input-format $f <query.bvecs
		[ "$status" -eq 2 ]
		[[ $output == *"$f is read as a whole; expected fvecs"* ]]
	done
	for f in ivecs ibin; do
		run stream --input-format $f <query.bvecs
		[ "$status" -eq 2 ]
		[[ $output == *'rows of i32, which are no queries'* ]]
	done
	run vs-query -q --stream -o - a.vss query.bvecs.zst
	[ "$status" -eq 2 ]
}

@test "what a stream cannot do is said" {
	for f in vsh ivecs fvecs; do
		run vs-query -q --stream -o got.$f a.vss query.bvecs
		[ "$status" -eq 2 ]
		[[ $output == *"--stream writes no $f"* ]]
		run stream -f $f <query.bvecs
		[ "$status" -eq 2 ]
	done
	run vs-query -q --stream -o - a.vss query.bvecs query.bvecs
	[ "$status" -eq 2 ]
	run stream --plan <query.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *'--plan'* ]]
	run stream --force-rows <query.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *'--force-rows'* ]]
}

@test "SIGTERM: the answers so far, exit 75 within 5 seconds" {
	mkfifo in
	vs-query -q --stream -p nprobe=8 -k 5 --input-format bvecs -o - \
		a.vss in >got.tsv 2>err &
	pid=$!
	exec 7>in
	head -c 264 query.bvecs >&7
	for _ in $(seq 100); do
		[ "$(wc -l <got.tsv)" -lt 10 ] || break
		sleep 0.1
	done
	start=$SECONDS
	kill $pid
	status=0
	wait $pid || status=$?
	exec 7>&-
	[ "$status" -eq 75 ]
	[ $((SECONDS - start)) -le 5 ]
	cmp got.tsv <(head -n 10 want.tsv)
	grep '^vs-query: in: stopped when 2 queries were answered; ' err
}
