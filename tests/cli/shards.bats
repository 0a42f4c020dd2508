#!/usr/bin/env bats
# Collections by hash and by range: shards merged are one shard, byte for byte.
bats_require_minimum_version 1.5.0

METRICS="l2 ip"
DTYPES="u8 f32"
INDEXES="Flat IVF16,Flat"
SHARDINGS="hash range"

# base and queries of an element type, as base.TYPE.SUFFIX; prints the suffix
suffix() {
	case $1 in
	u8) echo bvecs ;;
	f32) echo fvecs ;;
	esac
}

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 1500
	$VECS convert "$DATA/query.bvecs" query.bvecs 0 40
	$VECS shift base.fvecs base.bvecs
	$VECS shift query.fvecs query.bvecs
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	mkdir -p "$BATS_TEST_NUMBER"
	cd "$BATS_TEST_NUMBER" || return
}

# build_all DIR N: every shard
build_all() {
	for ((i = 0; i < $2; i++)); do
		vs-build -q -c "$1" --part "$i/$2"
	done
}

# query_all DIR N NPROBE QUERIES OUT: every shard for itself, then merged;
# NPROBE "" for Flat
query_all() {
	rm -rf parts
	for ((i = 0; i < $2; i++)); do
		vs-query -q -k 10 ${3:+-p "nprobe=$3"} --part "$i/$2" \
			-o parts/ "$1" "$4"
	done
	vs-merge -q --replace -o "$5" parts/*.vsh
}

# matrix OPTION...: all kinds, with more options of create and build
matrix() {
	for t in $DTYPES; do
		s=$(suffix "$t")
		for m in $METRICS; do
			for index in $INDEXES; do
				one_kind "$@"
			done
		done
	done
}

# One type, metric and index: one shard against three by each rule.
one_kind() {
	probes=("")
	how=(-i "$index" -m "$m")
	if [ "$index" != Flat ]; then
		probes=(1 7 16)
		vs-train -q --replace -i "$index" -m "$m" -o m.vsm "../base.$s"
		how=(-M m.vsm)
	fi
	vs-build -q --replace "${how[@]}" "$@" -o one.vss "../base.$s"
	for by in $SHARDINGS; do
		c=c-$t-$m-$index-$by
		vs-shard create -q -c "$c" --shards 3 --by "$by" "${how[@]}" \
			"$@" "../base.$s"
		build_all "$c" 3
	done
	for p in "${probes[@]}"; do
		vs-query -q --replace -k 10 ${p:+-p "nprobe=$p"} -o one.tsv \
			one.vss "../query.$s"
		[ "$(wc -l <one.tsv)" -eq 400 ]
		for by in $SHARDINGS; do
			echo "$t $m $index $by $p"
			query_all "c-$t-$m-$index-$by" 3 "$p" "../query.$s" \
				many.tsv
			cmp one.tsv many.tsv
		done
	done
}

@test "merged shards equal one shard: all metrics, types, indexes and rules" {
	matrix -q
}

@test "by range: balanced runs of rows, the manifest tiles the input" {
	vs-shard create -q -c c --shards 7 --by range -i Flat ../base.bvecs
	python3 - <<-'PY'
	import re
	text = open("c/000001.yaml").read()
	first = [int(x) for x in re.findall(r"first: (\d+)", text)]
	assert first == [i * 1500 // 7 for i in range(7)], first
	assert "vnodes" not in text
	PY
	build_all c 7
	vs-query -q -k 5 -o c.tsv c ../query.bvecs
	vs-build -q -i Flat -o one.vss ../base.bvecs
	vs-query -q -k 5 -o one.tsv one.vss ../query.bvecs
	cmp c.tsv one.tsv
	vs-shard verify --verify deep -c c
}

@test "by range: more shards than rows" {
	$VECS convert ../base.bvecs three.bvecs 0 3
	run vs-shard create -c c --shards 5 --by range -i Flat three.bvecs
	[ "$status" -eq 0 ]
	[[ $output == *"2 of 5 shards hold no row"* ]]
	build_all c 5
	vs-shard verify --verify deep -c c
	query_all c 5 "" ../query.bvecs m.tsv
	vs-query -q -k 10 -o c.tsv c ../query.bvecs
	cmp c.tsv m.tsv
}

@test "by range: a shard is built from its own rows alone" {
	$VECS shift big.fvecs "$DATA/base.bvecs"
	vs-shard create -q -c c --shards 4 --by range -i Flat big.fvecs
	# a NaN in row 200, between the blocks that the quick digest samples
	printf '\xff\xff\xff\xff' | dd of=big.fvecs bs=1 \
		seek=$((200 * 516 + 8)) conv=notrunc 2>/dev/null
	for i in 1 2 3; do
		vs-build -q -c c --part $i/4
	done
	run vs-build -c c --part 0/4
	[ "$status" -eq 65 ]
	[[ $output == *"row 200"* ]]
}

@test "weights are shares, by hash and by range" {
	for by in hash range; do
		vs-shard create -q -c w-$by --shards 3 --by $by \
			--weights 1,4,1 -i Flat ../base.bvecs
		grep -q "weight: 4" w-$by/000001.yaml
		build_all w-$by 3
		query_all w-$by 3 "" ../query.bvecs $by.tsv
	done
	vs-build -q -i Flat -o one.vss ../base.bvecs
	vs-query -q -k 10 -o one.tsv one.vss ../query.bvecs
	cmp hash.tsv one.tsv
	cmp range.tsv one.tsv
	grep -c "rows: 250" w-range/000001.yaml | grep -qx 2
	run vs-shard create -c w --shards 3 --weights 1,2 -i Flat ../base.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *"2 weights for 3 shards"* ]]
	run vs-shard create -c w --shards 3 --by range --vnodes 8 -i Flat \
		../base.bvecs
	[ "$status" -eq 2 ]
	[ ! -e w ]
}

@test "a range shard of other vectors is stale" {
	vs-shard create -q -c c --shards 3 --by range -i Flat ../base.bvecs
	build_all c 3
	cp c/shards/00001.vss c/shards/00002.vss
	run vs-shard verify -c c
	[ "$status" -eq 1 ]
	[[ $output == *"is stale"* ]]
	run vs-query -o x.tsv c ../query.bvecs
	[ "$status" -eq 65 ]
	run vs-build -c c --part 2/3
	[ "$status" -eq 73 ]
	vs-build -q -c c --part 2/3 --replace
	vs-shard verify -q -c c
}
