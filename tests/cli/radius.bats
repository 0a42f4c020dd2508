#!/usr/bin/env bats
# Range searches: all rows within a radius, through every tool that meets them.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0

R=90000

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 6000
	$VECS convert "$DATA/query.bvecs" query.bvecs 0 60
	vs-build -q -i Flat -o flat.vss base.bvecs
	vs-train -q -i IVF32,Flat -o m.vsm base.bvecs
	vs-build -q -M m.vsm -o s.vss base.bvecs
	vs-shard create -q -c col --shards 3 --by hash -M m.vsm base.bvecs
	for i in 0 1 2; do
		vs-build -q -c col --part $i/3
	done
	vs-query -q --radius 90000 -o truth.usbin flat.vss query.bvecs
	vs-query -q --radius 90000 -p nprobe=3 -o h.vsh s.vss query.bvecs
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -rf out
	mkdir out
}

query() { # OUT WORD...
	vs-query -q --radius $R -p nprobe=3 -o "$@" query.bvecs
}

@test "what is within is what a search for many neighbours says" {
	vs-query -q -k 6000 -o out/all.tsv flat.vss query.bvecs
	awk -v r=$R '$4 <= r' out/all.tsv >out/want.tsv
	vs-query -q --radius $R -o out/got.tsv flat.vss query.bvecs
	[ "$(wc -l <out/got.tsv)" -gt 200 ]
	cmp out/want.tsv out/got.tsv
	# A radius at a row has it, one before it has not.
	r=$(awk '$1 == 5 && $2 == 3 { print $4 }' out/all.tsv)
	vs-query -q --radius "$r" -o - flat.vss query.bvecs >out/at.tsv
	awk -v r="$r" '$4 <= r' out/all.tsv | cmp - out/at.tsv
	vs-query -q --radius "$((r - 1))" -o - flat.vss query.bvecs |
		awk -v r="$r" '$1 == 5 { n++ } END { exit n != 2 }'
}

@test "-k has the nearest of them, padded where a format is of one width" {
	vs-query -q --radius $R -o out/all.tsv flat.vss query.bvecs
	vs-query -q --radius $R -k 4 -o out/cut.tsv flat.vss query.bvecs
	awk '$2 <= 4' out/all.tsv | cmp - out/cut.tsv
	vs-query -q --radius $R -k 4 -o out/cut.ivecs flat.vss query.bvecs
	[ "$(stat -c %s out/cut.ivecs)" -eq $((60 * 20)) ]
	run -2 vs-query --radius $R -o out/x.ivecs flat.vss query.bvecs
	[[ $output == *"ivecs holds as many results of each query"* ]]
	[[ $output == *"-k"* ]]
	# One that refines knows distances of its candidates only.
	$VECS convert base.bvecs out/base.fvecs 0 6000
	vs-build -q -i SQ8,RFlat -m cosine -o out/r.vss out/base.fvecs
	vs-build -q -i Flat -m cosine -o out/c.vss out/base.fvecs
	vs-query -q --radius 0.9 -k 9 -o out/r.tsv out/r.vss query.bvecs
	vs-query -q --radius 0.9 -k 9 -o out/c.tsv out/c.vss query.bvecs
	cmp out/r.tsv out/c.tsv
}

@test "codes: what lies within by the distances that they have" {
	$VECS convert base.bvecs out/base.fvecs 0 2000
	for i in SQ8 SQfp16 PQ16 PQ16x4fs IVF8,PQ16 IVF8_SOAR,Flat PCA32,SQ8; do
		if [[ $i == SQ* ]]; then
			vs-build -q -i $i -o out/i.vss --replace out/base.fvecs
		else
			vs-train -q -i $i -o out/m.vsm --replace out/base.fvecs
			vs-build -q -M out/m.vsm -o out/i.vss --replace \
				out/base.fvecs
		fi
		p=()
		[[ $i != IVF* ]] || p=(-p nprobe=3)
		vs-query -q -k 2000 "${p[@]}" -o out/all.tsv --replace out/i.vss \
			query.bvecs
		r=$(awk '$1 == 7 && $2 == 50 { print $4 }' out/all.tsv)
		vs-query -q --radius "$r" "${p[@]}" -o out/r.tsv --replace out/i.vss \
			query.bvecs
		awk -v r="$r" '$4 <= r' out/all.tsv | cmp - out/r.tsv
		[ "$(awk '$1 == 7' out/r.tsv | wc -l)" -ge 50 ]
	done
}

