#!/usr/bin/env bats
# Product codes, from the command line.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	head -c $((132 * 3000)) "$VS_TOP"/datasets/sift20k/base.bvecs >b.bvecs
	head -c $((132 * 40)) "$VS_TOP"/datasets/sift20k/query.bvecs >q.bvecs
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

@test "m must divide the dimension, and the message says which m do" {
	run vs-train -i PQ24 -o no.vsm b.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *'PQ24 does not cut 128 dimensions'*'PQ16 or PQ32'* ]]
	[ ! -e no.vsm ]
	run vs-build -i PQ16 -o no.vss b.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *'PQ16 needs a model: train it with vs-train -i PQ16 '* ]]
}

@test "too few rows for codebooks are refused" {
	head -c $((132 * 100)) b.bvecs >few.bvecs
	run vs-train -q -i PQ16 -o no.vsm few.bvecs
	[ "$status" -eq 65 ]
	[[ $output == *'few.bvecs: 100 training rows for codebooks of 256 '* ]]
}

@test "models, shards and answers are the same bytes everywhere" {
	for index in PQ16x4fs IVF16,PQ16; do
		rm -f first.*
		for how in '-t 1' '-t 2' '-t 7' '-t 2 --memory 64M'; do
			for cpu in generic avx2 avx512 vnni vbmi neon; do
				VS_CPU=$cpu vs-train --version >/dev/null \
					2>&1 || continue
				# shellcheck disable=SC2086
				VS_CPU=$cpu vs-train -q --replace $how \
					-i $index -o a.vsm b.bvecs
				# shellcheck disable=SC2086
				VS_CPU=$cpu vs-build -q --replace $how \
					-M a.vsm -o a.vss b.bvecs
				# shellcheck disable=SC2086
				VS_CPU=$cpu vs-query -q --replace $how \
					-o a.tsv a.vss q.bvecs
				for x in vsm vss tsv; do
					[ -e first.$x ] || cp a.$x first.$x
					cmp a.$x first.$x
				done
			done
		done
	done
}

@test "answers of shards merge to those of one" {
	vs-train -q -i IVF8,PQ32x4fs -o m.vsm b.bvecs
	vs-build -q -M m.vsm -o one.vss b.bvecs
	vs-query -q -o one.tsv one.vss q.bvecs
	vs-shard create -q -c col --shards 3 --by hash -M m.vsm b.bvecs
	for i in 0 1 2; do
		vs-build -q -c col --part $i/3
		vs-query -q -o part$i.vsh --part $i/3 col q.bvecs
	done
	vs-query -q --verify deep -o col.tsv col q.bvecs
	vs-merge -q -o merged.tsv part0.vsh part1.vsh part2.vsh
	cmp one.tsv col.tsv
	cmp one.tsv merged.tsv
}

@test "refined by whole vectors, the answers are theirs" {
	vs-build -q -i Flat -o flat.vss b.bvecs
	vs-query -q -o flat.ivecs flat.vss q.bvecs
	vs-train -q -i PQ32,RFlat -o f.vsm b.bvecs
	vs-build -q -M f.vsm -o f.vss b.bvecs
	vs-query -q -p kfactor=300 -o f.ivecs f.vss q.bvecs
	cmp f.ivecs flat.ivecs
	vs-train -q -i PQ32 -o p.vsm b.bvecs
	vs-build -q -M p.vsm -o p.vss b.bvecs
	vs-query -q -o p.ivecs p.vss q.bvecs
	vs-eval recall --truth flat.ivecs --min-recall 0.6 p.ivecs
}

@test "rows whose lengths or differences are no floats are refused" {
	python3 - <<'END'
import struct

with open("far.fvecs", "wb") as out:
    for i in range(300):
        v = [i % 7 * 1e30 + (3e38 if i > 0 else -3e38)] * 8
        out.write(struct.pack("<i8f", 8, *v))
END
	for index in PQ4x4fs IVF1,PQ4x4fs; do
		run -65 vs-train -q -i $index -m ip -o far.vsm far.fvecs
		[[ $output == *"far.fvecs"*"leave the range of floats"* ]]
	done
	run -65 vs-train -q -i IVF1,PQ4x4fs -o far.vsm far.fvecs
	[[ $output == *"far.fvecs"*"leave the range of floats"* ]]
	vs-train -q -i PQ4x4fs -o far.vsm far.fvecs
}
