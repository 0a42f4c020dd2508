#!/usr/bin/env bats
# Truth in given ids: the neighbours that a shard built with these ids answers.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0
load refused

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 1500
	$VECS convert "$DATA/query.bvecs" query.bvecs 0 40
	$VECS shift base.fvecs base.bvecs
	$VECS shift query.fvecs query.bvecs
	python3 - <<-'PY'
	import random
	ids = random.Random(7).sample(range(2 ** 40), 1500)
	ids[17] = 2 ** 64 - 2
	open("ids.txt", "w").write("".join("%d\n" % i for i in ids))
	small = random.Random(8).sample(range(2 ** 31), 1500)
	open("small.txt", "w").write("".join("%d\n" % i for i in small))
	PY
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -rf out
	mkdir out
}

@test "truth in given ids is what a Flat shard with these ids answers" {
	for m in l2 ip cosine l1; do
		vs-build -q -i Flat -m $m --ids ids.txt -o out/$m.vss \
			base.bvecs
		vs-query -q -k 20 -o out/h.tsv out/$m.vss query.bvecs
		vs-eval truth -q -k 20 -m $m --ids ids.txt -o out/t.tsv \
			base.bvecs query.bvecs
		cmp out/h.tsv out/t.tsv
		rm out/?.tsv
	done
}

@test "recall against shards with given ids is 1, against others 0" {
	vs-build -q -i Flat --ids small.txt -o out/s.vss base.fvecs
	vs-query -q -k 10 -o out/h.ivecs out/s.vss query.fvecs
	vs-query -q -k 10 -o out/h.vsh out/s.vss query.fvecs
	vs-eval truth -q -k 20 --ids small.txt -o out/t.ivecs base.fvecs \
		query.fvecs
	vs-eval truth -q -k 20 --ids small.txt -o out/t.vsh base.fvecs \
		query.fvecs
	for h in ivecs vsh; do
		for t in ivecs vsh; do
			run --separate-stderr vs-eval recall -k 10 \
				--truth out/t.$t out/h.$h
			[[ $output == "10-recall@10 1.0000 "* ]]
		done
	done
	vs-eval truth -q -k 20 -o out/rows.ivecs base.fvecs query.fvecs
	run --separate-stderr vs-eval recall -k 10 --truth out/rows.ivecs \
		out/h.ivecs
	[[ $output == "10-recall@10 0.0000 "* ]]
}

