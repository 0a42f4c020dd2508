#!/usr/bin/env bats
# Training over many machines, vs-train --partial and --reduce: the model of one
# process, byte for byte, and no part of another training, missing or twice.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	base=$VS_TOP/datasets/sift20k/base.bvecs
	head -c $((132 * 3000)) "$base" >b.bvecs
	python3 - <<'END'
import struct

with open("b.bvecs", "rb") as f, open("b.fvecs", "wb") as out:
    for _ in range(2000):
        row = f.read(132)[4:24]
        out.write(struct.pack("<i20f", 20, *((x - 30) / 7 for x in row)))
END
}

# train PARTS OUT ARGUMENT...: as the manual page says.
train() {
	local n=$1 out=$2 i
	shift 2
	vs-train -q "$@" --reduce --steps "$out.d" -o "$out"
	until [ -e "$out" ]; do
		for i in $(seq 0 $((n - 1))); do
			vs-train -q "$@" --partial --part "$i/$n" \
				--steps "$out.d" -o "$out" || return
		done
		vs-train -q "$@" --reduce --steps "$out.d" -o "$out" || return
	done
}

# same ARGUMENT...: parts make the model of one process.
same() {
	vs-train -q "$@" -o one.vsm
	for n in 1 3 7; do
		train $n $n.vsm "$@"
		cmp one.vsm $n.vsm
	done
}

