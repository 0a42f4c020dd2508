#!/usr/bin/env bats
# vs-query --self: the rows of a shard as its queries.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 3000
	# Rows that are equal, more of them than neighbours.
	$VECS convert base.bvecs some.bvecs 70 1
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		cat some.bvecs
	done >>base.bvecs
	$VECS convert base.bvecs base.fvecs 0 3012
	vs-train -q -i IVF16,Flat -o m.vsm base.bvecs
	vs-build -q -M m.vsm -o s.vss base.bvecs
	vs-query -q --self -k 5 -p nprobe=3 -o s.tsv s.vss
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -rf out
	mkdir out
}

# One more than K of the same vectors as queries, each without itself.
others() { # K < tsv
	awk -v k="$1" -v OFS='\t' '
	$1 != q { q = $1; n = 0 }
	$3 != $1 && n < k { print $1, ++n, $3, $4 }'
}

# same K SHARD QUERIES WORD...: --self is that.
same() {
	vs-query -q -k $(($1 + 1)) "${@:4}" -o out/q.tsv --replace "$2" "$3"
	others "$1" <out/q.tsv >out/want.tsv
	vs-query -q -k "$1" "${@:4}" --self -o out/got.tsv --replace "$2"
	cmp out/want.tsv out/got.tsv
}

@test "a graph is what the vectors as queries give" {
	same 5 s.vss base.bvecs -p nprobe=3
	cmp out/got.tsv s.tsv
	[ "$(wc -l <s.tsv)" -eq $((3012 * 5)) ]
	same 20 s.vss base.bvecs -p nprobe=1
	same 1 s.vss base.bvecs -p nprobe=16
	vs-build -q -i Flat -o out/f.vss base.bvecs
	same 5 out/f.vss base.bvecs
	for m in ip cosine l1; do
		vs-build -q -i Flat -m $m -o out/$m.vss base.fvecs
		same 5 out/$m.vss base.fvecs
	done
	vs-build -q -i SQ8,RFlat -o out/r.vss base.fvecs
	same 5 out/r.vss base.fvecs
	# A row is left out by its number; one that is equal is not.
	[ "$(awk '$1 == 3005 { print $3 }' s.tsv | sort -n | tr '\n' ' ')" = \
		"70 3000 3001 3002 3003 " ]
}

@test "codes: the vectors that they stand for are the queries" {
	vs-train -q -i PCA32,IVF8,PQ8 -o out/p.vsm base.fvecs
	vs-build -q -M out/p.vsm -o out/p.vss base.fvecs
	vs-train -q -i OPQ16,IVF8,SQ8 -o out/o.vsm base.fvecs
	vs-build -q -M out/o.vsm -o out/o.vss base.fvecs
	for s in p o; do
		vs-query -q --self -k 1 -p nprobe=8 -o out/$s.tsv out/$s.vss
		[ "$(wc -l <out/$s.tsv)" -eq 3012 ]
		# Equal rows have equal codes.
		[ "$(awk '$1 >= 3000 && $4 == 0' out/$s.tsv | wc -l)" -eq 12 ]
		# A graph of vectors has the same edges both ways.
		vs-query -q --self -k 400 -p nprobe=8 -o out/k.tsv --replace \
			out/$s.vss
		awk '$1 < 50 && $3 < 50 { d[$1, $3] = $4 }
		END { for (e in d) { split(e, a, SUBSEP); f = a[2] SUBSEP a[1]
			if (f in d) { n++; if (d[e] != d[f]) bad++ } }
			exit !(n > 20 && !bad) }' out/k.tsv
	done
	# Bytes that SQ8 keeps as they are.
	vs-build -q -i SQ8 -o out/b.vss base.bvecs
	same 5 out/b.vss base.bvecs
}

@test "queries stand in the order of ids, and slices follow each other" {
	seq 9000 -3 0 | head -n 3001 >out/ids
	seq 9001 9011 >>out/ids
	vs-build -q -M m.vsm --ids out/ids -o out/i.vss base.bvecs
	vs-query -q --self -k 5 -p nprobe=3 -o out/i.ivecs out/i.vss
	vs-query -q --self -k 5 -p nprobe=3 -o out/i.tsv out/i.vss
	# Query q is the q-th id.
	sort -n out/ids >out/sorted
	vs-query -q -k 6 -p nprobe=3 -o out/q.tsv out/i.vss base.bvecs
	python3 - out/ids out/sorted out/q.tsv out/i.tsv <<-'PY'
	import sys
	ids, order = ([int(x) for x in open(p)] for p in sys.argv[1:3])
	rank = {i: n for n, i in enumerate(order)}
	def read(p):
	    out = {}
	    for line in open(p):
	        q, _, i, d = line.split()
	        out.setdefault(int(q), []).append((int(i), d))
	    return out
	want = {rank[ids[q]]: [h for h in hits if h[0] != ids[q]][:5]
	        for q, hits in read(sys.argv[3]).items()}
	assert want == read(sys.argv[4])
	PY
	for i in 0 1 2 3 4 5 6; do
		vs-query -q --self -k 5 -p nprobe=3 --part $i/7 \
			-o out/part$i.ivecs out/i.vss
	done
	cat out/part?.ivecs | cmp - out/i.ivecs
	vs-query -q --self -k 5 --part 2/7 -f vsh -o out/d/ out/i.vss
	[ -s out/d/part-00002-of-00007.vsh ]
	"$VS_TOP/tests/format/vsformat.py" check out/d/part-00002-of-00007.vsh
	SLURM_ARRAY_TASK_ID=12 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=16 \
		SLURM_ARRAY_TASK_COUNT=7 vs-query -q --self -k 5 \
		-f vsh -o out/d/ --recheck out/i.vss
	[ "$(ls out/d)" = part-00002-of-00007.vsh ]
}

