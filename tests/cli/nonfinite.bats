#!/usr/bin/env bats
# Vectors with NaN or infinite values: refused, or left out where that is said,
# and then as if they had never been there, but for the numbers of the others.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0
load refused

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 2000
	$VECS convert "$DATA/query.bvecs" query.bvecs 0 30
	$VECS shift all.fvecs base.bvecs
	$VECS shift query.fvecs query.bvecs
	# Of 2000 rows 5 are spoilt; those that are left and their numbers.
	python3 - <<-'PY'
	import struct
	size, nan, inf = 4 + 4 * 128, float("nan"), float("inf")
	d = bytearray(open("all.fvecs", "rb").read())
	bad = {0: (nan, 5), 700: (inf, 0), 701: (-inf, 127), 1500: (nan, 64),
	       1999: (nan, 127)}
	clean = b"".join(d[i * size:(i + 1) * size] for i in range(2000)
	                 if i not in bad)
	for row, (value, column) in bad.items():
	    struct.pack_into("<f", d, row * size + 4 + 4 * column, value)
	open("bad.fvecs", "wb").write(d)
	open("clean.fvecs", "wb").write(clean)
	open("kept.txt", "w").write("".join("%d\n" % i for i in range(2000)
	                                    if i not in bad))
	PY
	for m in l2 cosine; do
		vs-train -q -i IVF16,Flat -m $m -o $m.vsm clean.fvecs
		vs-train -q -i IVF16,Flat -m $m --nonfinite drop -o $m-bad.vsm \
			bad.fvecs
	done
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -rf out
	mkdir out
}

info() { # FILE: its INFO
	PYTHONPATH=$VS_TOP/tests/format python3 -c \
		'import sys, vsformat
for k, v in vsformat.File(sys.argv[1]).info().items(): print(k, v)' "$1"
}

@test "by default a row is refused with its place and the way on" {
	way='or give --nonfinite drop'
	row="bad.fvecs: row 0 column 5 (both counted from 0) is nan"
	refused 65 "$row" "$way" -- vs-train -q -i IVF16,Flat -o out/x.vsm \
		bad.fvecs
	refused 65 "$row" "$way" -- vs-build -q -i Flat -o out/x.vss bad.fvecs
	refused 65 "$row" "$way" -- vs-eval truth -q -o out/x.ivecs bad.fvecs \
		query.fvecs
	refused 65 "$row" "$way" -- vs-shard create -q -c out/c --shards 2 \
		--by hash -i Flat bad.fvecs
	refused 65 "$row" "$way" -- vs-build -q --nonfinite refuse -i Flat \
		-o out/x.vss bad.fvecs
	[ ! -e out/x.vss ]
	[ ! -e out/x.vsm ]
	[ ! -e out/x.ivecs ]
}

@test "a model of what is left is that of a file without the others" {
	for m in l2 cosine; do
		for f in $m $m-bad; do
			vs-build -q -M "$f.vsm" --ids kept.txt \
				-o "out/$f.vss" clean.fvecs
			vs-query -q -k 10 -p nprobe=2 -o "out/$f.ivecs" \
				"out/$f.vss" query.fvecs
		done
		cmp out/$m.ivecs out/$m-bad.ivecs
	done
	run -0 --separate-stderr vs-train -i IVF16,Flat --nonfinite drop \
		-o out/m.vsm bad.fvecs
	said='bad.fvecs: 5 rows with values that are not finite are left out'
	[[ $stderr == *"$said; the first is row 0, counted from 0 through"* ]]
	cmp out/m.vsm l2-bad.vsm
	info out/m.vsm | grep -qx 'dropped 5'
	info out/m.vsm | grep -qx 'input_rows 2000'
	for t in 1 3; do
		vs-train -q -i IVF16,Flat --nonfinite drop -t $t --memory 3M \
			-o out/m$t.vsm bad.fvecs
		cmp out/m$t.vsm l2-bad.vsm
	done
	refused 65 "1995 training rows for 1996 centroids" -- vs-train -q \
		-i IVF1996,Flat --nonfinite drop -o out/x.vsm bad.fvecs
}

@test "ranges of codes are learnt from what is left" {
	vs-train -q -i SQ8 -o out/clean.vsm clean.fvecs
	vs-train -q -i SQ8 --nonfinite drop -o out/bad.vsm bad.fvecs
	vs-build -q -M out/clean.vsm --ids kept.txt -o out/clean.vss clean.fvecs
	vs-build -q -M out/bad.vsm --nonfinite drop -o out/bad.vss bad.fvecs
	for s in clean bad; do
		vs-query -q -k 20 -o out/$s.tsv out/$s.vss query.fvecs
	done
	cmp out/clean.tsv out/bad.tsv
}

