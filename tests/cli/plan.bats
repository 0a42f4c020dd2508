#!/usr/bin/env bats
# --plan: what a command would make and need is what it makes and needs.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
}

# What is here but the notes of this file and of bats.
all_files() {
	find . -mindepth 1 ! -name before ! -name after \
		! -name '*separate-stderr*' -printf '%M %n %s %T+ %p\n' | sort
}

# plan_of COMMAND...: its plan in $output; nothing may be made or said.
plan_of() {
	all_files >before
	run --separate-stderr "$@" --plan
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	all_files >after
	diff before after
	rm before after
}

# value NAME: of the plan in $output.
value() {
	sed -n "s/^$1: \([^#]*[^# ]\)\( #.*\)\{0,1\}$/\1/p" <<<"$output"
}

# exact FILE: the plan said the size that FILE has.
exact() {
	[ "$(value output_bytes)" = "$(stat -c %s "$1")" ]
}

@test "sizes of Flat shards are exact for every metric and type" {
	head -c $((132 * 1000)) "$data/base.bvecs" >part.bvecs
	"$VS_TOP/tests/tools/vecs.py" shift part.fvecs part.bvecs
	"$VS_TOP/tests/tools/vecs.py" i8 part.i8bin part.bvecs
	"$VS_TOP/tests/tools/vecs.py" f16 part.npy part.bvecs
	for file in part.*; do
		for m in l2 ip cosine l1; do
			plan_of vs-build -i Flat -m $m -o part.vss "$file"
			vs-build -q -i Flat -m $m -o part.vss "$file"
			exact part.vss
			rm part.vss
		done
	done
}

@test "sizes of models, Flat shards and ivecs are exact" {
	plan_of vs-train -i IVF32,Flat -o a.vsm "$data/base.bvecs"
	[ "$(value rows)" = 20000 ]
	[ "$(value dim)" = 128 ]
	[ "$(value dtype)" = u8 ]
	vs-train -q -i IVF32,Flat -o a.vsm "$data/base.bvecs"
	exact a.vsm
	# Sizes around whole panels and blocks.
	for n in 1 15 16 17 8191 8192 20000; do
		head -c $((132 * n)) "$data/base.bvecs" >part.bvecs
		plan_of vs-build -i Flat -o part.vss part.bvecs
		vs-build -q --replace -i Flat -o part.vss part.bvecs
		exact part.vss
		rm part.vss
	done
	vs-build -q -i Flat -o a.vss "$data/base.bvecs"
	plan_of vs-query -k 7 -o h.ivecs a.vss "$data/query.bvecs"
	vs-query -q -k 7 -o h.ivecs a.vss "$data/query.bvecs"
	exact h.ivecs
	plan_of vs-eval truth -k 7 -o t.fvecs "$data/base.bvecs" \
		"$data/query.bvecs"
	vs-eval truth -q -k 7 -o t.fvecs "$data/base.bvecs" \
		"$data/query.bvecs"
	exact t.fvecs
	vs-query -q -k 7 -o h.vsh a.vss "$data/query.bvecs"
	plan_of vs-merge -k 5 -o m.ivecs h.vsh
	vs-merge -q -k 5 -o m.ivecs h.vsh
	exact m.ivecs
}

@test "an IVF shard is within its limits" {
	for nlist in 1 32 500; do
		vs-train -q -i IVF$nlist,Flat -o a.vsm "$data/base.bvecs"
		plan_of vs-build -M a.vsm -o a.vss "$data/base.bvecs"
		vs-build -q -M a.vsm -o a.vss "$data/base.bvecs"
		min=$(value output_bytes_min)
		max=$(value output_bytes_max)
		n=$(stat -c %s a.vss)
		[ "$min" -le "$n" ]
		[ "$n" -le "$max" ]
		rm a.vsm a.vss
	done
}

@test "memory and passes follow the ceiling" {
	vs-train -q -i IVF32,Flat -o a.vsm "$data/base.bvecs"
	plan_of vs-build -t 2 -M a.vsm -o a.vss "$data/base.bvecs"
	[ "$(value passes)" = 2 ]
	wide=$(value memory_bytes)
	plan_of vs-build -t 2 --memory 4M -M a.vsm -o a.vss "$data/base.bvecs"
	[ "$(value passes)" -gt 2 ]
	[ "$(value memory_bytes)" -lt "$wide" ]
	[ "$(value memory_bytes)" -le $((4 << 20)) ]
	[ "$(value memory_ceiling_bytes)" = $((4 << 20)) ]
	# What was said is near what is used.
	vs-build -q -t 2 --stats s.json -M a.vsm -o a.vss "$data/base.bvecs"
	used=$(sed -n 's/.*"peak_allocated_bytes": \([0-9]*\).*/\1/p' s.json)
	[ $((wide * 10)) -ge $((used * 8)) ]
	[ $((wide * 10)) -le $((used * 12)) ]
}

