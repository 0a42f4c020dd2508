#!/usr/bin/env bats
# The whole pipeline on real vectors: what the README promises.

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS shift base.fvecs "$DATA/base.bvecs"
	$VECS shift query.fvecs "$DATA/query.bvecs"
	cp "$DATA/base.bvecs" "$DATA/query.bvecs" .
	cp "$DATA/groundtruth.ivecs" truth.ivecs
	for t in bvecs fvecs; do
		for m in l2 ip; do
			vs-train -q -i IVF64,Flat -m $m -o $t-$m.vsm base.$t
			vs-build -q -M $t-$m.vsm -o $t-$m.vss base.$t
		done
	done
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

@test "train, build, query, recall" {
	vs-query -k 10 -p nprobe=8 -o a.ivecs bvecs-l2.vss query.bvecs
	vs-eval recall -k 10 --truth truth.ivecs --min-recall 0.9 a.ivecs
}

@test "all cells of an IVF index give the exact answer" {
	vs-query -q -k 10 -p nprobe=64 -o all.ivecs bvecs-l2.vss query.bvecs
	vs-eval truth -q -k 10 -o exact.ivecs base.bvecs query.bvecs
	cmp all.ivecs exact.ivecs
}

@test "vs-eval truth is the given truth, ties by id" {
	vs-eval truth -q -k 100 -o exact100.ivecs base.bvecs query.bvecs
	cmp exact100.ivecs truth.ivecs
}

@test "Flat is exact for both metrics and types" {
	for t in bvecs fvecs; do
		for m in l2 ip; do
			vs-build -q -i Flat -m $m -o flat.vss --replace base.$t
			vs-query -q -k 10 -o flat.ivecs --replace flat.vss \
				query.$t
			vs-eval truth -q -m $m -k 10 -o exact.ivecs --replace \
				base.$t query.$t
			$VECS same-ids flat.ivecs exact.ivecs
		done
	done
}

