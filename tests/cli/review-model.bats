#!/usr/bin/env bats
# Training and truth at their limits: little memory, many threads, extreme
# values, outputs that are in the way.

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cp "$DATA/base.bvecs" "$DATA/query.bvecs" .
	$VECS convert query.bvecs five.bvecs 0 5
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -rf out
	mkdir out
}

# A file of zeros: fbin says how many rows of which dimension.
zeros() { # FILE.fbin|u8bin ROWS DIM SIZE-OF-VALUE
	python3 -c 'import struct, sys
name, n, dim, size = sys.argv[1], *map(int, sys.argv[2:])
with open(name, "wb") as out:
    out.write(struct.pack("<II", n, dim))
    out.truncate(8 + n * dim * size)' "$@"
}

# In 60,000 rows of 128 bytes, between two of the 64 blocks of 512 rows, 944
# rows apart, that the quick digest sees.
hide_change() { # FILE.u8bin
	printf '\001\002' | dd of="$1" bs=1 seek=$((8 + 700 * 128)) \
		conv=notrunc 2>/dev/null
}

measured() {
	[ -z "${VS_SANITIZED:-}" ] || skip 'sanitizers use memory of their own'
}

@test "20,000 wide f32 queries against u8 rows within 32M" {
	zeros base.u8bin 100 2048 1
	zeros query.fbin 20000 2048 4
	zeros query.u8bin 20000 2048 1
	vs-build -q -i Flat -o wide.vss base.u8bin
	vs-query -q --memory 32M -k 2 -o f.ivecs wide.vss query.fbin
	vs-query -q --memory 1G -k 2 -o u.ivecs wide.vss query.u8bin
	cmp f.ivecs u.ivecs
	vs-eval truth -q --memory 32M -k 2 -o t.ivecs base.u8bin query.fbin
	cmp t.ivecs u.ivecs
}

@test "the first query that is no whole number is named" {
	python3 - <<-'PY'
	import struct
	with open("half.fbin", "wb") as out:
	    out.write(struct.pack("<II", 20000, 128))
	    for i in range(20000):
	        v = 0.5 if i in (15000, 15001) else 1.0
	        out.write(struct.pack("<128f", *[1.0] * 127, v))
	PY
	run vs-eval truth -q --memory 32M -o out/t.ivecs base.bvecs half.fbin
	[ "$status" -eq 65 ]
	[[ $output == *"query 15000 has 0.5 in dimension 127"* ]]
	[ "$(ls -A out)" = .s.vsm.ckpt ] || [ -z "$(ls -A out)" ]
}

@test "256 threads and 4096 cells within 32M" {
	measured
	$VECS random r.u8bin 6000 16 1
	$VECS random rq.u8bin 50 16 2
	vs-train -q -t 256 --memory 32M --iterations 2 -i IVF4096,Flat \
		-o r.vsm r.u8bin
	vs-train -q -t 2 --iterations 2 -i IVF4096,Flat -o r2.vsm r.u8bin
	cmp r.vsm r2.vsm
	vs-build -q -M r.vsm -o r.vss r.u8bin
	vs-query -q -t 256 --memory 32M -p nprobe=3 -o r256.vsh r.vss rq.u8bin
	vs-query -q -t 1 -p nprobe=3 -o r1.vsh r.vss rq.u8bin
	cmp r256.vsh r1.vsh
}

@test "rows at the end of the range of f32 give a model that builds" {
	python3 - <<-'PY'
	import struct
	with open("huge.fbin", "wb") as out:
	    out.write(struct.pack("<II", 1000, 4))
	    for i in range(1000):
	        out.write(struct.pack("<4f", *[3.4e38] * 3, i % 2))
	PY
	vs-train -q -i IVF32,Flat -o huge.vsm huge.fbin
	vs-build -q -M huge.vsm -o huge.vss huge.fbin
}

@test "too few training rows: refused before reading, naming the file" {
	run vs-train -i IVF30000,Flat -o out/x.vsm base.bvecs
	[ "$status" -eq 65 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"base.bvecs: 20000 training rows for 30000 centroids"* ]]
	run vs-train -i IVF64,Flat --sample 63 -o out/x.vsm base.bvecs
	[ "$status" -eq 65 ]
	[[ $output == *"63 training rows for 64 centroids"* ]]
	[ -z "$(ls -A out)" ]
}

@test "a sample that cannot fit is refused before 100 GiB are read" {
	zeros big.u8bin 1000000000 100 1
	run timeout 20 vs-train --memory 64M -i IVF16384,Flat -o out/x.vsm \
		big.u8bin
	echo "$output"
	[ "$status" -eq 71 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"big.u8bin: IVF16384,Flat from 4194304 rows needs "* ]]
	[[ $output == *"the ceiling is 64.0 MiB"* ]]
	[[ $output == *"raise --memory or give a smaller --sample"* ]]
	run timeout 20 vs-train --memory 64M -i IVF64,Flat --sample 5000000000 \
		-o out/x.vsm big.u8bin
	[ "$status" -eq 71 ]
	[ -z "$(ls -A out)" ]
	rm big.u8bin
}

@test "what just fits is trained, with the same bytes" {
	measured
	vs-train -q -i IVF64,Flat -o ref.vsm base.bvecs
	for m in 4M 8M 16M 64M; do
		run vs-train -i IVF64,Flat --memory $m -o out/x.vsm base.bvecs
		[ "$status" -eq 0 ] || {
			[ "$status" -eq 71 ]
			[[ $output == *"smaller --sample"* ]]
			[ $m = 4M ]
			continue
		}
		cmp out/x.vsm ref.vsm
		rm out/x.vsm
	done
}