@test "what stands there already is said" {
	vs-build -q -i Flat -o a.vss "$data/query.bvecs"
	plan_of vs-build -i Flat -o a.vss "$data/query.bvecs"
	[ "$(value state)" = 'already done' ]
	plan_of vs-build -i Flat -o b.vss "$data/query.bvecs"
	[ "$(value state)" = 'to be made' ]
	# What would fail fails.
	run vs-build --plan -i Flat -o a.vss "$data/base.bvecs"
	[ "$status" -eq 73 ]
	run vs-train --plan --memory 1M -i IVF512,Flat -o a.vsm \
		"$data/base.bvecs"
	[ "$status" -eq 71 ]
}

@test "a collection is planned without its directory" {
	plan_of vs-shard create -c col --shards 3 -i Flat "$data/base.bvecs"
	[ "$(value rows)" = 20000 ]
	[ "$(value state)" = 'to be made' ]
	vs-shard create -q -c col --shards 3 -i Flat "$data/base.bvecs"
	plan_of vs-shard create -c col --shards 3 -i Flat "$data/base.bvecs"
	[ "$(value state)" = 'already done' ]
	plan_of vs-build -c col --part 1/3
	vs-build -q -c col --part 1/3
	exact "$(value output)"
	plan_of vs-query -o hits/ --part 1/3 col "$data/query.bvecs"
	[ "$(value output)" = hits/part-00001-of-00003.vsh ]
	[ "$(value output_bytes)" = unknown ]
}

# near FILE: memory_bytes of the plan in $output is what FILE says was used, but
# for a fifth or 64 KiB.
near() {
	said=$(value memory_bytes)
	used=$(sed -n 's/.*"peak_allocated_bytes": \([0-9]*\).*/\1/p' "$1")
	echo "said $said, used $used"
	off=$((said > used ? said - used : used - said))
	[ "$off" -le 65536 ] || [ $((off * 5)) -le "$used" ]
}

@test "a training keeps within the memory that its plan names" {
	local index

	for index in IVF64,Flat L2norm,IVF4,Flat OPQ16,PQ16 IVF16,PQ16x4fs \
		PCA32,IVF16,SQ8 L2norm,IVF8,PQ8; do
		plan_of vs-train -i $index -o m.vsm "$data/base.bvecs"
		vs-train -q --replace -i $index -o m.vsm "$data/base.bvecs" \
			--memory "$(value memory_bytes)"
		rm m.vsm
	done
}

@test "searches count the work areas of their output" {
	vs-train -q -i IVF256,Flat -o a.vsm "$data/base.bvecs"
	vs-build -q -M a.vsm -o ivf.vss "$data/base.bvecs"
	vs-build -q -i Flat -o flat.vss "$data/base.bvecs"
	for shard in ivf flat; do
		for o in h.vsh h.ivecs; do
			plan_of vs-query -t 1 -o $o $shard.vss \
				"$data/query.bvecs"
			vs-query -q -t 1 --replace --stats s.json -o $o \
				$shard.vss "$data/query.bvecs"
			near s.json
			rm $o
		done
	done
	for o in t.vsh t.ivecs; do
		plan_of vs-eval truth -t 1 -o $o "$data/base.bvecs" \
			"$data/query.bvecs"
		vs-eval truth -q -t 1 --stats s.json -o $o \
			"$data/base.bvecs" "$data/query.bvecs"
		near s.json
	done
	# What the work cannot have is refused before it.
	run vs-query --plan --memory 1M -o n.vsh flat.vss "$data/query.bvecs"
	[ "$status" -eq 71 ]
	run vs-query --memory 1M -o n.vsh flat.vss "$data/query.bvecs"
	[ "$status" -eq 71 ]
}

@test "inputs that are unpacked count as scratch" {
	command -v zstd || skip 'zstd is not installed'
	zstd -q -o q.bvecs.zst "$data/query.bvecs"
	n=$(stat -c %s "$data/query.bvecs")
	vs-build -q -i Flat -o a.vss "$data/base.bvecs"
	plan_of vs-query -o h.ivecs a.vss "$data/query.bvecs"
	[ "$(value scratch_bytes)" = 0 ]
	plan_of vs-query -o h.ivecs a.vss q.bvecs.zst
	[ "$(value scratch_bytes)" = "$n" ]
	plan_of vs-eval truth -o t.ivecs "$data/base.bvecs" q.bvecs.zst
	[ "$(value scratch_bytes)" = "$n" ]
	plan_of vs-build -i Flat -o b.vss q.bvecs.zst
	[ "$(value scratch_bytes)" = "$n" ]
	run --separate-stderr bash -c "cat '$data/query.bvecs' | vs-query \
		--plan --input-format bvecs -f usbin -o - -k 3 a.vss -"
	[ "$status" -eq 0 ]
	rows=$((n / 132))
	[ "$(value scratch_bytes)" = $((n + rows * 3 * 4)) ]
}
