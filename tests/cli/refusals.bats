#!/usr/bin/env bats
# Bad input is refused with one clear line and the documented exit code, and
# nothing is lost or left behind.

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 2000
	$VECS convert "$DATA/base.bvecs" base.fvecs 0 2000
	cp "$DATA/query.bvecs" query.bvecs
	vs-train -q -i IVF16,Flat -o m.vsm base.bvecs
	vs-build -q -M m.vsm -o s.vss base.bvecs
	vs-shard create -q -c coll --shards 3 --by hash -M m.vsm base.bvecs
	for i in 0 1 2; do
		vs-build -q -c coll --part $i/3
		vs-query -q --part $i/3 -o hits/ coll query.bvecs
	done
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -rf out
	mkdir out
}

# One line, this exit code, these words, nothing in out/.
refused() { # STATUS WORD... -- COMMAND...
	want=$1
	shift
	words=()
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	run "$@"
	echo "status $status: $output"
	[ "$status" -eq "$want" ]
	[ "${#lines[@]}" -eq 1 ]
	for w in "${words[@]}"; do
		[[ $output == *"$w"* ]]
	done
	[ -z "$(ls -A out)" ]
}

@test "a truncated vector file" {
	head -c 100000 base.bvecs >cut.bvecs
	refused 65 cut.bvecs 100000 -- vs-build -i Flat -o out/x.vss cut.bvecs
}

@test "an extended vector file" {
	{ cat base.bvecs; printf 'abc'; } >long.bvecs
	refused 65 long.bvecs -- vs-build -i Flat -o out/x.vss long.bvecs
}

@test "a wrong dimension in row 7" {
	cp base.bvecs row7.bvecs
	printf '\177' | dd of=row7.bvecs bs=1 seek=$((7 * 132)) conv=notrunc \
		2>/dev/null
	refused 65 row7.bvecs "row 7" 127 128 -- \
		vs-build -i Flat -o out/x.vss row7.bvecs
}

@test "NaN" {
	cp base.fvecs nan.fvecs
	printf '\000\000\300\177' | dd of=nan.fvecs bs=1 \
		seek=$((11 * 516 + 4 + 20)) conv=notrunc 2>/dev/null
	refused 65 nan.fvecs "row 11" -- vs-build -i Flat -o out/x.vss nan.fvecs
	refused 65 nan.fvecs "row 11" -- \
		vs-train -i IVF16,Flat -o out/x.vsm nan.fvecs
}

@test "an empty file" {
	: >empty.bvecs
	refused 65 empty.bvecs empty -- vs-build -i Flat -o out/x.vss empty.bvecs
}

@test "fvecs given as fbin" {
	cp base.fvecs wrong.fbin
	refused 65 wrong.fbin fvecs -- vs-build -i Flat -o out/x.vss wrong.fbin
}

@test "a git-lfs pointer" {
	printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n' \
		>lfs.bvecs
	refused 65 lfs.bvecs "git-lfs pointer" -- \
		vs-build -i Flat -o out/x.vss lfs.bvecs
}

@test "a missing input, a missing shard" {
	refused 66 none.bvecs -- vs-build -i Flat -o out/x.vss none.bvecs
	refused 66 none.vss -- vs-query -o out/x.ivecs none.vss query.bvecs
	mv coll/shards/00001.vss kept
	refused 66 "shard 1" vs-build -- vs-query -o out/x.ivecs coll query.bvecs
	mv kept coll/shards/00001.vss
}

@test "a stale part" {
	vs-shard create -q -c other --shards 3 --by hash -M m.vsm query.bvecs
	vs-build -q -c other --part 1/3
	cp coll/shards/00001.vss kept
	cp other/shards/00001.vss coll/shards/00001.vss
	refused 65 "stale" "--replace" -- \
		vs-query -o out/x.ivecs coll query.bvecs
	cp kept coll/shards/00001.vss
	rm -rf other
}

@test "hits that do not belong together" {
	refused 66 "missing" -- vs-merge -o out/x.ivecs \
		hits/part-00000-of-00003.vsh hits/part-00002-of-00003.vsh
	vs-query -q -p nprobe=2 --part 1/3 -o other.vsh coll query.bvecs
	refused 65 nprobe -- vs-merge -o out/x.ivecs \
		hits/part-00000-of-00003.vsh other.vsh \
		hits/part-00002-of-00003.vsh
}

@test "missing shards on explicit order: exit 3, marked incomplete" {
	run vs-merge -o out/x.vsh --allow-missing 1 \
		hits/part-00000-of-00003.vsh hits/part-00002-of-00003.vsh
	[ "$status" -eq 3 ]
	[[ $output == *"2 of 3 shards"* ]]
	run vs-merge -o out/y.ivecs out/x.vsh
	[ "$status" -eq 66 ]
	[[ $output == *incomplete* ]]
}

