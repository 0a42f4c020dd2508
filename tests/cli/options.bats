#!/usr/bin/env bats
# The option tables at work: what a command line may look like, and what one
# line a wrong one gets.

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
	# Rows enough for a few cells.
	head -c $((132 * 500)) "$data/base.bvecs" >base.bvecs
}

# usage EXPECTED COMMAND...: exit 2, nothing on stdout, exactly that line.
usage() {
	local want=$1 out
	shift
	run "$@"
	echo "$output"
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
	[ "$output" = "$want" ]
	out=$("$@" 2>/dev/null) || true
	[ -z "$out" ]
}

@test "options in any order, after operands, bundled and joined" {
	vs-train -q -t1 base.bvecs --seed=7 -iIVF4,Flat --iterations 3 -o a.vsm
	vs-train -qt 1 -i IVF4,Flat --seed 7 --iterations=3 -ob.vsm -- base.bvecs
	cmp a.vsm b.vsm
	vs-train -q -i IVF4,Flat --seed 8 --iterations 3 -o c.vsm base.bvecs
	run cmp -s a.vsm c.vsm
	[ "$status" -eq 1 ]
}

@test "the last of several wins" {
	vs-train -q -i IVF4,Flat --seed 8 --seed 7 -o a.vsm base.bvecs
	vs-train -q -i IVF4,Flat --seed 7 -o b.vsm base.bvecs
	cmp a.vsm b.vsm
}

@test "-- ends the options" {
	cp base.bvecs ./-odd.bvecs
	vs-train -q -i IVF4,Flat -o a.vsm -- -odd.bvecs
	[ -s a.vsm ]
}

@test "an unknown option, and the nearest one" {
	usage 'vs-train: unknown option --iteration; did you mean --iterations?' \
		vs-train --iteration 3
	usage 'vs-query: unknown option --thraeds; did you mean --threads?' \
		vs-query --thraeds=2
	usage 'vs-build: unknown option --frobnicate; --help lists the options' \
		vs-build --frobnicate
	usage 'vs-merge: unknown option -z; --help lists the options' vs-merge -z
}

@test "an option of the plan that is not there yet is no option" {
	for o in --ids --id-base --attributes --from --tombstones; do
		run vs-build $o x
		[ "$status" -eq 2 ]
	done
	for o in --filter --radius --recall --self --one-by-one --load; do
		run vs-query $o x
		[ "$status" -eq 2 ]
	done
	run vs-shard create --replicas 2
	[ "$status" -eq 2 ]
	run vs-shard rebalance
	[ "$status" -eq 2 ]
	run vs-eval sweep
	[ "$status" -eq 2 ]
	usage 'vs-train: --metric cosin: expected l2, ip, cosine or l1; did you mean cosine?' \
		vs-train --metric cosin
}

@test "names are not abbreviated" {
	run vs-train --iter 3 -i IVF4,Flat -o a.vsm base.bvecs
	[ "$status" -eq 2 ]
	[ ! -e a.vsm ]
}

@test "numbers, ranges, words and sizes" {
	usage 'vs-query: -k 0: expected a whole number from 1 to 65536' \
		vs-query -k 0
	usage 'vs-query: -k 65537: expected a whole number from 1 to 65536' \
		vs-query -k 65537
	for bad in -1 +1 ' 1' 1x 0x10 1e3 1.0 99999999999999999999; do
		run vs-query -k "$bad"
		[ "$status" -eq 2 ]
		[[ $output == "vs-query: -k $bad: expected a whole number"* ]]
	done
	usage 'vs-train: --seed needs a value: N' vs-train --seed
	usage 'vs-train: --quiet takes no value' vs-train --quiet=1
	words='vsh, ivecs, fvecs, usbin, npy, tsv or jsonl'
	usage "vs-query: --format tvs: expected $words; did you mean tsv?" \
		vs-query --format tvs
	sizes='a size of at least 1.0 MiB, such as 512M or 4G'
	usage "vs-query: --memory 4X: expected $sizes" vs-query --memory 4X
	usage 'vs-eval: --min-recall 95: expected a number from 0 to 1, such as 0.95' \
		vs-eval recall --min-recall 95
	usage 'vs-build: --part 8/8: expected i/n, part i of n counted from 0, such as 0/8' \
		vs-build --part 8/8
	usage 'vs-train: --index "": expected INDEX' vs-train -i ''
}

@test "what is missing, and what is too much" {
	usage 'vs-train: missing option -i INDEX' vs-train
	usage 'vs-train: missing option -o MODEL' vs-train -i IVF4,Flat
	usage 'vs-train: missing operand; expected VECTORS...' \
		vs-train -i IVF4,Flat -o a.vsm
	usage 'vs-query: missing operand; expected SHARD|COLLECTION QUERIES...' \
		vs-query -o hits.vsh a.vss
	usage 'vs-eval: missing option --truth FILE' vs-eval recall hits.ivecs
	usage 'vs-eval: unexpected operand b; expected HITS' \
		vs-eval recall --truth t.ivecs a b
	usage 'vs-shard: missing option --shards N' vs-shard create -c x/
}

