#!/usr/bin/env bats
# Rotated indexes: PCA, PCAR, RR, OPQ and L2norm, from vs-train to answers.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
	head -c $((132 * 2000)) "$data/base.bvecs" >b.bvecs
	head -c $((132 * 50)) "$data/query.bvecs" >q.bvecs
}

# answers INDEX METRIC FILE: what a new shard of b.bvecs says of q.bvecs.
answers() {
	rm -f m.vsm s.vss "$3"
	vs-train -q -i "$1" -m "$2" -o m.vsm b.bvecs
	vs-build -q -M m.vsm -o s.vss b.bvecs
	vs-query -q -k 10 --verify deep -o "$3" s.vss q.bvecs
}

# agree HITS TRUTH RECALL: of 10 at 10.
agree() {
	vs-eval recall -k 10 --truth "$2" --min-recall "$3" "$1"
}

@test "whole rotations keep the answers of every metric" {
	for metric in l2 ip cosine; do
		rm -f f.vss f.ivecs
		vs-build -q -i Flat -m $metric -o f.vss b.bvecs
		vs-query -q -k 10 -o f.ivecs f.vss q.bvecs
		for index in RR128,Flat RR150,Flat OPQ16,Flat; do
			answers $index $metric r.ivecs
			agree r.ivecs f.ivecs 0.99
		done
	done
}

@test "principal components keep most of the neighbours" {
	vs-build -q -i Flat -o f.vss b.bvecs
	vs-query -q -k 10 -o f.ivecs f.vss q.bvecs
	answers PCA128,Flat l2 r.ivecs
	agree r.ivecs f.ivecs 0.99
	answers PCA64,Flat l2 r.ivecs
	agree r.ivecs f.ivecs 0.80
	answers PCAR64,Flat l2 p.ivecs
	agree p.ivecs r.ivecs 0.99
	answers PCA64,L2norm,Flat l2 n.ivecs
	agree n.ivecs f.ivecs 0.60
}

@test "principal components are those that LAPACK finds" {
	/usr/bin/python3 -c 'import numpy' || skip "numpy is not installed"
	vs-train -q -i PCA40,Flat -o m.vsm b.bvecs
	/usr/bin/python3 -B - "$VS_TOP/tests/format" <<-'END'
		import sys

		import numpy as np

		sys.path.insert(0, sys.argv[1])
		from vsformat import File

		rows = np.fromfile("b.bvecs", np.uint8).reshape(-1, 132)[:, 4:]
		rows = rows.astype(np.float64)
		f = File("m.vsm")
		mean = np.array(f.array("MEAN", "f", 128))
		ours = np.array(f.array("ROTA", "f", 40 * 128)).reshape(40, 128)
		assert abs(mean - rows.mean(axis=0)).max() < 1e-4
		cov = np.cov(rows.T, bias=True)
		w, v = np.linalg.eigh(cov)
		w, v = w[::-1], v.T[::-1]
		for i in range(40):
		    # Each is as sure as the next variances are far away.
		    gap = min(w[i - 1] - w[i] if i else w[0], w[i] - w[i + 1])
		    assert abs(abs(ours[i] @ v[i]) - 1) < 1e-6 * (w[0] / gap) ** 2
		    assert abs(ours[i] @ cov @ ours[i] - w[i]) < 1e-5 * w[0]
		    assert ours[i][abs(ours[i]).argmax()] > 0
	END
}