@test "merged shards equal one shard: l2 and ip, u8 and f32, nprobe 1, 7, all" {
	for t in bvecs fvecs; do
		for m in l2 ip; do
			c=c-$t-$m
			vs-shard create -q -c $c --shards 5 --by hash \
				-M $t-$m.vsm base.$t
			for i in 0 1 2 3 4; do
				vs-build -q -c $c --part $i/5
			done
			for p in 1 7 64; do
				for i in 0 1 2 3 4; do
					vs-query -q -k 10 -p nprobe=$p \
						--part $i/5 -o $c-$p/ $c query.$t
				done
				vs-merge -q -o m.ivecs --replace $c-$p/*.vsh
				vs-merge -q -o m.fvecs --replace $c-$p/*.vsh
				vs-query -q -k 10 -p nprobe=$p -o u.ivecs \
					--replace $t-$m.vss query.$t
				vs-query -q -k 10 -p nprobe=$p -o u.fvecs \
					--replace $t-$m.vss query.$t
				cmp m.ivecs u.ivecs
				cmp m.fvecs u.fvecs
				vs-query -q -k 10 -p nprobe=$p -o w.ivecs \
					--replace $c query.$t
				cmp m.ivecs w.ivecs
			done
		done
	done
}

@test "merged Flat shards equal truth" {
	vs-shard create -q -c cf --shards 3 --by hash -i Flat base.bvecs
	for i in 0 1 2; do
		vs-build -q -c cf --part $i/3
		vs-query -q -k 100 --part $i/3 -o cf-hits/ cf query.bvecs
	done
	vs-merge -q -o cf.ivecs cf-hits/*.vsh
	cmp cf.ivecs truth.ivecs
}

@test "the same bytes for any threads and instruction set" {
	first=
	levels=0
	for cpu in generic avx2 avx512 vnni vbmi neon; do
		VS_CPU=$cpu vs-train --version >/dev/null 2>&1 || continue
		levels=$((levels + 1))
		for t in 1 2 3 7; do
			rm -f d.*
			export VS_CPU=$cpu
			vs-train -q -t $t -i IVF32,Flat --iterations 3 -o d.vsm \
				base.fvecs
			vs-build -q -t $t -M d.vsm -o d.vss base.fvecs
			vs-query -q -t $t -p nprobe=4 -o d.vsh d.vss query.fvecs
			vs-query -q -t $t -p nprobe=4 -o d.tsv d.vss query.fvecs
			sums=$(sha256sum d.vsm d.vss d.vsh d.tsv)
			[ "${first:=$sums}" = "$sums" ]
		done
	done
	unset VS_CPU
	echo "# $levels instruction sets" >&3
	[ $levels -ge 1 ]
}

@test "u8 models, shards and hits too, whatever the memory ceiling" {
	first=
	for cpu in generic avx2 avx512 vnni vbmi neon; do
		VS_CPU=$cpu vs-train --version >/dev/null 2>&1 || continue
		for m in 24M 1G; do
			rm -f d.*
			export VS_CPU=$cpu
			vs-train -q --memory $m -i IVF32,Flat -o d.vsm base.bvecs
			vs-build -q --memory $m -M d.vsm -o d.vss base.bvecs
			vs-query -q --memory $m -o d.vsh d.vss query.bvecs
			sums=$(sha256sum d.vsm d.vss d.vsh)
			[ "${first:=$sums}" = "$sums" ]
		done
	done
	unset VS_CPU
}

@test "one query at a time gives the batch's answer" {
	$VECS convert "$DATA/query.bvecs" one.bvecs 17 1
	vs-query -q -p nprobe=5 -o one.tsv bvecs-l2.vss one.bvecs
	vs-query -q -p nprobe=5 -o many.tsv --replace bvecs-l2.vss query.bvecs
	cut -f 2- one.tsv >one.cut
	awk '$1 == 17' many.tsv | cut -f 2- >many.cut
	[ -s one.cut ]
	cmp one.cut many.cut
}

@test "several files are one set, whatever their formats" {
	$VECS convert "$DATA/base.bvecs" p1.bvecs 0 7000
	$VECS convert "$DATA/base.bvecs" p2.u8bin 7000 6000
	$VECS convert "$DATA/base.bvecs" p3.bvecs 13000 7000
	vs-build -q -M bvecs-l2.vsm -o parts.vss p1.bvecs p2.u8bin p3.bvecs
	cmp parts.vss bvecs-l2.vss
}

@test "a finished task is done at once, a changed one is noticed" {
	run vs-build -M bvecs-l2.vsm -o bvecs-l2.vss base.bvecs
	[ "$status" -eq 0 ]
	[[ $output == *"already done"* ]]
	run vs-build -M bvecs-l2.vsm -o bvecs-l2.vss query.bvecs
	[ "$status" -eq 73 ]
	[[ $output == *--replace* ]]
	run vs-train -i IVF64,Flat --seed 2 -o bvecs-l2.vsm base.bvecs
	[ "$status" -eq 73 ]
}

@test "--recheck sees a change that the quick check cannot" {
	cp base.bvecs changed.bvecs
	vs-build -q -i Flat -o changed.vss changed.bvecs
	# one byte of one row between the sampled blocks
	printf 'x' | dd of=changed.bvecs bs=1 seek=200010 conv=notrunc 2>/dev/null
	cmp -s base.bvecs changed.bvecs && return 1
	run vs-build -i Flat -o changed.vss changed.bvecs
	if [ "$status" -eq 0 ]; then
		run vs-build -i Flat --recheck -o changed.vss changed.bvecs
		[ "$status" -eq 73 ]
	else
		[ "$status" -eq 73 ]
	fi
}

@test "outputs: vsh, ivecs, fvecs, tsv and jsonl agree" {
	vs-query -q -k 3 -p nprobe=4 -o o.vsh bvecs-l2.vss query.bvecs
	vs-query -q -k 3 -p nprobe=4 -o o.jsonl bvecs-l2.vss query.bvecs
	vs-merge -q -o o.tsv o.vsh
	vs-merge -q -o o2.jsonl o.vsh
	cmp o.jsonl o2.jsonl
	python3 - <<-'PY'
	import json
	tsv = [l.split("\t") for l in open("o.tsv")]
	js = [json.loads(l) for l in open("o.jsonl")]
	assert len(js) == 200 and len(tsv) == 600
	for n, (q, rank, id_, dist) in enumerate(tsv):
	    row = js[int(q)]
	    assert row["query"] == n // 3 and int(rank) == n % 3 + 1
	    assert row["ids"][n % 3] == int(id_)
	    assert float(row["distances"][n % 3]) == float(dist)
	PY
}

@test "k beyond the rows pads with -1 and warns" {
	$VECS convert "$DATA/base.bvecs" five.bvecs 0 5
	vs-build -q -i Flat -o five.vss five.bvecs
	run vs-query -k 8 -o five.ivecs five.vss query.bvecs
	[ "$status" -eq 0 ]
	[[ $output == *"padded"* ]]
	python3 - <<-'PY'
	import struct
	d = open("five.ivecs", "rb").read()
	for i in range(200):
	    row = struct.unpack_from("<9i", d, i * 36)
	    assert row[0] == 8 and row[6:] == (-1, -1, -1)
	    assert sorted(row[1:6]) == [0, 1, 2, 3, 4]
	PY
}

@test "f32 queries meet u8 rows when they are whole numbers" {
	$VECS convert "$DATA/query.bvecs" whole.fvecs
	vs-query -q -p nprobe=4 -o whole.ivecs bvecs-l2.vss whole.fvecs
	vs-query -q -p nprobe=4 -o bytes.ivecs bvecs-l2.vss query.bvecs
	cmp whole.ivecs bytes.ivecs
	run vs-query -o x.ivecs bvecs-l2.vss query.fvecs
	[ "$status" -eq 65 ]
	[[ $output == *"whole numbers from 0 to 255"* ]]
}

@test "truth of fewer rows than k: its padded distances are read back" {
	$VECS convert "$DATA/base.bvecs" nine.bvecs 0 9
	vs-eval truth -q -k 12 -o nine.ivecs --distances nine.fvecs nine.bvecs \
		query.bvecs
	run vs-eval recall -k 5 --truth nine.ivecs --truth-distances nine.fvecs \
		nine.ivecs
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"5-recall@5 1.0000"* ]]
}

@test "a directory of parts names files by their format" {
	vs-query -q -f ivecs -o parts/ bvecs-l2.vss query.bvecs
	vs-query -q -o plain.ivecs bvecs-l2.vss query.bvecs
	cmp parts/part-00000-of-00001.ivecs plain.ivecs
}

@test "SIGTERM ends a long search within seconds: 75, nothing left, again" {
	mkdir stop
	$VECS random many.u8bin 3000000 128 3
	vs-build -q -i Flat -o flat.vss --replace base.bvecs
	vs-query -q -k 10 -o stop/x.vsh flat.vss many.u8bin &
	pid=$!
	sleep 1
	kill -TERM $pid
	start=$(date +%s)
	status=0
	wait $pid || status=$?
	[ $(($(date +%s) - start)) -le 5 ]
	[ "$status" -eq 75 ]
	[ -z "$(ls -A stop)" ]
}
