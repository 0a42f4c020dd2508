#!/usr/bin/env bats
# Collections by hash and by range: shards merged are one shard, byte for byte.
bats_require_minimum_version 1.5.0

METRICS="l2 ip cosine l1"
DTYPES="u8 i8 f32 f16"
INDEXES="Flat IVF16,Flat"
SHARDINGS="hash range"

# base and query files exist of u8, f32, i8 and f16; prints their suffix
suffix() {
	case $1 in
	u8) echo bvecs ;;
	i8) echo i8bin ;;
	f32) echo fvecs ;;
	f16) echo npy ;;
	esac
}

setup_file() {
	# many short commands side by side with others
	export OMP_WAIT_POLICY=passive
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 1500
	$VECS convert "$DATA/query.bvecs" query.bvecs 0 40
	$VECS shift base.fvecs base.bvecs
	$VECS shift query.fvecs query.bvecs
	$VECS i8 base.i8bin base.bvecs
	$VECS i8 query.i8bin query.bvecs
	$VECS f16 base.npy base.bvecs
	$VECS f16 query.npy query.bvecs
	python3 - <<-'PY'
	import random
	ids = random.Random(7).sample(range(2 ** 40), 1500)
	ids[17] = 2 ** 64 - 2
	open("ids.txt", "w").write("".join("%d\n" % i for i in ids))
	PY
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
		vs-train -q --iterations 3 --replace -i "$index" -m "$m" -o m.vsm "../base.$s"
		how=(-M m.vsm)
	fi
	vs-build -q --replace "${how[@]}" "$@" -o one.vss "../base.$s"
	for by in $SHARDINGS; do
		c=c-$t-$m-$index-$by
		vs-shard create -q -c "$c" --shards 3 --by "$by" "${how[@]}" \
			"$@" "../base.$s"
		build_all "$c" 3
		mv "$c/shards/00001.vss" direct.vss
		vs-shard split -q -c "$c" --part 1/3
		vs-build -q -c "$c" --part 1/3
		cmp "$c/shards/00001.vss" direct.vss
	done
	for p in "${probes[@]}"; do
		vs-query -q --replace -k 10 ${p:+-p "nprobe=$p"} -o one.tsv \
			one.vss "../query.$s"
		# A cell may hold fewer rows than k.
		[ "$(wc -l <one.tsv)" -ge 350 ]
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

@test "merged shards equal one shard with given ids, too" {
	matrix --ids ../ids.txt
}

@test "merged shards equal one shard with ids that do not begin at 0" {
	INDEXES=Flat
	DTYPES=u8
	matrix --id-base 5000000000
	awk '$3 < 5000000000 || $3 >= 5000001500' one.tsv | wc -l | grep -qx 0
}

@test "ids are stored in 4 bytes as long as they fit" {
	for base in 0 4294965795 4294965796 18446744073709550115; do
		vs-build -q -i Flat --id-base $base -o b-$base.vss ../base.bvecs
		vs-shard create -q -c c-$base --shards 2 --by range -i Flat \
			--id-base $base ../base.bvecs
		build_all c-$base 2
		vs-query -q -k 10 -o one.tsv --replace b-$base.vss ../query.bvecs
		vs-query -q -k 10 -o c.tsv --replace c-$base ../query.bvecs
		cmp one.tsv c.tsv
		cut -f 1,2,4 one.tsv >$base.txt
		cmp 0.txt $base.txt
	done
	[ "$(stat -c %s b-0.vss)" -eq "$(stat -c %s b-4294965795.vss)" ]
	[ "$(stat -c %s b-0.vss)" -lt "$(stat -c %s b-4294965796.vss)" ]
	# of this collection only the last shard has an id of 2^32 - 1
	[ "$(stat -c %s c-4294965796/shards/00000.vss)" -lt \
		"$(stat -c %s c-4294965796/shards/00001.vss)" ]
}

@test "given ids: the same rows are found, ties in the order of ids" {
	for s in bvecs fvecs; do
		vs-build -q --replace -i Flat -o rows.vss "../base.$s"
		vs-build -q --replace -i Flat --ids ../ids.txt -o ids.vss \
			"../base.$s"
		vs-query -q --replace -k 20 -o rows.tsv rows.vss "../query.$s"
		vs-query -q --replace -k 20 -o ids.tsv ids.vss "../query.$s"
		python3 - <<-'PY'
		ids = [int(l) for l in open("../ids.txt")]
		def read(name):
		    out = {}
		    for l in open(name):
		        q, rank, i, d = l.split("\t")
		        out.setdefault(int(q), []).append((float(d), int(i)))
		    return out
		rows, got = read("rows.tsv"), read("ids.tsv")
		assert len(rows) == len(got) == 40
		for q in rows:
		    want = sorted((d, ids[i]) for d, i in rows[q])
		    assert got[q] == sorted(got[q])
		    assert [d for d, i in want] == [d for d, i in got[q]]
		    last = want[-1][0]
		    assert [w for w in want if w[0] != last] == \
		           [g for g in got[q] if g[0] != last], q
		PY
	done
	vs-query -q -k 3 -o x.ivecs ids.vss ../query.fvecs && return 1
	[ ! -e x.ivecs ]
}

@test "ties are broken by the given ids, whatever the shard" {
	python3 - <<-'PY'
	import struct
	row = struct.pack("<i4B", 4, 1, 2, 3, 4)
	open("same.bvecs", "wb").write(row * 50)
	open("down.txt", "w").write("".join("%d\n" % (999 - i) for i in range(50)))
	PY
	$VECS convert same.bvecs q.bvecs 0 1
	vs-build -q -i Flat --ids down.txt -o one.vss same.bvecs
	vs-query -q -k 3 -o one.tsv one.vss q.bvecs
	[ "$(cut -f 3 one.tsv | xargs)" = "950 951 952" ]
	for by in $SHARDINGS; do
		vs-shard create -q -c "t-$by" --shards 4 --by "$by" -i Flat \
			--ids down.txt same.bvecs
		build_all "t-$by" 4
		query_all "t-$by" 4 "" q.bvecs many.tsv
		vs-query -q --replace -k 3 -o c.tsv "t-$by" q.bvecs
		cmp c.tsv one.tsv
	done
}

@test "formats of ids: npy, ivecs, ibin and text give the same shard" {
	python3 - <<-'PY'
	import random, struct
	def npy(name, descr, fmt, ids, shape):
	    head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (
	        descr, shape)
	    head = head.ljust(117) + "\n"
	    open(name, "wb").write(
	        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) +
	        head.encode() + struct.pack("<%d%s" % (len(ids), fmt), *ids))
	ids = random.Random(1).sample(range(2 ** 31), 1500)
	npy("u8.npy", "<u8", "Q", ids, "(1500,)")
	npy("i8.npy", "<i8", "q", ids, "(1500, 1)")
	npy("u4.npy", "<u4", "I", ids, "(1500,)")
	npy("i4.npy", "<i4", "i", ids, "(1500,)")
	npy("neg.npy", "<i8", "q", ids[:-1] + [-1], "(1500,)")
	npy("none.npy", "<u8", "Q", ids[:-1] + [2 ** 64 - 1], "(1500,)")
	npy("f4.npy", "<f4", "f", ids, "(1500,)")
	npy("two.npy", "<u4", "I", ids + ids, "(1500, 2)")
	npy("short.npy", "<u4", "I", ids[:-1], "(1499,)")
	with open("a.ivecs", "wb") as f:
	    for i in ids:
	        f.write(struct.pack("<ii", 1, i))
	open("a.ibin", "wb").write(struct.pack("<II1500i", 1500, 1, *ids))
	open("crlf.txt", "w").write("".join("%d\r\n" % i for i in ids))
	open("open.ids", "w").write("\n".join("%d" % i for i in ids))
	open("word.txt", "w").write("".join("%d\n" % i for i in ids[:-1]) + "x\n")
	ids[1234] = ids[77]
	npy("twice.npy", "<u8", "Q", ids, "(1500,)")
	PY
	vs-build -q -i Flat --ids u8.npy -o one.vss ../base.bvecs
	for f in i8.npy u4.npy i4.npy a.ivecs a.ibin crlf.txt open.ids; do
		echo $f
		vs-build -q -i Flat --ids $f -o one.vss ../base.bvecs
		vs-build -q -i Flat --ids $f -o $f.vss ../base.bvecs
		cmp one.vss $f.vss
	done
	for f in neg none f4 two short twice; do
		run vs-build -i Flat --ids $f.npy -o x.vss ../base.bvecs
		echo "$output"
		[ "$status" -eq 65 ]
		[[ $output == *$f.npy:* ]]
	done
	[[ $output == *"rows 77 and 1234"* ]]
	run vs-shard create -c x --shards 2 -i Flat --ids twice.npy ../base.bvecs
	[ "$status" -eq 65 ]
	[[ $output == *"rows 77 and 1234"* ]]
	run vs-build -i Flat --ids word.txt -o x.vss ../base.bvecs
	[ "$status" -eq 65 ]
	[[ $output == *"line 1500"* ]]
	[ ! -e x.vss ]
}