@test "train --recheck says already done only when it is" {
	$VECS random rc.u8bin 60000 128 7
	train=(vs-train -i 'IVF64,Flat' --sample 5000 -o rc.vsm)
	"${train[@]}" -q rc.u8bin
	run "${train[@]}" --recheck rc.u8bin
	[ "$status" -eq 0 ]
	[[ $output == *"rc.vsm: already done"* ]]
	hide_change rc.u8bin
	run "${train[@]}" rc.u8bin
	[ "$status" -eq 0 ]
	run "${train[@]}" --recheck rc.u8bin
	[ "$status" -eq 73 ]
	[[ $output != *"already done"* ]]
	[[ $output == *"trained on other vectors"* ]]
}

@test "truth --recheck sees a change that the quick check cannot" {
	zeros many.u8bin 60000 128 1
	$VECS convert query.bvecs q3.bvecs 0 3
	vs-eval truth -q -k 3 -o many.vsh many.u8bin q3.bvecs
	run vs-eval truth -k 3 --recheck -o many.vsh many.u8bin q3.bvecs
	[ "$status" -eq 0 ]
	[[ $output == *"already done"* ]]
	hide_change many.u8bin
	run vs-eval truth -k 3 -o many.vsh many.u8bin q3.bvecs
	[ "$status" -eq 0 ]
	[[ $output == *"already done"* ]]
	run vs-eval truth -k 3 --recheck -o many.vsh many.u8bin q3.bvecs
	[ "$status" -eq 73 ]
	[[ $output == *"made from other vectors than many.u8bin holds now"* ]]
	[[ $output != *"already done"* ]]
}

@test "truth: the output and the distances are two files" {
	for d in out/t.ivecs ./out/t.ivecs out/../out/t.ivecs \
		"$PWD/out/t.ivecs"; do
		run vs-eval truth -o out/t.ivecs --distances "$d" base.bvecs \
			five.bvecs
		[ "$status" -eq 2 ]
		[[ $output == *--distances* ]]
		[ -z "$(ls -A out)" ]
	done
	touch out/t.ivecs
	ln -s t.ivecs out/link.fvecs
	run vs-eval truth --replace -o out/t.ivecs --distances out/link.fvecs \
		base.bvecs five.bvecs
	[ "$status" -eq 2 ]
	vs-eval truth -q --replace -o out/t.ivecs --distances out/t.fvecs \
		base.bvecs five.bvecs
}

@test "truth: no output is an input" {
	for o in base.bvecs five.bvecs; do
		cp $o keep
		run vs-eval truth --replace -f ivecs -o $o base.bvecs five.bvecs
		[ "$status" -eq 2 ]
		run vs-eval truth --replace -o out/t.ivecs --distances $o \
			base.bvecs five.bvecs
		[ "$status" -eq 2 ]
		cmp $o keep
	done
	run vs-train --replace -i IVF64,Flat -o base.bvecs base.bvecs
	[ "$status" -eq 2 ]
	[ -z "$(ls -A out)" ]
}

@test "truth: what is in the way is noticed before the search" {
	vs-eval truth -q -k 3 -o d3.ivecs --distances d3.fvecs base.bvecs \
		five.bvecs
	cp d3.fvecs keep.fvecs
	# with k = 4 the distances cannot be the same; nothing is written
	run vs-eval truth -k 4 -o out/d4.ivecs --distances d3.fvecs base.bvecs \
		five.bvecs
	[ "$status" -eq 73 ]
	[[ $output == *"d3.fvecs: exists with other contents"*--replace* ]]
	[ -z "$(ls -A out)" ]
	cmp d3.fvecs keep.fvecs
	# the same again is fine, and --replace always
	vs-eval truth -q -k 3 -o d3.ivecs --distances d3.fvecs base.bvecs \
		five.bvecs
	vs-eval truth -q -k 4 -o out/d4.ivecs --replace --distances d3.fvecs \
		base.bvecs five.bvecs
	# another .vsh, too, beside distances
	vs-eval truth -q -k 3 -o v.vsh base.bvecs five.bvecs
	run vs-eval truth -k 4 -o v.vsh --distances out/v.fvecs base.bvecs \
		five.bvecs
	[ "$status" -eq 73 ]
	[ ! -e out/v.fvecs ]
}

@test "truth: distances go into a pipe" {
	mkfifo out/pipe.fvecs
	cat out/pipe.fvecs >out/read.fvecs &
	timeout 60 vs-eval truth -q -k 3 -o out/p.ivecs \
		--distances out/pipe.fvecs base.bvecs five.bvecs
	wait $!
	vs-eval truth -q -k 3 -o out/p.ivecs --distances out/p.fvecs \
		base.bvecs five.bvecs
	cmp out/read.fvecs out/p.fvecs
}

@test "truth: k beyond the rows warns" {
	run vs-eval truth -k 8 -o out/t.ivecs five.bvecs query.bvecs
	[ "$status" -eq 0 ]
	[[ $output == *"k is 8 but five.bvecs holds 5 rows"* ]]
	[[ $output == *"padded with id -1"* ]]
}

@test "a stop ends training with 75, soon, and leaves but a checkpoint" {
	$VECS random s.u8bin 400000 64 1
	vs-train -q -t 1 -i IVF2048,Flat -o out/s.vsm s.u8bin &
	pid=$!
	sleep 2
	kill -TERM $pid
	start=$SECONDS
	status=0
	wait $pid || status=$?
	echo "status $status after $((SECONDS - start)) s"
	[ $status -eq 75 ]
	[ $((SECONDS - start)) -le 5 ]
	ls -A out >&2
	[ "$(ls -A out)" = .s.vsm.ckpt ] || [ -z "$(ls -A out)" ]
}
