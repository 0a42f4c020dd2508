#!/usr/bin/env bats
# vs-train --kmeans: two levels give the same model with any threads, memory and
# instruction set, say so in it, and are searched as any other.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	base=$VS_TOP/datasets/sift20k/base.bvecs
	query=$VS_TOP/datasets/sift20k/query.bvecs
}

train() { # OUT ARGUMENT...
	local out=$1
	shift
	vs-train -q -i IVF1500,Flat --iterations 2 --sample 6000 -o "$out" \
		"$@" "$base"
}

@test "two levels: the same bytes on any machine" {
	train a.vsm --kmeans two-level -t 1
	train b.vsm --kmeans two-level -t 3 --memory 64M
	VS_CPU=generic train c.vsm --kmeans two-level
	cmp a.vsm b.vsm
	cmp a.vsm c.vsm
	train flat.vsm
	run ! cmp -s a.vsm flat.vsm
	train flat2.vsm --kmeans flat
	cmp flat.vsm flat2.vsm
}

@test "two levels: another model than a flat one, and both are searched" {
	train a.vsm
	run -73 train a.vsm --kmeans two-level
	[[ $output == *--replace* ]]
	train a.vsm --kmeans two-level --replace
	vs-build -q -M a.vsm -o a.vss "$base"
	vs-query -q -k 10 -p nprobe=1500 -o a.ivecs a.vss "$query"
	vs-build -q -i Flat -o flat.vss "$base"
	vs-query -q -k 10 -o flat.ivecs flat.vss "$query"
	cmp a.ivecs flat.ivecs
}

@test "two levels: what is said of the cells" {
	vs-train -i IVF100,Flat --kmeans two-level -o b.vsm "$base" 2>log
	grep -q "imbalance 1\.[0-9]" log
}

@test "two levels: stopped and run again ends with the same bytes" {
	train whole.vsm --kmeans two-level
	train a.vsm --kmeans two-level --checkpoint-every 0 &
	pid=$!
	for _ in $(seq 200); do
		[ -e .a.vsm.ckpt ] && break
		sleep 0.02
	done
	kill -TERM $pid || true
	wait $pid || true
	train a.vsm --kmeans two-level
	cmp whole.vsm a.vsm
}

@test "--kmeans: of cells only, and of three words" {
	run -2 vs-train -i PQ16 --kmeans flat -o a.vsm "$base"
	[[ $output == *"no cells"* ]]
	run -2 vs-train -i IVF10,Flat --kmeans deep -o a.vsm "$base"
}