@test "queries of another dimension or type" {
	$VECS convert "$DATA/query.bvecs" q.fvecs
	vs-build -q -i Flat -o f.vss base.fvecs
	head -c 1040 /dev/zero >d.u8bin
	printf '\020\000\000\000\100\000\000\000' | dd of=d.u8bin conv=notrunc \
		2>/dev/null
	head -c $((8 + 16 * 64)) d.u8bin >d16.u8bin
	refused 65 "64 dimensions" 128 -- \
		vs-query -o out/x.ivecs f.vss d16.u8bin
}

@test "a model of another dimension" {
	head -c $((8 + 2000 * 64)) /dev/zero >z.u8bin
	printf '\320\007\000\000\100\000\000\000' | dd of=z.u8bin conv=notrunc \
		2>/dev/null
	refused 65 "64 dimensions" 128 -- vs-build -M m.vsm -o out/x.vss z.u8bin
}

@test "a truncated, an extended and a foreign shard" {
	head -c 50000 s.vss >cut.vss
	refused 65 cut.vss truncated -- vs-query -o out/x.ivecs cut.vss query.bvecs
	{ cat s.vss; printf x; } >long.vss
	refused 65 long.vss -- vs-query -o out/x.ivecs long.vss query.bvecs
	refused 65 m.vsm model -- vs-query -o out/x.ivecs m.vsm query.bvecs
	refused 65 base.bvecs -- vs-query -o out/x.ivecs base.bvecs query.bvecs
	refused 65 s.vss shard -- vs-build -M s.vss -o out/x.vss base.bvecs
}

@test "a flipped bit in the rows of a shard" {
	cp s.vss flip.vss
	size=$(stat -c %s flip.vss)
	printf '\252' | dd of=flip.vss bs=1 seek=$((size / 2)) conv=notrunc \
		2>/dev/null
	cmp -s s.vss flip.vss && skip "the byte was that already"
	refused 65 flip.vss -- \
		vs-query -p nprobe=16 -o out/x.ivecs flip.vss query.bvecs
}

@test "a full disk" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to mount a small tmpfs"
	mount -t tmpfs -o size=128k none out 2>/dev/null ||
		skip "no mounts in this container"
	for cmd in "vs-build -q -M m.vsm -o out/x.vss base.bvecs" \
		"vs-query -q -k 500 -o out/x.ivecs s.vss query.bvecs"; do
		run $cmd
		echo "status $status: $output"
		files=$(ls -A out)
		[ "$status" -eq 74 ] || { umount out; return 1; }
		[[ $output == *out/x.* && $output == *"No space left"* ]] ||
			{ umount out; return 1; }
		[ -z "$files" ] || { umount out; return 1; }
	done
	umount out
}

@test "a full stdout" {
	run sh -c 'vs-query -q -f tsv -o - s.vss query.bvecs >/dev/full'
	[ "$status" -eq 74 ]
	[[ $output == *"No space left"* ]]
}

@test "a read-only and a missing directory" {
	refused 73 nowhere -- vs-build -i Flat -o nowhere/x.vss base.bvecs
	if [ "$(id -u)" -ne 0 ]; then
		mkdir -p ro
		chmod 555 ro
		refused 73 ro -- vs-build -i Flat -o ro/x.vss base.bvecs
		chmod 755 ro
	elif mount -t tmpfs -o ro none out 2>/dev/null; then
		run vs-build -i Flat -o out/x.vss base.bvecs
		umount out
		echo "status $status: $output"
		[ "$status" -eq 73 ]
		[[ $output == *"Read-only file system"* ]]
	fi
}

@test "a failed build leaves the old file as it was" {
	cp s.vss old.vss
	sum=$(sha256sum <old.vss)
	head -c 100000 base.bvecs >cut.bvecs
	run vs-build --replace -M m.vsm -o old.vss cut.bvecs
	[ "$status" -eq 65 ]
	[ "$sum" = "$(sha256sum <old.vss)" ]
}

@test "a damaged newest manifest is an error, not a step back" {
	cp -r coll broken
	sed -i 's/dim: 128/dim: 129/' broken/000001.yaml
	refused 65 broken/000001.yaml -- \
		vs-query -o out/x.ivecs broken query.bvecs
}

@test "an output that is an input" {
	cp base.bvecs self.bvecs
	ln -sf self.bvecs link.bvecs
	refused 2 "is an input" -- \
		vs-build --replace -i Flat -o link.bvecs self.bvecs
	refused 2 "is an input" -- \
		vs-query --replace -o query.bvecs s.vss query.bvecs
	cmp base.bvecs self.bvecs
}