@test "other ids are another shard, and another collection" {
	sed 5d ../ids.txt | cat - <(echo 5) >other.txt
	vs-build -q -i Flat --ids ../ids.txt -o a.vss ../base.bvecs
	for with in "--ids other.txt" "--id-base 1" ""; do
		# shellcheck disable=SC2086
		run vs-build -i Flat $with -o a.vss ../base.bvecs
		[ "$status" -eq 73 ]
	done
	cp ../ids.txt ids.txt
	vs-shard create -q -c c --shards 2 -i Flat --ids ids.txt ../base.bvecs
	run vs-shard create -c c --shards 2 -i Flat --ids other.txt ../base.bvecs
	[ "$status" -eq 73 ]
	cp other.txt ids.txt
	run vs-build -c c --part 0/2
	[ "$status" -eq 65 ]
	[[ $output == *"holds other ids than the collection"* ]]
	rm ids.txt
	run vs-build -c c --part 0/2
	[ "$status" -eq 66 ]
	run vs-build -c c --part 0/2 --ids ../ids.txt
	[ "$status" -eq 2 ]
	run vs-build -i Flat --ids ../ids.txt --id-base 4 -o b.vss ../base.bvecs
	[ "$status" -eq 2 ]
}

@test "a split shard is the same shard, without the inputs" {
	mkdir away
	cp ../ids.txt .
	for s in bvecs fvecs; do
		cp "../base.$s" .
		for by in $SHARDINGS; do
			for ids in "-q" "--ids=ids.txt" "--id-base=77"; do
				vs-shard create -q -c c --shards 3 --by "$by" \
					-i Flat "$ids" "base.$s"
				for i in 0 1 2; do
					vs-shard split -q -c c --part $i/3
				done
				mv "base.$s" ids.txt away
				build_all c 3
				mv "away/base.$s" away/ids.txt .
				mv c/shards split-shards
				mkdir c/shards
				rm -r c/split
				build_all c 3
				diff -r c/shards split-shards
				rm -r c split-shards
			done
		done
	done
}

