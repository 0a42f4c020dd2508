#!/usr/bin/env bats
# Rows in two cells each, and probes that end where cells are far.
bats_require_minimum_version 1.5.0

setup_file() {
	export OMP_WAIT_POLICY=passive
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 3000
	$VECS convert "$DATA/query.bvecs" query.bvecs 0 60
	$VECS shift base.fvecs base.bvecs
	$VECS shift query.fvecs query.bvecs
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

build() { # NAME INDEX METRIC SUFFIX
	vs-train -q -i "$2" -m "$3" --seed 5 --replace -o "$1.vsm" "base.$4"
	vs-build -q -M "$1.vsm" --replace -o "$1.vss" "base.$4"
}

ask() { # SHARD SUFFIX [WORD...]: tsv
	vs-query -q -f tsv -o - "${@:3}" "$1" "query.$2"
}

@test "all cells probed, each row is one hit: answers are those of Flat" {
	local m s

	for m in l2 ip cosine l1; do
		for s in bvecs fvecs; do
			build a IVF9_SOAR,Flat $m $s
			vs-build -q -i Flat -m $m --replace -o f.vss "base.$s"
			cmp <(ask a.vss $s -p nprobe=9) <(ask f.vss $s)
			# as many as there are rows: pools, not heaps
			cmp <(ask a.vss $s -p nprobe=9 -k 3000) \
				<(ask f.vss $s -k 3000)
		done
	done
}

@test "every kind of code: no id twice, the file is what the manual says" {
	local i twice

	for i in SQ8 SQfp16 PQ16 PQ32x4fs; do
		build a "IVF9_SOAR,$i" l2 fvecs
		"$VS_TOP/tests/format/vsformat.py" check a.vss
		vs-query -q --verify deep -k 12 -p nprobe=5 -f tsv -o hits.tsv \
			--replace a.vss query.fvecs
		[ "$(wc -l <hits.tsv)" -eq 720 ]
		twice=$(cut -f 1,3 hits.tsv | sort | uniq -d | wc -l)
		[ "$twice" -eq 0 ]
	done
}

@test "a row within a radius is listed once" {
	build a IVF9_SOAR,Flat l2 bvecs
	vs-build -q -i Flat --replace -o f.vss base.bvecs
	ask f.vss bvecs --radius 90000 >f.tsv
	[ "$(wc -l <f.tsv)" -gt 100 ]
	cmp f.tsv <(ask a.vss bvecs --radius 90000 -p nprobe=9)
}

@test "each row is one query of its own shard" {
	build a IVF9_SOAR,Flat l2 bvecs
	vs-build -q -i Flat --replace -o f.vss base.bvecs
	vs-query -q --self -k 7 --replace -o f.ivecs f.vss
	vs-query -q --self -k 7 -p nprobe=9 --replace -o a.ivecs a.vss
	cmp f.ivecs a.ivecs
	build a IVF9_SOAR,PQ16 l2 fvecs
	vs-query -q --self -k 7 -p nprobe=2 --replace -o a.tsv a.vss
	[ "$(cut -f 1 a.tsv | uniq -c | awk '$1 == 7' | wc -l)" -eq 3000 ]
	awk '$1 == $3 { exit 1 }' a.tsv
}

@test "candidates by code are refined once each" {
	build a IVF9_SOAR,PQ16x4fs,RFlat l2 fvecs
	vs-build -q -i Flat --replace -o f.vss base.fvecs
	cmp <(ask a.vss fvecs -p nprobe=9,kfactor=250) <(ask f.vss fvecs)
}

@test "the same bytes for any threads, instruction set and memory" {
	local cpu t want got

	build a IVF16_SOAR,Flat cosine fvecs
	want=$(cat a.vss <(ask a.vss fvecs -p nprobe=9,taper=3) | sha256sum)
	for cpu in generic avx2 avx512 vnni; do
		for t in 1 3; do
			VS_CPU=$cpu vs-build -q -t $t --memory 8M -M a.vsm \
				--replace -o b.vss base.fvecs
			got=$(cat b.vss <(VS_CPU=$cpu ask b.vss fvecs -t $t \
				-p nprobe=9,taper=3) | sha256sum)
			[ "$want" = "$got" ]
		done
	done
}

@test "merged shards are one shard" {
	local p

	build a IVF16_SOAR,Flat l2 bvecs
	rm -rf c
	vs-shard create -q -c c --shards 3 -M a.vsm base.bvecs
	for p in 0 1 2; do vs-build -q -c c --part $p/3; done
	for p in nprobe=3 nprobe=16 nprobe=12,taper=4; do
		for s in 0 1 2; do
			vs-query -q -k 10 -p $p --part $s/3 --replace \
				-o h$s.vsh c query.bvecs
		done
		vs-merge -q --replace -o m.ivecs h0.vsh h1.vsh h2.vsh
		vs-query -q -k 10 -p $p --replace -o u.ivecs a.vss query.bvecs
		cmp m.ivecs u.ivecs
	done
}

@test "a build that was stopped goes on to the same bytes" {
	build a IVF16_SOAR,Flat l2 bvecs
	# SIGTERM as soon as there is a checkpoint, or the run is done already
	vs-train -q -i IVF2048_SOAR,Flat --iterations 1 -o s.vsm \
		"$DATA/base.bvecs"
	vs-build -q -M s.vsm -o s.vss "$DATA/base.bvecs"
	vs-build -q -t 1 -M s.vsm -o t.vss --checkpoint-every 0 \
		"$DATA/base.bvecs" &
	local pid=$!
	while kill -0 $pid 2>/dev/null && [ ! -e .t.vss.ckpt ]; do
		sleep .005
	done
	kill $pid 2>/dev/null || true
	wait $pid || [ $? -eq 75 ]
	vs-build -q -M s.vsm -o t.vss "$DATA/base.bvecs"
	cmp s.vss t.vss
}

@test "fewer rows are read for the same recall" {
	local r one two

	vs-train -q -i IVF64,Flat --seed 5 -o r1.vsm "$DATA/base.bvecs"
	vs-train -q -i IVF64_SOAR,Flat --seed 5 -o r2.vsm "$DATA/base.bvecs"
	for r in r1 r2; do
		vs-build -q -M $r.vsm -o $r.vss "$DATA/base.bvecs"
	done
	read_and_found() { # SHARD PARAMS: distances, true neighbours found
		vs-query -q -k 10 -p "$2" --replace --stats s.json -o r.vsh \
			"$1" "$DATA/query.bvecs"
		python3 -c 'import json; print(json.load(open("s.json"))["distances"])'
		vs-eval recall --truth "$DATA/groundtruth.ivecs" r.vsh |
			sed -n 's/^10-recall@10 \([0-9.]*\).*/\1/p'
	}
	one=$(read_and_found r1.vss nprobe=12 | paste -s)
	two=$(read_and_found r2.vss nprobe=15,taper=3 | paste -s)
	echo "one cell: $one; two cells, tapered: $two"
	awk -v a="$one" -v b="$two" 'BEGIN {
		split(a, x, "\t"); split(b, y, "\t")
		exit !(y[1] < x[1] * 0.9 && y[2] >= x[2] - 0.005) }'
}

@test "a taper of 0 is none; the longest is 64" {
	build a IVF9_SOAR,Flat l2 bvecs
	cmp <(ask a.vss bvecs -p nprobe=4) <(ask a.vss bvecs -p nprobe=4,taper=0)
	run ask a.vss bvecs -p nprobe=4,taper=65
	[ "$status" -eq 2 ]
	[[ $output == *"taper=65' does not fit IVF9_SOAR,Flat; expected nprobe=N "* ]]
	run ask f.vss bvecs -p taper=1
	[ "$status" -eq 2 ]
	run vs-train -q -i IVF1_SOAR,Flat -o x.vsm base.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *"_SOAR puts rows into two cells; expected IVF2 or more" ]]
}