@test "bytes under l2: 1, 3 and 7 parts make the model of one process" {
	same -i IVF40,Flat b.bvecs
	rm -r ./*.vsm*
	same -i IVF30,SQ8 b.bvecs
}

@test "bytes under cosine" {
	same -i IVF40,Flat -m cosine b.bvecs
}

@test "floats under l2, from a sample" {
	same -i IVF40,Flat --sample 1111 --seed 5 b.fvecs
}

@test "floats under cosine" {
	same -i IVF40,Flat -m cosine --iterations 4 b.fvecs
}

@test "cells that run empty, and an objective that comes to rest" {
	head -c $((132 * 60)) b.bvecs >few.bvecs
	cat few.bvecs few.bvecs few.bvecs >thrice.bvecs
	same -i IVF100,Flat --iterations 50 thrice.bvecs
	vs-train -i IVF20,Flat --iterations 900 -o rest.vsm b.fvecs 2>log
	run ! grep -q "900 iterations" log
	train 2 rest2.vsm -i IVF20,Flat --iterations 900 b.fvecs
	cmp rest.vsm rest2.vsm
}

@test "threads, instruction set and memory of a part do not matter" {
	local a=(-q -i 'IVF40,Flat' --iterations 1 b.fvecs --steps d -o m.vsm)
	vs-train "${a[@]}" --reduce
	vs-train "${a[@]}" --partial --part 0/2 -t 3
	mv d/sums-0000-00000-of-00002.vst a
	VS_CPU=generic vs-train "${a[@]}" --partial --part 0/2 -t 1 \
		--memory 8M
	cmp a d/sums-0000-00000-of-00002.vst
	run -0 vs-train "${a[@]:1}" --partial --part 0/2
	[[ $output == *"already done"* ]]
}

# begun: a directory d with step 0 and parts 0 and 1 of 3.
begun() {
	args=(-q -i 'IVF20,Flat' --iterations 2 --steps d -o m.vsm)
	vs-train "${args[@]}" --reduce b.bvecs
	vs-train "${args[@]}" --partial --part 0/3 b.bvecs
	vs-train "${args[@]}" --partial --part 1/3 b.bvecs
}

# example N: the N-th literal block of the section in vs-train(1).
example() {
	awk -v n="$1" '/^.Sh /{on = /OVER MANY MACHINES/}
		/^.Ed/{in_block = 0} on && in_block && k == n
		/^.Bd/{in_block = 1; if (on) k++}' "$VS_TOP/man/vs-train.1" |
		sed 's/\\e/\\/g'
}

@test "the shell loop of the manual page" {
	cp b.bvecs base.bvecs
	example 1 >loop
	grep -q -e "--partial" loop
	sh -e loop
	vs-train -q -i IVF64,Flat -o one.vsm base.bvecs
	cmp one.vsm sift.vsm
}

# A scheduler that runs everything at once, in order.
@test "the array jobs of the manual page" {
	cp b.bvecs base.bvecs
	mkdir bin
	cat >bin/sbatch <<'END'
#!/bin/sh
set -e
tasks=
while [ $# -gt 0 ]; do
	case $1 in
	--array=0-*) tasks=$(seq 0 "${1#--array=0-}") ;;
	--wrap) wrap=$2; shift ;;
	-d) shift ;;
	esac
	shift
done
for SLURM_ARRAY_TASK_ID in ${tasks:-x}; do
	export SLURM_ARRAY_TASK_ID
	sh -c "$wrap" >&2
done
echo 1
END
	chmod +x bin/sbatch
	example 2 >submit
	grep -q -e "--array" submit
	PATH=$PWD/bin:$PATH sh -e submit
	vs-train -q -i IVF64,Flat -o one.vsm base.bvecs
	cmp one.vsm sift.vsm
}

@test "no task holds the sample" {
	local a=(-q -i 'IVF40,Flat' --sample 20000 -m cosine --iterations 1)
	a+=(--memory 6M "$base" --steps d -o m.vsm)
	run -71 vs-train -q -i IVF40,Flat --sample 20000 -m cosine \
		--memory 6M -o one.vsm "$base"
	vs-train "${a[@]}" --reduce
	vs-train "${a[@]}" --partial --part 0/1
	vs-train "${a[@]}" --reduce
	[ -e d/step-0001.vst ]
}

@test "a part that is missing is named" {
	begun
	run -66 vs-train "${args[@]}" --reduce b.bvecs
	[[ $output == *"d/sums-0000-00002-of-00003.vst: is missing"* ]]
	rm d/sums*
	run -66 vs-train "${args[@]}" --reduce b.bvecs
	[[ $output == *"no sums of iteration 0"* ]]
	run -66 vs-train -q -i IVF20,Flat --steps none --partial --part 0/3 \
		-o m.vsm b.bvecs
	mkdir none
	run -66 vs-train -q -i IVF20,Flat --steps none --partial --part 0/3 \
		-o m.vsm b.bvecs
	[[ $output == *"--reduce first"* ]]
}

@test "a part that is there twice is refused" {
	begun
	cp d/sums-0000-00001-of-00003.vst d/sums-0000-00002-of-00003.vst
	run -65 vs-train "${args[@]}" --reduce b.bvecs
	[[ $output == *"holds part 1/3; its name says 2/3"* ]]
	rm d/sums-0000-00002-of-00003.vst
	vs-train "${args[@]}" --partial --part 1/2 b.bvecs
	run -65 vs-train "${args[@]}" --reduce b.bvecs
	[[ $output == *"parts of 3 and of 2"* || \
		$output == *"parts of 2 and of 3"* ]]
}

@test "a part of other vectors, parameters or centroids is refused" {
	begun
	tail -c +133 b.bvecs >other.bvecs
	run -65 vs-train "${args[@]}" --partial --part 2/3 other.bvecs
	[[ $output == *"training with other vectors"* ]]
	run -65 vs-train "${args[@]}" --seed 2 --partial --part 2/3 b.bvecs
	[[ $output == *"training with other vectors"* ]]
	local o=(-q -i 'IVF20,Flat' --iterations 2 --steps e -o o.vsm other.bvecs)
	vs-train "${o[@]}" --reduce
	vs-train "${o[@]}" --partial --part 2/3
	cp e/sums-0000-00002-of-00003.vst d/
	run -65 vs-train "${args[@]}" --reduce b.bvecs
	[[ $output == *"sums of other centroids, vectors"* ]]
	# Of the iteration before, under the name of this one.
	vs-train "${args[@]}" --replace --partial --part 2/3 b.bvecs
	vs-train "${args[@]}" --reduce b.bvecs
	for i in 0 1 2; do
		cp d/sums-0000-0000$i-of-00003.vst d/sums-0001-0000$i-of-00003.vst
	done
	run -65 vs-train "${args[@]}" --reduce b.bvecs
	[[ $output == *"sums of other centroids, vectors"* ]]
}

# floats ROW VALUE: f.fvecs of 70000 x 16, of which one row is of VALUE.
floats() {
	python3 - "$@" <<'END'
import struct, sys

row, value = int(sys.argv[1]), float(sys.argv[2])
with open("f.fvecs", "wb") as out:
    for i in range(70000):
        v = [(i * 37 + x * 11) % 101 - 50 for x in range(16)]
        out.write(struct.pack("<i16f", 16, *([value] * 16 if i == row else v)))
END
}

@test "a value too large for sums, in vectors that have changed, is refused" {
	local a=(-q -i 'IVF4,Flat' --sample 70000 --steps d -o m.vsm f.fvecs)
	floats -1 0
	vs-train "${a[@]}" --reduce
	floats 1060 1e30
	run -65 vs-train "${a[@]}" --partial --part 0/1
	[[ $output == *"f.fvecs: has a value of magnitude 1e+30 now"* ]]
	[ ! -e d/sums-0000-00000-of-00001.vst ]
}

@test "--recheck compares the vectors whole before a part is done" {
	local a=(-q -i 'IVF4,Flat' --steps d -o m.vsm f.fvecs)
	floats -1 0
	vs-train "${a[@]}" --reduce
	vs-train "${a[@]}" --partial --part 0/1
	vs-train "${a[@]}" --recheck --partial --part 0/1
	floats 1060 7
	vs-train "${a[@]}" --partial --part 0/1
	run -65 vs-train "${a[@]}" --recheck --partial --part 0/1
	[[ $output == *"sums-0000-00000-of-00001.vst: was made"* ]]
}

@test "a file that is damaged is refused, wherever it was hit" {
	begun
	vs-train "${args[@]}" --partial --part 2/3 b.bvecs
	for file in d/step-0000.vst d/sums-0000-00001-of-00003.vst; do
		cp "$file" whole
		for at in 90 300 8200 12300 $(($(stat -c %s whole) - 10)); do
			python3 - "$file" "$at" <<'END'
import sys

with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    b = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([b ^ 4]))
END
			run -65 vs-train "${args[@]}" --reduce b.bvecs
			[[ $output == *"$file"* ]]
			cp whole "$file"
		done
		head -c 5000 whole >"$file"
		run -65 vs-train "${args[@]}" --reduce b.bvecs
		cp whole "$file"
	done
	vs-train "${args[@]}" --reduce b.bvecs
	[ -e d/step-0001.vst ]
}

@test "options that do not go together are refused" {
	begun
	run -2 vs-train "${args[@]}" --partial b.bvecs
	run -2 vs-train "${args[@]}" --partial --reduce --part 0/3 b.bvecs
	run -2 vs-train "${args[@]}" --reduce --part 0/3 b.bvecs
	run -2 vs-train "${args[@]}" b.bvecs
	run -2 vs-train -q -i IVF20,Flat -o n.vsm --reduce b.bvecs
	run -2 vs-train -q -i IVF20,Flat -o n.vsm --part 0/3 b.bvecs
	run -2 vs-train "${args[@]}" --kmeans two-level --reduce b.bvecs
	[[ $output == *"--kmeans flat"* ]]
	run -2 vs-train "${args[@]}" --nonfinite drop --reduce b.bvecs
	run -2 vs-train "${args[@]}" --plan --reduce b.bvecs
	run -2 vs-train "${args[@]}" --checkpoint-every 5 --reduce b.bvecs
	[[ $output == *"leave it out"* ]]
	for index in IVF20,PQ16 PCA8,IVF20,Flat PQ16; do
		run -2 vs-train -q -i $index --steps d -o n.vsm --reduce \
			b.bvecs
		[[ $output == *"centroids alone"* ]]
	done
}