@test "neither threads, instruction sets nor memory change a byte" {
	for t in 1 2 3; do
		query out/t.vsh -t $t --replace s.vss
		cmp h.vsh out/t.vsh
	done
	for c in generic avx2; do
		VS_CPU=$c query out/c.vsh --replace s.vss
		cmp h.vsh out/c.vsh
	done
	query out/all.tsv -p nprobe=32 s.vss
	# Little memory: many blocks; the figures stand in the refusal.
	vs-query -q --radius 1e9 -o out/a.usbin flat.vss query.bvecs
	[ "$(stat -c %s out/a.usbin)" -eq $((8 + 60 * 4 + 60 * 6000 * 8)) ]
	vs-query -q --radius 1e9 --memory 4M -o out/b.usbin flat.vss query.bvecs
	cmp out/a.usbin out/b.usbin
}

@test "a list that memory cannot hold is refused, not cut" {
	$VECS convert query.bvecs out/q.bvecs 0 3
	vs-build -q -i Flat -o out/f.vss "$DATA/base.bvecs"
	vs-query -q --radius 1e9 -o out/y.usbin out/f.vss out/q.bvecs
	for m in 1M 1200K 1500K 2M 3M; do
		run vs-query -q --radius 1e9 --memory $m -o out/x.usbin \
			--replace out/f.vss out/q.bvecs
		case $status in
		0) cmp out/x.usbin out/y.usbin; good=$m ;;
		71) [[ $output == *memory* ]]
		   [[ $output != *results*radius* ]] || refused=$output ;;
		*) false ;;
		esac
	done
	[ -n "$good" ]
	[[ $refused == *"query "[0-2]" has more than 16384 results within the radius"* ]]
	[[ $refused == *"give more --memory, a smaller radius, or -k"* ]]
}

@test "merged parts are the whole, in every format" {
	for i in 0 1 2; do
		query out/$i.vsh --part $i/3 col
	done
	for f in tsv jsonl usbin; do
		query out/whole.$f s.vss
		vs-merge -q -o out/merged.$f out/[012].vsh
		cmp out/whole.$f out/merged.$f
	done
	vs-merge -q -o out/m.vsh out/[012].vsh
	"$VS_TOP/tests/format/vsformat.py" check out/m.vsh h.vsh
	"$VS_TOP/tests/format/vsformat.py" hits out/m.vsh | cmp - out/whole.tsv
	run -0 --separate-stderr vs-merge -o out/m.vsh --recheck out/[012].vsh
	[[ $stderr == *"already done"*"all within the radius"* ]]
	# A copy counts once; one shard less is said.
	cp out/1.vsh out/copy.vsh
	vs-merge -q -o out/copied.tsv out/[012].vsh out/copy.vsh
	cmp out/whole.tsv out/copied.tsv
	vs-merge -q --memory 2M -o out/little.tsv out/[012].vsh
	cmp out/whole.tsv out/little.tsv
	run -66 vs-merge -o out/x.tsv out/[01].vsh
	[[ $output == *"1 of 3 shards are missing: 2"* ]]
}

@test "parts that do not belong together are refused" {
	query out/0.vsh --part 0/3 col
	query out/1.vsh --part 1/3 col
	vs-query -q --radius 90001 -p nprobe=3 -o out/r.vsh --part 2/3 col \
		query.bvecs
	query out/k.vsh -k 5 --part 2/3 col
	run -65 vs-merge -o out/x.tsv out/[01].vsh out/r.vsh
	[[ $output == *'search parameters is "nprobe=3,radius=90001"'* ]]
	run -65 vs-merge -o out/x.tsv out/[01].vsh out/k.vsh
	[[ $output == *"holds all hits within a radius"* ]]
	query out/2.vsh --part 2/3 col
	run -2 vs-merge -k 5 -o out/x.tsv out/[012].vsh
	[[ $output == *"leave out -k"* ]]
	run -2 vs-merge -o out/x.npy out/[012].vsh
	[[ $output == *"expected vsh, usbin, tsv or jsonl"* ]]
	# Another radius is another task.
	run -73 vs-query -q --radius 89999 -p nprobe=3 -o out/0.vsh --part 0/3 \
		col query.bvecs
	[[ $output == *"--replace"* ]]
}

