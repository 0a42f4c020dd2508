#!/usr/bin/env bats
# Scalar codes and refining, from the command line.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	cp "$VS_TOP"/datasets/sift20k/query.bvecs .
	# Rows of four floats; the last has one that no half holds.
	python3 - <<'END'
import struct

with open("f.fvecs", "wb") as f, open("big.fvecs", "wb") as big:
    for i in range(300):
        row = [i * 7 % 31 / 3, i * 5 % 17 - 8.5, i / 40, i % 2 * 1.5]
        f.write(struct.pack("<i4f", 4, *row))
        big.write(struct.pack("<i4f", 4, *row[:3], 65520 * (i == 299)))
END
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

@test "SQ8 and SQfp16 need no model" {
	for index in SQ8 SQfp16 SQ8,RFlat 'SQ8,Refine(SQfp16)' SQfp16,RFlat; do
		vs-build -q --replace -i "$index" -o a.vss f.fvecs
		vs-query -q --replace --verify deep -k 1 -o a.tsv a.vss f.fvecs
		[ "$(wc -l <a.tsv)" -eq 300 ]
	done
	# Candidates enough make the answers those of Flat.
	vs-build -q -i Flat -o flat.vss f.fvecs
	vs-query -q -o flat.tsv flat.vss f.fvecs
	vs-build -q --replace -i SQ8,RFlat -o a.vss f.fvecs
	vs-query -q --replace -p kfactor=30 -o a.tsv a.vss f.fvecs
	cmp a.tsv flat.tsv
}

@test "an element that no half holds is refused with file and row" {
	run vs-build -i SQfp16 -o b.vss big.fvecs
	[ "$status" -eq 65 ]
	[[ $output == *'big.fvecs: row 299 has 65520 in dimension 3; '* ]]
	[ ! -e b.vss ]
	vs-build -q -i SQ8 -o b.vss big.fvecs
}

@test "shards of a collection share ranges" {
	run vs-shard create -c none --shards 2 --by hash -i SQ8 f.fvecs
	[ "$status" -eq 2 ]
	[[ $output == *'SQ8 needs a model: train it with vs-train -i SQ8 '* ]]
	vs-train -q -i SQ8 -o r.vsm f.fvecs
	vs-build -q -M r.vsm -o one.vss f.fvecs
	vs-query -q -o one.tsv one.vss f.fvecs
	vs-shard create -q -c col --shards 3 --by hash -M r.vsm f.fvecs
	for i in 0 1 2; do
		vs-build -q -c col --part $i/3
		vs-query -q -o part$i.vsh --part $i/3 col f.fvecs
	done
	vs-query -q -o col.tsv col f.fvecs
	vs-merge -q -o merged.tsv part0.vsh part1.vsh part2.vsh
	cmp one.tsv col.tsv
	cmp one.tsv merged.tsv
}

@test "refining over shards: candidates are found in all of them together" {
	vs-train -q -i IVF4,SQ8,RFlat -o x.vsm f.fvecs
	vs-build -q -M x.vsm -o x.vss f.fvecs
	vs-shard create -q -c fine --shards 3 --by hash -M x.vsm f.fvecs
	for i in 0 1 2; do
		vs-build -q -c fine --part $i/3
	done
	for factor in 1 2 5; do
		p=nprobe=2,kfactor=$factor
		vs-query -q --replace -p $p -o x.tsv x.vss f.fvecs
		vs-query -q --replace -p $p -o c.tsv fine f.fvecs
		cmp x.tsv c.tsv
	done
}

@test "bytes are their own codes" {
	run vs-train -i SQ8 -o u.vsm query.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *'SQ8 of u8 rows needs no training'* ]]
	vs-build -q -i SQ8 -o u.vss query.bvecs
	vs-build -q -i Flat -o uf.vss query.bvecs
	vs-query -q -o u.tsv u.vss query.bvecs
	vs-query -q -o uf.tsv uf.vss query.bvecs
	cmp u.tsv uf.tsv
	vs-shard create -q -c bytes --shards 2 --by hash -i SQ8 query.bvecs
}

@test "parameters that do not fit" {
	vs-build -q --replace -i SQ8,RFlat -o p.vss f.fvecs
	for p in nprobe=3 kfactor=0 kfactor 'kfactor=2,' factor=2 kfactor=70000; do
		run vs-query -p $p -o p.vsh p.vss f.fvecs
		[ "$status" -eq 2 ]
		[[ $output == *"expected kfactor=N with N from 1" ]]
	done
	run vs-query -k 65536 -p kfactor=17 -o p.vsh p.vss f.fvecs
	[ "$status" -eq 2 ]
	[[ $output == *'1114112 candidates; at most 1048576' ]]
	run vs-build -i PCA2,SQ8,RFlat -o p.vss f.fvecs
	[ "$status" -eq 2 ]
}

@test "a value that no half holds is refused beside codes, too" {
	for index in 'SQ8,Refine(SQfp16)' 'PQ2,Refine(SQfp16)' \
		'IVF4,PQ2,Refine(SQfp16)' 'OPQ2,PQ2,Refine(SQfp16)'; do
		rm -f a.vss
		vs-train -q --replace -i "$index" -o big.vsm big.fvecs
		run vs-build -q -M big.vsm -o a.vss big.fvecs
		[ "$status" -eq 65 ]
		[[ $output == *"halves go to 65504"* ]]
		[ ! -e a.vss ]
	done
	# Where no halves are, it is as good as any.
	vs-train -q --replace -i PQ2,RFlat -o big.vsm big.fvecs
	vs-build -q -M big.vsm -o a.vss big.fvecs
}