@test "IVF shards from a split on another disk; several passes" {
	vs-train -q -i IVF16,Flat -o m.vsm ../base.bvecs
	vs-shard create -q -c c --shards 3 -M m.vsm ../base.bvecs
	vs-shard split -q -c c --part 1/3 -o local
	[ ! -e c/split ]
	vs-build -q -c c --part 1/3
	mv c/shards/00001.vss direct.vss
	vs-build -q -c c --part 1/3 --split local
	cmp c/shards/00001.vss direct.vss
	vs-build -q --recheck -c c --part 1/3 --split local
	run vs-build -c c --part 0/3 --split local
	[ "$status" -eq 66 ]
	[[ $output == *"vs-shard split -c c --part 0/3 -o local"* ]]
	run vs-build -i Flat --split local -o x.vss ../base.bvecs
	[ "$status" -eq 2 ]
}

@test "a split that is stale or damaged is refused" {
	vs-shard create -q -c a --shards 3 -i Flat ../base.bvecs
	vs-shard create -q -c b --shards 3 -i Flat -m ip ../base.bvecs
	vs-shard split -q -c a --part 1/3
	run vs-shard split -c a --part 1/3
	[ "$status" -eq 0 ]
	[[ $output == *"already done"* ]]
	cp -r a/split b/split
	run vs-build -c b --part 1/3
	[ "$status" -eq 65 ]
	[[ $output == *"is stale"*"vs-shard split -c b --part 1/3 --replace"* ]]
	run vs-shard split -c b --part 1/3
	[ "$status" -eq 73 ]
	vs-shard split -q -c b --part 1/3 --replace
	vs-build -q -c b --part 1/3

	for f in npy ids.npy yaml; do
		printf 'x' | dd of=a/split/00001-of-00003.$f bs=1 seek=200 \
			conv=notrunc 2>/dev/null
		run vs-build -c a --part 1/3
		echo "$output"
		[ "$status" -eq 65 ]
		[[ $output == *a/split/00001-of-00003.$f* ]]
		rm a/split/00001-of-00003.$f
		run vs-build -c a --part 1/3
		# without its record nothing says that rows are there
		[ "$status" -eq "$([ $f = yaml ] && echo 0 || echo 66)" ]
		rm -f a/split/00001-of-00003.yaml
		vs-shard split -q -c a --part 1/3
	done
	[ "$(find a/split -type f | wc -l)" -eq 3 ]
}

@test "split: requests that make no sense, and shards without rows" {
	$VECS convert ../base.bvecs three.bvecs 0 3
	vs-shard create -q -c c --shards 5 --by range -i Flat three.bvecs
	for ((i = 0; i < 5; i++)); do
		vs-shard split -q -c c --part $i/5
	done
	[ "$(find c/split -type f | wc -l)" -eq 9 ]
	build_all c 5
	vs-shard verify -q --verify deep -c c
	run vs-shard split -c c
	[ "$status" -eq 2 ]
	[[ $output == *"--part i/5"* ]]
	run vs-shard split -c c --part 0/4
	[ "$status" -eq 2 ]
	run vs-shard split -c none --part 0/4
	[ "$status" -eq 66 ]
	SLURM_ARRAY_TASK_ID=1 vs-shard split -c c -o task
	[ -e task/00001-of-00005.yaml ]
}