@test "a collection's merged answers are the truth in its ids" {
	vs-shard create -q -c out/c --shards 3 --by hash -i Flat \
		--ids ids.txt base.bvecs
	for i in 0 1 2; do
		vs-build -q -c out/c --part $i/3
		vs-query -q -k 10 --part $i/3 -o out/h/ out/c query.bvecs
	done
	vs-merge -q -k 10 -o out/h.tsv out/h/*.vsh
	vs-eval truth -q -k 10 --ids ids.txt -o out/t.tsv base.bvecs \
		query.bvecs
	cmp out/h.tsv out/t.tsv
}

@test "--id-base counts on from it" {
	vs-eval truth -q -k 20 -o out/rows.tsv base.bvecs query.bvecs
	vs-eval truth -q -k 20 --id-base 5000000000 -o out/t.tsv base.bvecs \
		query.bvecs
	python3 - <<-'PY' | cmp - out/t.tsv
	for l in open("out/rows.tsv"):
	    q, rank, i, d = l.split("\t")
	    print(q, rank, int(i) + 5000000000, d, sep="\t", end="")
	PY
	refused 2 "the ids of the 1500 rows" -- vs-eval truth -q \
		--id-base 18446744073709551000 -o out/x.tsv base.bvecs \
		query.bvecs
	[ ! -e out/x.tsv ]
}

@test "threads, memory and the kind of the file of ids change no byte" {
	python3 - <<-'PY'
	import struct
	ids = [int(l) for l in open("small.txt")]
	open("out/small.ivecs", "wb").write(
	    b"".join(struct.pack("<ii", 1, i) for i in ids))
	PY
	vs-eval truth -q -t 1 -k 20 --ids small.txt -o out/a.vsh base.bvecs \
		query.bvecs
	vs-eval truth -q -t 3 -k 20 --memory 1700K --ids out/small.ivecs \
		-o out/b.vsh base.bvecs query.bvecs
	cmp out/a.vsh out/b.vsh
}

@test "other ids are another truth" {
	vs-eval truth -q --ids small.txt -o out/t.vsh base.bvecs query.bvecs
	cp out/t.vsh out/was.vsh
	run --separate-stderr vs-eval truth --ids small.txt -o out/t.vsh \
		base.bvecs query.bvecs
	[[ $stderr == *"already done"* ]]
	refused 73 "--replace" -- vs-eval truth -q --ids ids.txt -o out/t.vsh \
		base.bvecs query.bvecs
	refused 73 "--replace" -- vs-eval truth -q --id-base 1 -o out/t.vsh \
		base.bvecs query.bvecs
	refused 73 "--replace" -- vs-eval truth -q -o out/t.vsh base.bvecs \
		query.bvecs
	cmp out/t.vsh out/was.vsh
	vs-eval truth -q --replace --ids ids.txt -o out/t.vsh base.bvecs \
		query.bvecs
	run ! cmp -s out/t.vsh out/was.vsh
}

@test "--recheck finds an id that no sample had shown" {
	# 64 blocks of 64 KiB of ids are read for the quick look
	python3 - <<-'PY'
	import struct
	n = 600000
	open("out/many.u8bin", "wb").write(
	    struct.pack("<II", n, 1) + bytes(i % 251 for i in range(n)))
	ids = list(range(n))
	open("out/ids.ibin", "wb").write(
	    struct.pack("<II", n, 1) + struct.pack("<%di" % n, *ids))
	open("out/q.u8bin", "wb").write(struct.pack("<II", 1, 1) + b"\7")
	PY
	t=(vs-eval truth --ids out/ids.ibin -o out/t.vsh out/many.u8bin
		out/q.u8bin)
	"${t[@]}" -q
	"${t[@]}" -q --recheck
	# the id of row 9000, which lies between the first two blocks
	printf '\377\377\377\177' | dd of=out/ids.ibin bs=1 \
		seek=$((8 + 4 * 9000)) conv=notrunc status=none
	run --separate-stderr "${t[@]}"
	[[ $stderr == *"already done"* ]]
	refused 73 "other vectors or ids" -- "${t[@]}" -q --recheck
}

@test "ids that cannot be are refused before the search" {
	head -n 1499 ids.txt > out/few.txt
	(head -n 1499 ids.txt; head -n 1 ids.txt) > out/twice.txt
	refused 65 "few.txt" "1499" "1500" -- vs-eval truth -q \
		--ids out/few.txt -o out/x.tsv base.bvecs query.bvecs
	refused 65 "rows 0 and 1499" "same id" -- vs-eval truth -q \
		--ids out/twice.txt -o out/x.tsv base.bvecs query.bvecs
	refused 65 "rows 0 and 1499" -- vs-eval truth -q --plan \
		--ids out/twice.txt -o out/x.tsv base.bvecs query.bvecs
	refused 66 "none.txt" -- vs-eval truth -q --ids out/none.txt \
		-o out/x.tsv base.bvecs query.bvecs
	refused 2 "--id-base beside --ids" -- vs-eval truth -q --ids ids.txt \
		--id-base 3 -o out/x.tsv base.bvecs query.bvecs
	cp ids.txt out/ids.txt
	refused 2 "ids.txt" -- vs-eval truth -q --replace --ids out/ids.txt \
		-f tsv -o out/ids.txt base.bvecs query.bvecs
	refused 2 "ids.txt" -- vs-eval truth -q --replace --ids out/ids.txt \
		--distances out/ids.txt -o out/x.tsv base.bvecs query.bvecs
	cmp ids.txt out/ids.txt
	[ ! -e out/x.tsv ]
	# an id too large for the format is no silent other id
	refused 65 "ivecs" -- vs-eval truth -q -k 1500 --ids ids.txt \
		-o out/x.ivecs base.bvecs query.bvecs
	[ ! -e out/x.ivecs ]
}