@test "a collection is one graph" {
	vs-shard create -q -c out/col --shards 3 --by hash -M m.vsm base.bvecs
	for i in 0 1 2; do
		vs-build -q -c out/col --part $i/3
	done
	vs-query -q --self -k 5 -p nprobe=3 -o out/c.tsv out/col
	cmp out/c.tsv s.tsv
	vs-query -q --self -k 5 -p nprobe=3 --part 1/2 -o out/1.tsv out/col
	[ "$(head -n 1 out/1.tsv | cut -f 2-)" = \
		"$(awk '$1 == 1506' s.tsv | head -n 1 | cut -f 2-)" ]
}

@test "within a radius: the near duplicates of each" {
	vs-query -q --self --radius 20000 -p nprobe=3 -o out/r.tsv s.vss
	vs-query -q --radius 20000 -p nprobe=3 -o out/q.tsv s.vss base.bvecs
	others 3012 <out/q.tsv | cmp - out/r.tsv
	[ "$(wc -l <out/r.tsv)" -gt 156 ]
	vs-query -q --self --radius 0 -k 3 -o out/k.tsv s.vss
	[ "$(awk '$4 != 0' out/k.tsv | wc -l)" -eq 0 ]
	[ "$(awk '$1 == 70' out/k.tsv | wc -l)" -eq 3 ]
	vs-query -q --self --radius 20000 -p nprobe=3 -o out/r.vsh s.vss
	"$VS_TOP/tests/format/vsformat.py" hits out/r.vsh | cmp - out/r.tsv
}

@test "a list without room is refused by the number of its query" {
	$VECS convert "$DATA/base.bvecs" out/b.bvecs 0 100
	$VECS convert "$DATA/base.bvecs" out/same.bvecs 100 1
	for _ in {1..16}; do
		cat out/same.bvecs out/same.bvecs >out/twice.bvecs
		mv out/twice.bvecs out/same.bvecs
	done
	cat out/same.bvecs >>out/b.bvecs
	vs-build -q -i Flat -o out/f.vss out/b.bvecs
	run -71 vs-query -q --self --radius 0 --memory 3M -o out/x.tsv \
		out/f.vss
	[[ $output == *"query 100 has more than "*"within the radius"* ]]
}

@test "neither threads, instruction sets nor memory change a byte" {
	for w in -t1 -t3 --memory=2M; do
		vs-query -q --self -k 5 -p nprobe=3 $w -o out/a.tsv --replace \
			s.vss
		cmp s.tsv out/a.tsv
	done
	VS_CPU=generic vs-query -q --self -k 5 -p nprobe=3 -o out/g.tsv s.vss
	cmp s.tsv out/g.tsv
	run -0 --separate-stderr vs-query --self -k 5 -p nprobe=3 --plan \
		-o out/p.ivecs s.vss
	[[ $output == *"$((3012 * 24))"* ]]
	vs-query -q --self -k 5 -p nprobe=3 -o out/d.vsh s.vss
	run -0 --separate-stderr vs-query --self -k 5 -p nprobe=3 -o out/d.vsh \
		s.vss
	[[ $stderr == *"already done"* ]]
	run -73 vs-query -q -k 5 -p nprobe=3 -o out/d.vsh s.vss base.bvecs
}

@test "fewer rows than neighbours: padded, never itself" {
	$VECS convert base.bvecs out/b.bvecs 0 3
	vs-build -q -i Flat -o out/b.vss out/b.bvecs
	vs-query -q --self -k 5 -o out/b.tsv out/b.vss
	[ "$(wc -l <out/b.tsv)" -eq 6 ]
	[ "$(awk '$1 == $3' out/b.tsv | wc -l)" -eq 0 ]
	vs-query -q --self -k 5 -o out/b.ivecs out/b.vss
	[ "$(stat -c %s out/b.ivecs)" -eq $((3 * 24)) ]
}

@test "what does not go with --self is refused" {
	run -2 vs-query --self -o out/x.tsv s.vss base.bvecs
	[[ $output == *"base.bvecs: with --self the rows of the shard are"* ]]
	run -2 vs-query -o out/x.tsv s.vss
	[[ $output == *"missing operand; expected SHARD|COLLECTION QUERIES"* ]]
	run -2 vs-query --self --stream -o out/x.tsv s.vss
	[[ $output == *"--self reads no file of queries"*--stream* ]]
	run -2 vs-query --self --input-format npy -o out/x.tsv s.vss
	[[ $output == *--input-format* ]]
	run -2 vs-query --self --zero keep -o out/x.tsv s.vss
	[[ $output == *--zero* ]]
	run -66 vs-query --self -o out/x.tsv none.vss
	run -65 vs-query --self -o out/x.tsv base.bvecs
	SLURM_ARRAY_TASK_ID=3 run -2 vs-query --self -o out/ s.vss
	[[ $output == *"--part i/n"* ]]
}