@test "a model that was replaced under the same fingerprint" {
	# 60,000 rows: more than the quick digest reads
	cat base.bvecs >big.bvecs
	for i in 1 2 3 4 5; do
		cat big.bvecs base.bvecs base.bvecs base.bvecs >b2.bvecs
		mv b2.bvecs big.bvecs
	done
	for i in 1 2 3 4; do cat base.bvecs base.bvecs >>big.bvecs; done
	cat big.bvecs big.bvecs >b2.bvecs
	mv b2.bvecs big.bvecs
	vs-train -q -i IVF8,Flat --iterations 2 --sample 200000 -o a.vsm big.bvecs
	vs-shard create -q -c two --shards 2 --by hash -M a.vsm big.bvecs
	vs-build -q -c two --part 0/2
	vs-query -q --part 0/2 -o before.vsh two query.bvecs
	# rows between the sampled blocks change
	for at in 700000 1500000 2500000; do
		head -c 1320 /dev/zero | tr '\\0' '\\377' >ff
		row=$((at / 132 * 132 + 4))
		head -c 128 ff | dd of=big.bvecs bs=1 seek=$row conv=notrunc \
			2>/dev/null
	done
	vs-train -q -i IVF8,Flat --iterations 2 --sample 200000 -o b.vsm big.bvecs
	if cmp -s a.vsm b.vsm; then skip "the change did not reach a cell"; fi
	cp b.vsm two/model.vsm
	run vs-build -c two --part 1/2
	if [ "$status" -eq 65 ]; then
		skip "the quick digest saw the change"
	fi
	[ "$status" -eq 0 ]
	refused 65 "other centroids" -- vs-query -o out/x.ivecs two query.bvecs
	run vs-build -c two --part 0/2 --recheck
	[ "$status" -eq 73 ]
	vs-build -q -c two --part 0/2 --replace
	vs-query -q -o out/x.ivecs two query.bvecs
	# the hits of the old shard are not "already done" for the new one
	run vs-query --part 0/2 -o before.vsh two query.bvecs
	[ "$status" -eq 73 ]
}

@test "contradictions beside a collection" {
	refused 2 contradicts -- vs-build -c coll --part 0/3 -m ip
	refused 2 "--input-format" -- \
		vs-build -c coll --part 0/3 --input-format bvecs
	SLURM_ARRAY_TASK_ID=1 refused 2 "array job" -- \
		vs-query -o out/ s.vss query.bvecs
}

@test "options that do not exist yet are usage errors" {
	refused 2 -- vs-query --self -o out/x.vsh s.vss query.bvecs
	refused 2 -- vs-train -i HNSW32 -o out/x.vsm base.bvecs
	refused 2 -- vs-train -i IVF64_HNSW8,Flat -o out/x.vsm base.bvecs
	refused 2 -- vs-build -i IVF16,Flat -o out/x.vss base.bvecs
	refused 2 -- vs-query -p efSearch=5 -o out/x.vsh s.vss query.bvecs
	refused 2 -- vs-query -k 0 -o out/x.vsh s.vss query.bvecs
	refused 2 -- vs-build -c coll
	refused 2 -- vs-build -c coll --part 3/4
}

@test "recall below the bar is exit 1" {
	vs-query -q -k 10 -p nprobe=1 -o low.ivecs s.vss query.bvecs
	vs-eval truth -q -k 20 -o t.ivecs base.bvecs query.bvecs
	run vs-eval recall -k 10 --truth t.ivecs --min-recall 0.999 low.ivecs
	[ "$status" -eq 1 ]
}

@test "vs-shard status and verify: ready, missing, stale, damaged" {
	cp -r coll look
	run vs-shard status -c look
	[ "$status" -eq 0 ]
	[[ $output == *"3 of 3 shards ready"* ]]
	vs-shard verify -c look@1 --verify deep
	cp look/shards/00000.vss look/shards/00002.vss
	run vs-shard verify -c look
	[ "$status" -eq 1 ]
	[[ $output == *stale* && $output == *"2 of 3 shards ready"* ]]
	rm look/shards/00002.vss
	size=$(stat -c %s look/shards/00001.vss)
	printf 'x' | dd of=look/shards/00001.vss bs=1 seek=$((size / 2)) \
		conv=notrunc 2>/dev/null
	run vs-shard verify -c look
	[ "$status" -eq 1 ]
	[[ $output == *missing* && $output == *damaged* ]]
	[[ $output == *"next: vs-build -c look --part 1/3 --replace"* ]]
	[[ $output == *"next: vs-build -c look --part 2/3"* ]]
	# what it says to do next does it
	vs-build -q -c look --part 1/3 --replace
	vs-build -q -c look --part 2/3
	vs-shard verify -c look
	run vs-shard status -c look@2
	[ "$status" -eq 66 ]
	rm -r look
}