@test "status: a table, the totals, and the commands that come next" {
	vs-train -q -i IVF16,Flat -o m.vsm ../base.bvecs
	vs-shard create -q -c c --shards 8 --by range --weights 1,1,1,1,1,1,1,3 \
		-M m.vsm ../base.bvecs
	run vs-shard status -c c
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == *"IVF16,Flat, l2, 128 x u8, by range, 1,500 rows"* ]]
	[[ ${lines[9]} =~ 7\ +missing\ +450\ +30.00\ %\ +3\ +-\ +shards/00007.vss ]]
	[[ ${lines[10]} =~ model\ +ready.*model.vsm ]]
	[[ ${lines[11]} =~ total\ +1,500\ +100.00\ % ]]
	[[ $output == *"next: vs-build -c c --part I/8, where I is 0-7"* ]]
	for i in 0 2 3 7; do
		vs-build -q -c c --part $i/8
	done
	run vs-shard status -c c
	[[ $output == *"4 of 8 shards ready, 60.00 % of the rows"* ]]
	next=$(grep "^next: " <<<"$output" | sed 's/next: //')
	[ "$(wc -l <<<"$next")" -eq 4 ]
	# what it says comes next does it
	eval "$next"
	run vs-shard status -c c
	[[ $output == *"8 of 8 shards ready, 100.00 %"* ]]
	[[ ${lines[-1]} == "next: vs-query -k 10 -o HITS c QUERIES" ]]
	rm c/shards/0000[12456].vss
	run vs-shard status -c c
	[[ $output == *"where I is 1-2,4-6; with Slurm: sbatch --array=1-2,4-6 "* ]]
}

@test "verify: every damaged file is exit 1, the model too" {
	vs-train -q -i IVF16,Flat -o m.vsm ../base.bvecs
	vs-train -q -i IVF16,Flat --seed 5 -o m5.vsm ../base.bvecs
	vs-shard create -q -c c --shards 2 -M m.vsm ../base.bvecs
	build_all c 2
	vs-shard verify -c c
	vs-shard verify --verify deep -c c@1
	cp c/model.vsm keep.vsm
	for bad in "cp m5.vsm c/model.vsm" "rm c/model.vsm" \
		"truncate -s 100 c/model.vsm"; do
		eval "$bad"
		run vs-shard verify -c c
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == *"next: put the model back as model.vsm in c"* ]]
		cp keep.vsm c/model.vsm
	done
	cp c/shards/00000.vss keep.vss
	size=$(stat -c %s keep.vss)
	for at in 0 300 8200 $((size / 2)) $((size - 1)); do
		printf 'x' | dd of=c/shards/00000.vss bs=1 seek=$at \
			conv=notrunc 2>/dev/null
		run vs-shard verify -c c
		[ "$status" -eq 1 ]
		[[ $output == *"0  damaged"* && $output == *"1  ready"* ]]
		cp keep.vss c/shards/00000.vss
	done
	rm c/shards/00000.vss
	mkdir c/shards/00000.vss
	run vs-shard verify -c c
	[ "$status" -eq 1 ]
	[[ $output == *"0  damaged"* ]]
}

@test "verify: shards of a model that was replaced by one of its name" {
	# 20 MB of rows, of which the quick digest sees only samples
	$VECS shift big.fvecs "$DATA/base.bvecs"
	vs-train -q -i IVF16,Flat --sample 20000 -o m.vsm big.fvecs
	vs-shard create -q -c c --shards 2 -M m.vsm ../base.fvecs
	build_all c 2
	printf '\x00\x00\xc8\x42' | dd of=big.fvecs bs=1 \
		seek=$((200 * 516 + 8)) conv=notrunc 2>/dev/null
	vs-train -q -i IVF16,Flat --sample 20000 --replace -o m.vsm big.fvecs
	cmp -s m.vsm c/model.vsm && return 1
	cp m.vsm c/model.vsm
	run vs-shard verify -c c
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"has other centroids or another rotation than model.vsm"* ]]
	vs-build -q -c c --part 0/2 --replace
	vs-build -q -c c --part 1/2 --replace
	vs-shard verify -q -c c
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

@test "a collection of what can be read once only is refused" {
	mkfifo base.bvecs ids.txt
	run timeout -s KILL 20 vs-shard create -q -c w --shards 2 -i Flat \
		base.bvecs
	echo "$output"
	[ "$status" -eq 2 ]
	[[ $output == *"base.bvecs: can be read once only"* ]]
	run timeout -s KILL 20 vs-shard create -q -c w --shards 2 -i Flat \
		--ids ids.txt ../base.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *"ids.txt: can be read once only"* ]]
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