@test "the same bytes for any threads, instructions and memory" {
	index=PCAR24,L2norm,IVF8,SQ8
	first=
	for how in "-t 1" "-t 2" "-t 7" "-t 2 --memory 64MiB"; do
		rm -f ./*.vsm ./*.vss ./*.vsh
		# shellcheck disable=SC2086
		{
			vs-train -q $how -i $index -o m.vsm b.bvecs
			vs-build -q $how -M m.vsm -o s.vss b.bvecs
			vs-query -q $how -k 5 -o h.vsh s.vss q.bvecs
		}
		sums=$(cat m.vsm s.vss h.vsh | sha256sum)
		[ -z "$first" ] || [ "$sums" = "$first" ]
		first=$sums
	done
	for level in generic avx2 avx512 vnni vbmi neon; do
		rm -f ./*.vsm ./*.vss ./*.vsh
		VS_CPU=$level vs-train --version >/dev/null 2>&1 || continue
		export VS_CPU=$level
		vs-train -q -i $index -o m.vsm b.bvecs
		vs-build -q -M m.vsm -o s.vss b.bvecs
		vs-query -q -k 5 -o h.vsh s.vss q.bvecs
		[ "$(cat m.vsm s.vss h.vsh | sha256sum)" = "$first" ]
	done
}

@test "OPQ is the same bytes for any threads and instructions" {
	head -c $((132 * 600)) b.bvecs >few.bvecs
	vs-train -q -t 1 -i OPQ4_24,Flat -o a.vsm few.bvecs
	vs-train -q -t 3 -i OPQ4_24,Flat -o b.vsm few.bvecs
	VS_CPU=generic vs-train -q -i OPQ4_24,Flat -o c.vsm few.bvecs
	cmp a.vsm b.vsm
	cmp a.vsm c.vsm
}

@test "shards merge to what a lone shard answers, and streams say the same" {
	vs-train -q -i PCA32,IVF8,Flat -o m.vsm b.bvecs
	vs-build -q -M m.vsm -o s.vss b.bvecs
	vs-query -q -k 10 -p nprobe=4 -o lone.tsv s.vss q.bvecs
	vs-shard create -q -c c --shards 3 --by hash -M m.vsm b.bvecs
	for i in 0 1 2; do
		vs-build -q -c c --part $i/3
		vs-query -q -k 10 -p nprobe=4 -o h/ --part $i/3 c/ q.bvecs
	done
	vs-shard verify -c c
	vs-merge -q -k 10 -o merged.tsv h/*.vsh
	cmp lone.tsv merged.tsv
	vs-query -q -k 10 -p nprobe=4 -o all.tsv c/ q.bvecs
	cmp lone.tsv all.tsv
	vs-query -q -k 10 -p nprobe=4 --stream --input-format bvecs -f tsv \
		-o - s.vss - <q.bvecs >stream.tsv
	cmp lone.tsv stream.tsv
}

@test "a plan says the sizes of models and shards" {
	for index in PCA64,Flat RR32,Flat OPQ8,Flat; do
		rm -f m.vsm s.vss
		run --separate-stderr vs-train --plan -i $index -o m.vsm b.bvecs
		vs-train -q -i $index -o m.vsm b.bvecs
		grep "^output_bytes: $(stat -c %s m.vsm)" <<<"$output"
		run --separate-stderr vs-build --plan -M m.vsm -o s.vss b.bvecs
		grep "^dim: 128" <<<"$output"
		vs-build -q -M m.vsm -o s.vss b.bvecs
		grep "^output_bytes: $(stat -c %s s.vss)" <<<"$output"
	done
}

@test "done is done, and --recheck sees another model" {
	vs-train -q -i RR32,Flat -o m.vsm b.bvecs
	vs-build -q -M m.vsm -o s.vss b.bvecs
	run vs-build -M m.vsm -o s.vss --recheck b.bvecs
	[ "$status" -eq 0 ]
	[[ "$output" == *"already done"* ]]
	vs-train -q --seed 9 --replace -i RR32,Flat -o m.vsm b.bvecs
	run vs-build -M m.vsm -o s.vss b.bvecs
	[ "$status" -ne 0 ]
}

@test "queries of another dimension meet the door of the input" {
	vs-train -q -i PCA32,Flat -o m.vsm b.bvecs
	vs-build -q -M m.vsm -o s.vss b.bvecs
	"$VS_TOP/tests/tools/vecs.py" shift f.fvecs q.bvecs
	vs-query -q -k 3 -o a.tsv s.vss f.fvecs
	printf '\1\0\0\0\0' >bad.bvecs
	run vs-query -k 3 -o b.tsv s.vss bad.bvecs
	[ "$status" -eq 65 ]
	[[ "$output" == *"1 dimensions; the index has 128"* ]]
}

@test "rotations that cannot be are refused" {
	run vs-train -i PCA129,Flat -o m.vsm b.bvecs
	[ "$status" -eq 2 ]
	[[ "$output" == *"rows have 128 dimensions"* ]]
	run vs-train -i RR64,Flat -m l1 -o m.vsm b.bvecs
	[ "$status" -eq 2 ]
	[[ "$output" == *"changes distances of l1"* ]]
	run vs-train -i OPQ12,Flat -o m.vsm b.bvecs
	[ "$status" -eq 2 ]
	[[ "$output" == *"do not divide into 12"* ]]
	run vs-build -i PCA64,Flat -o s.vss b.bvecs
	[ "$status" -eq 2 ]
	[[ "$output" == *"needs a model"* ]]
	head -c $((132 * 99)) b.bvecs >few.bvecs
	run vs-train -i OPQ16,Flat -o m.vsm few.bvecs
	[ "$status" -eq 65 ]
	[[ "$output" == *"few.bvecs: 99 training rows"* ]]
	[ ! -e m.vsm ]
	run vs-train --plan -i OPQ16,Flat -o m.vsm few.bvecs
	[ "$status" -eq 65 ]
	vs-train -q -i OPQ16,PQ16x4fs -o m.vsm few.bvecs
}