@test "vs-build wants one of -i, -M and -c" {
	want='expected one of -i INDEX, -M MODEL and -c DIR'
	usage "vs-build: nothing says what to build; $want" vs-build
	usage "vs-build: contradictory options; $want" \
		vs-build -i Flat -M a.vsm -o a.vss base.bvecs
	usage 'vs-build: missing option -o SHARD' vs-build -i Flat base.bvecs
	usage 'vs-build: -o with -c: the manifest names the shard' \
		vs-build -c x/ -o a.vss
	usage 'vs-build: --part without -c DIR' \
		vs-build -i Flat --part 0/2 -o a.vss base.bvecs
}

@test "commands of a tool" {
	usage 'vs-eval: missing command; --help lists the commands' vs-eval
	usage 'vs-eval: unknown command recal; did you mean recall?' vs-eval recal
	usage 'vs-shard: unknown command frob; --help lists the commands' \
		vs-shard frob
	run vs-eval --help
	[ "$status" -eq 0 ]
	[[ $output == *'vs-eval truth '*'vs-eval recall '* ]]
}

@test "VS_CPU: what this machine has" {
	VS_CPU=generic vs-train --version | grep -q '^instruction set: generic '
	VS_CPU='' vs-train --version
	VS_CPU=frob run vs-train --version
	[ "$status" -eq 2 ]
	[[ $output == 'vs-train: VS_CPU=frob: no such instruction set; this machine has generic'* ]]
	if [ "$(uname -m)" = x86_64 ]; then
		VS_CPU=neon run vs-train --version
		[ "$status" -eq 2 ]
		[[ $output == 'vs-train: VS_CPU=neon: this machine lacks it; it has generic'* ]]
	fi
}

@test "Slurm's limits" {
	SLURM_CPUS_PER_TASK=1 vs-train --version | grep -qx 'threads: 1'
	SLURM_CPUS_PER_TASK=1 vs-train -t 3 --version | grep -qx 'threads: 1' &&
		return 1
	SLURM_CPUS_PER_TASK=frob run vs-train --version
	[ "$status" -eq 2 ]
	[ "$output" = 'vs-train: SLURM_CPUS_PER_TASK=frob: expected a whole number' ]
	# 80 % of 100 MiB.
	SLURM_MEM_PER_NODE=100 vs-train --help | grep -A 1 -e --memory |
		grep -qF '[80.0 MiB]'
	SLURM_MEM_PER_CPU=50 SLURM_CPUS_PER_TASK=2 vs-train --help |
		grep -A 1 -e --memory | grep -qF '[80.0 MiB]'
	SLURM_MEM_PER_CPU=25 SLURM_CPUS_ON_NODE=4 vs-train --help |
		grep -A 1 -e --memory | grep -qF '[80.0 MiB]'
	SLURM_MEM_PER_NODE=100 SLURM_MEM_PER_CPU=7 vs-train --help |
		grep -A 1 -e --memory | grep -qF '[80.0 MiB]'
	SLURM_MEM_PER_CPU=x run vs-train --version
	[ "$status" -eq 2 ]
	[ "$output" = 'vs-train: SLURM_MEM_PER_CPU=x: expected a whole number' ]
	# Help comes even so.
	SLURM_CPUS_PER_TASK=frob vs-train --help >/dev/null
}

@test "the part of an array job" {
	SLURM_ARRAY_TASK_ID=frob run vs-build -c x/
	[ "$status" -eq 2 ]
	[[ $output == *'SLURM_ARRAY_TASK_ID=frob: expected the number of a part' ]]
	vs-shard create -q -c col --shards 3 -i Flat base.bvecs
	# A whole array may start anywhere and have gaps.
	for id in 10 15 20; do
		SLURM_ARRAY_TASK_ID=$id SLURM_ARRAY_TASK_MIN=10 \
			SLURM_ARRAY_TASK_MAX=20 SLURM_ARRAY_TASK_STEP=5 \
			SLURM_ARRAY_TASK_COUNT=3 vs-build -q -c col
	done
	vs-shard verify -q -c col
	rm -r col/shards/*
	# Of one that runs lost parts again the ids are the parts.
	SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=2 \
		SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=2 \
		vs-build -q -c col
	[ "$(find col/shards -type f | wc -l)" -eq 1 ]
	vs-build -c col --part 2/3 2>&1 | grep -q 'already done'
	for id in 1 2 3; do
		SLURM_ARRAY_TASK_ID=$id SLURM_ARRAY_TASK_MIN=1 \
			SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_STEP=1 \
			SLURM_ARRAY_TASK_COUNT=3 vs-build -q -c col
		SLURM_ARRAY_TASK_ID=$id SLURM_ARRAY_TASK_MIN=1 \
			SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_STEP=1 \
			SLURM_ARRAY_TASK_COUNT=3 vs-query -q -k 3 -o hits/ \
			col base.bvecs
	done
	vs-merge -q -o m.vsh hits/*.vsh
	# --part wins.
	SLURM_ARRAY_TASK_ID=7 vs-build -q -c col --part 0/3
	# No directory, so no part: the search of one shard is not disturbed.
	vs-build -q -i Flat -o a.vss base.bvecs
	SLURM_ARRAY_TASK_ID=3 vs-query -q -k 1 -o a.tsv a.vss base.bvecs
	[ "$(wc -l <a.tsv)" -eq 500 ]
}