@test "halves are made of what is left" {
	vs-build -q -i SQfp16 --ids kept.txt -o out/clean.vss clean.fvecs
	vs-build -q -i SQfp16 --nonfinite drop -o out/bad.vss bad.fvecs
	for s in clean bad; do
		vs-query -q -k 20 -o out/$s.tsv out/$s.vss query.fvecs
	done
	cmp out/clean.tsv out/bad.tsv
}

@test "a shard holds what is left, under its own numbers" {
	for m in l2 ip cosine l1; do
		vs-build -q -i Flat -m $m --ids kept.txt -o out/clean.vss \
			clean.fvecs
		vs-build -q -i Flat -m $m --nonfinite drop -o out/bad.vss \
			bad.fvecs
		for s in clean bad; do
			vs-query -q -k 20 -o out/$s.tsv out/$s.vss query.fvecs
		done
		cmp out/clean.tsv out/bad.tsv
		rm out/*
	done
	for m in l2 cosine; do
		vs-build -q -M $m.vsm --ids kept.txt -o out/clean.vss \
			clean.fvecs
		vs-build -q -M $m.vsm --nonfinite drop -o out/bad.vss bad.fvecs
		for s in clean bad; do
			vs-query -q -k 20 -p nprobe=3 -o out/$s.tsv \
				--verify deep out/$s.vss query.fvecs
		done
		cmp out/clean.tsv out/bad.tsv
		rm out/*
	done
}

@test "a shard counts what was left out, whatever threads and memory" {
	run -0 --separate-stderr vs-build -M l2.vsm --nonfinite drop \
		-o out/s.vss bad.fvecs
	[[ $stderr == *"bad.fvecs: 5 rows with values that are not finite"* ]]
	[[ $stderr == *", 1995 rows of bad.fvecs"* ]]
	info out/s.vss | grep -qx 'dropped 5'
	"$VS_TOP/tests/format/vsformat.py" check out/s.vss
	for t in 1 2 3; do
		vs-build -q -M l2.vsm --nonfinite drop -t $t --memory 3M \
			-o out/s$t.vss bad.fvecs
		cmp out/s.vss out/s$t.vss
	done
	# of several files and of halves
	python3 - <<-'PY'
	d = open("bad.fvecs", "rb").read()
	size = 4 + 4 * 128
	open("out/1.fvecs", "wb").write(d[:701 * size])
	open("out/2.fvecs", "wb").write(d[701 * size:])
	PY
	vs-build -q -M l2.vsm --nonfinite drop -o out/two.vss out/1.fvecs \
		out/2.fvecs
	cmp out/s.vss out/two.vss
	vs-build -q -i Flat --nonfinite drop -o out/none.vss clean.fvecs
	info out/none.vss | grep -qx 'dropped 0'
}

@test "the option is part of what an output is" {
	b=(vs-build -i Flat -o out/s.vss)
	"${b[@]}" -q --nonfinite drop bad.fvecs
	run -0 --separate-stderr "${b[@]}" --nonfinite drop bad.fvecs
	[[ $stderr == *"already done"* ]]
	"${b[@]}" -q --nonfinite drop --recheck bad.fvecs
	"${b[@]}" -q --replace clean.fvecs
	refused 73 "--replace" -- "${b[@]}" -q --nonfinite drop clean.fvecs
	t=(vs-train -i 'IVF16,Flat' -o out/m.vsm)
	"${t[@]}" -q clean.fvecs
	refused 73 "--replace" -- "${t[@]}" -q --nonfinite drop clean.fvecs
	"${t[@]}" -q --replace --nonfinite drop bad.fvecs
	"${t[@]}" -q --recheck --nonfinite drop bad.fvecs
	e=(vs-eval truth -o out/t.vsh)
	"${e[@]}" -q clean.fvecs query.fvecs
	refused 73 "--replace" -- "${e[@]}" -q --nonfinite drop clean.fvecs \
		query.fvecs
	# A row that is spoilt later, where no sample looks: all samples have
	# 128 rows of the first 8192 bytes here.
	$VECS shift out/many.fvecs "$DATA/base.bvecs"
	"${b[@]}" -q --replace --nonfinite drop out/many.fvecs
	printf '\0\0\0300\0177' | dd of=out/many.fvecs bs=1 conv=notrunc \
		seek=$((200 * 516 + 4)) status=none
	refused 73 "other vectors" -- "${b[@]}" -q --recheck --nonfinite drop \
		out/many.fvecs
}

@test "given ids stay with their rows" {
	seq 5000000 -3 1 | head -n 2000 > out/ids.txt
	awk 'NR == FNR { kept[$1 + 1]; next } FNR in kept' kept.txt \
		out/ids.txt > out/few.txt
	vs-build -q -i Flat --nonfinite drop --ids out/ids.txt -o out/a.vss \
		bad.fvecs
	vs-build -q -i Flat --ids out/few.txt -o out/b.vss clean.fvecs
	for s in a b; do
		vs-query -q -k 20 -o out/$s.tsv out/$s.vss query.fvecs
	done
	cmp out/a.tsv out/b.tsv
	vs-build -q -i Flat --nonfinite drop --ids out/ids.txt --recheck \
		-o out/a.vss bad.fvecs
	vs-eval truth -q -k 20 --nonfinite drop --ids out/ids.txt \
		-o out/a.ivecs bad.fvecs query.fvecs
	vs-eval truth -q -k 20 --ids out/few.txt -o out/b.ivecs clean.fvecs \
		query.fvecs
	cmp out/a.ivecs out/b.ivecs
	vs-build -q -i Flat --nonfinite drop --id-base 100 -o out/c.vss \
		bad.fvecs
	vs-query -q -k 20 -o out/c.ivecs out/c.vss query.fvecs
	vs-eval truth -q -k 20 --id-base 100 --nonfinite drop -t 3 \
		-o out/d.ivecs bad.fvecs query.fvecs
	cmp out/c.ivecs out/d.ivecs
}

@test "truth counts what was left out, whatever threads and memory" {
	run -0 --separate-stderr vs-eval truth -k 1998 --nonfinite drop \
		-o out/t.vsh bad.fvecs query.fvecs
	[[ $stderr == *"bad.fvecs: 5 rows with values that are not finite"* ]]
	[[ $stderr == *"holds 1995 rows; results are padded"* ]]
	info out/t.vsh | grep -qx 'params truth,dropped=5'
	vs-eval truth -q -k 1998 --ids kept.txt -o out/c.tsv clean.fvecs \
		query.fvecs
	vs-eval truth -q -k 1998 --nonfinite drop -o out/t.tsv bad.fvecs \
		query.fvecs
	cmp out/c.tsv out/t.tsv
	vs-eval truth -q -k 1998 --nonfinite drop -t 1 --memory 3M \
		-o out/u.vsh bad.fvecs query.fvecs
	cmp out/t.vsh out/u.vsh
	vs-eval truth -q -k 1998 --nonfinite drop --recheck -o out/t.vsh \
		bad.fvecs query.fvecs
}

@test "shards of a collection leave them out, split off or not" {
	vs-build -q -M l2.vsm --nonfinite drop -o out/one.vss bad.fvecs
	vs-query -q -k 10 -p nprobe=3 -o out/one.tsv out/one.vss query.fvecs
	for by in hash range; do
		vs-shard create -q -c out/$by --shards 3 --by $by -M l2.vsm \
			--nonfinite drop bad.fvecs
		refused 2 "give it to vs-shard create" -- vs-build -q \
			--nonfinite drop -c out/$by --part 0/3
		for i in 0 1 2; do
			vs-build -q -c out/$by --part $i/3
			info out/$by/shards/0000$i.vss >> out/$by.info
			vs-query -q -k 10 -p nprobe=3 --part $i/3 \
				-o out/$by-h/ out/$by query.fvecs
			vs-build -q --recheck -c out/$by --part $i/3
		done
		[ "$(awk '$1 == "dropped" { n += $2 } END { print n }' \
			out/$by.info)" -eq 5 ]
		vs-merge -q -k 10 -o out/$by.tsv out/$by-h/*.vsh
		cmp out/one.tsv out/$by.tsv
		vs-shard verify -c out/$by > /dev/null
		vs-shard create -q -c out/$by --shards 3 --by $by -M l2.vsm \
			--nonfinite drop bad.fvecs
		cp out/$by/shards/00001.vss out/was.vss
		rm out/$by/shards/00001.vss
		vs-shard split -q -c out/$by --part 1/3
		vs-build -q -c out/$by --part 1/3
		cmp out/was.vss out/$by/shards/00001.vss
	done
	# the same rows without the option are another collection
	vs-shard create -q -c out/c --shards 3 --by hash -i Flat \
		--nonfinite drop clean.fvecs
	refused 73 "holds another collection" -- vs-shard create -q -c out/c \
		--shards 3 --by hash -i Flat clean.fvecs
}

@test "a shard that is left without rows is one, and a part of the answer" {
	python3 - <<-'PY'
	import struct
	nan = float("nan")
	rows = [(1, 2), (3, 4), (nan, 1), (2, nan), (5, 6), (7, 8)]
	open("out/b.fvecs", "wb").write(
	    b"".join(struct.pack("<i2f", 2, *r) for r in rows))
	PY
	$VECS convert out/b.fvecs out/q.fvecs 0 2
	vs-shard create -q -c out/c --shards 3 --by range -i Flat \
		--nonfinite drop out/b.fvecs
	for i in 0 1 2; do
		vs-build -q -c out/c --part $i/3
	done
	info out/c/shards/00001.vss | grep -qx 'dropped 2'
	vs-shard verify -c out/c > /dev/null
	vs-query -q -k 6 -o out/h.tsv out/c out/q.fvecs
	vs-eval truth -q -k 6 --nonfinite drop -o out/t.tsv out/b.fvecs \
		out/q.fvecs
	cmp out/h.tsv out/t.tsv
	[ "$(cut -f 3 out/h.tsv | sort -u | tr '\n' ' ')" = "0 1 4 5 " ]
	# so does one that is split off
	rm out/c/shards/00001.vss
	vs-shard split -q -c out/c --part 1/3
	vs-build -q -c out/c --part 1/3
	vs-shard verify -c out/c > /dev/null
}

@test "queries are refused always, since they are known by their places" {
	vs-build -q -i Flat --nonfinite drop -o out/s.vss bad.fvecs
	refused 65 "bad.fvecs: row 0 column 5" "correct the row or remove it" \
		-- vs-query -q -o out/h.ivecs out/s.vss bad.fvecs
	[[ $stderr != *"--nonfinite"* ]]
	refused 65 "bad.fvecs: row 0 column 5" -- vs-eval truth -q \
		--nonfinite drop -o out/t.ivecs bad.fvecs bad.fvecs
	[[ $stderr != *"--nonfinite"* ]]
	refused 2 "--nonfinite" "queries are never dropped" -- vs-query -q \
		--nonfinite drop -o out/h.ivecs out/s.vss query.fvecs
}

@test "halves, doubles out of range, bytes, and nothing that is left" {
	python3 - <<-'PY'
	import struct
	def npy(name, kind, code, rows):
	    h = "{'descr': '%s', 'fortran_order': False, 'shape': (%d, 2), }" % (
	        kind, len(rows))
	    h = h.ljust(117) + "\n"
	    open(name, "wb").write(b"\x93NUMPY\x01\0" +
	        struct.pack("<H", len(h)) + h.encode() +
	        b"".join(struct.pack("<2" + code, *r) for r in rows))
	nan, inf = float("nan"), float("inf")
	npy("out/h.npy", "<f2", "e", [(1, 2), (nan, 0), (3, 4), (0, -inf)])
	npy("out/d.npy", "<f8", "d", [(1, 2), (1e300, 0), (3, 4), (0, nan)])
	npy("out/q.npy", "<f4", "f", [(1, 2)])
	npy("out/none.npy", "<f4", "f", [(1, nan), (inf, 2)])
	PY
	for f in h d; do
		vs-build -q -i Flat --nonfinite drop -o out/$f.vss out/$f.npy
		vs-query -q -k 4 -o out/$f.tsv out/$f.vss out/q.npy
		printf '0\t1\t0\t0\n0\t2\t2\t8\n' | cmp - out/$f.tsv
		vs-eval truth -q -k 4 --nonfinite drop -o out/t$f.tsv \
			out/$f.npy out/q.npy
		cmp out/$f.tsv out/t$f.tsv
	done
	vs-build -q -i Flat --nonfinite drop -o out/u8.vss base.bvecs
	info out/u8.vss | grep -qx 'dropped 0'
	refused 65 "none.npy: none of its 2 rows is finite" -- vs-build -q \
		-i Flat --nonfinite drop -o out/x.vss out/none.npy
	refused 65 "none.npy: none of its 2 rows is finite" -- vs-eval truth \
		-q --nonfinite drop -o out/x.tsv out/none.npy out/q.npy
	refused 65 "training rows" -- vs-train -q -i SQ8 --nonfinite drop \
		-o out/x.vsm out/none.npy
	refused 65 "0 training rows" -- vs-train -q -i IVF1,Flat \
		--nonfinite drop -o out/x.vsm out/none.npy
}