@test "recall: lists against the truth of the same radius" {
	run -0 vs-eval recall --truth truth.usbin truth.usbin
	[[ $output == *"range recall, all results a query: 1.0000"* ]]
	[[ $output == *"precision: 1.0000"* ]]
	query out/h.usbin s.vss
	query out/h.tsv s.vss
	vs-query -q --radius $R -o out/t.vsh flat.vss query.bvecs
	run -0 vs-eval recall --truth truth.usbin h.vsh
	[[ $output == *"of all true neighbours: 0."* ]]
	[[ $output == *"precision: 1.0000 (of $(wc -l <out/h.tsv) results)"* ]]
	want=$output
	run -0 vs-eval recall --truth truth.usbin out/h.usbin
	[ "$output" = "$want" ]
	run -0 vs-eval recall --truth out/t.vsh h.vsh
	[ "$output" = "$want" ]
	run -0 vs-eval recall --memory 2M --truth out/t.vsh h.vsh
	[ "$output" = "$want" ]
	run -0 vs-eval recall -k 2 --truth truth.usbin h.vsh
	[[ $output == *"range recall, 2 results a query"* ]]
	vs-query -q -k 5 -o out/k.ivecs flat.vss query.bvecs
	run -65 vs-eval recall --truth out/k.ivecs h.vsh
	[[ $output == *"is of a range search, out/k.ivecs holds 5 true"* ]]
}

@test "streams have the same answers" {
	query out/h.jsonl s.vss
	vs-query -q --stream --input-format bvecs --radius $R -p nprobe=3 \
		-f jsonl -o - s.vss - <query.bvecs | cmp - out/h.jsonl
}

@test "no radius that cannot be" {
	for r in -1 nan inf x '' 1e39; do
		run -2 vs-query --radius "$r" -o out/x.tsv flat.vss query.bvecs
		[[ $output == *radius* ]]
	done
	vs-build -q -i Flat -m cosine -o out/c.vss base.bvecs
	for r in 1.5 -1.5 30000; do
		run -2 vs-query --radius "$r" -o out/x.tsv out/c.vss query.bvecs
		[[ $output == *"expected a cosine, from -1 to 1"* ]]
	done
	vs-query -q --radius -1 -o out/all.tsv out/c.vss query.bvecs
	[ "$(wc -l <out/all.tsv)" -eq $((60 * 6000)) ]
	$VECS convert base.bvecs out/base.fvecs 0 6000
	vs-build -q -i SQ8,RFlat -o out/r.vss out/base.fvecs
	run -2 vs-query --radius 5 -o out/x.tsv out/r.vss query.bvecs
	[[ $output == *"SQ8,RFlat ranks the nearest by code again"* ]]
	[ ! -e out/x.tsv ]
}

@test "no result at all is an answer" {
	vs-query -q --radius 0 -o out/none.vsh flat.vss query.bvecs
	vs-query -q --radius 0 -o out/none.usbin flat.vss query.bvecs
	vs-query -q --radius 0 -o out/none.jsonl flat.vss query.bvecs
	"$VS_TOP/tests/format/vsformat.py" check out/none.vsh
	[ "$(stat -c %s out/none.usbin)" -eq $((8 + 60 * 4)) ]
	[ "$(head -n 1 out/none.jsonl)" = '{"query":0,"ids":[],"distances":[]}' ]
	run -65 vs-eval recall --truth out/none.usbin h.vsh
	[[ $output == *"none of its 60 queries has a true neighbour"* ]]
	run -0 vs-eval recall --truth truth.usbin out/none.vsh
}
