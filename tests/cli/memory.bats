#!/usr/bin/env bats
# --memory is a ceiling: anonymous memory of build and query on a million rows
# stays under it (RssAnon, polled), and the bytes are the same.

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	export VECS=$VS_TOP/tests/tools/vecs.py
	$VECS random base.u8bin 1000000 128 1
	$VECS random query.u8bin 10000 128 2
	vs-train -q -i IVF256,Flat --iterations 2 --sample 20000 -o m.vsm \
		base.u8bin
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

measured() {
	[ -z "${VS_SANITIZED:-}" ] || skip 'sanitizers use memory of their own'
}

# Largest RssAnon in KiB while the command runs, in $peak.
watch() {
	"$@" &
	pid=$!
	peak=0
	while now=$(awk '/^RssAnon/ { print $2 }' /proc/$pid/status \
		2>/dev/null) && [ -n "$now" ]; do
		[ "$now" -le "$peak" ] || peak=$now
		sleep 0.01
	done
	wait $pid
}

@test "build and query of 1,000,000 rows within 256M and 64M" {
	measured
	for m in 256 64; do
		watch vs-build -q --memory ${m}M -M m.vsm -o b$m.vss base.u8bin
		echo "# build within $m MiB: $((peak / 1024)) MiB" >&3
		[ "$peak" -gt 0 ] && [ "$peak" -le $((m * 1024)) ]
		watch vs-query -q --memory ${m}M -p nprobe=4 -o q$m.vsh b$m.vss \
			query.u8bin
		echo "# query within $m MiB: $((peak / 1024)) MiB" >&3
		[ "$peak" -gt 0 ] && [ "$peak" -le $((m * 1024)) ]
	done
	cmp b256.vss b64.vss
	cmp q256.vsh q64.vsh
}

@test "truth within 64M" {
	measured
	watch vs-eval truth -q --memory 64M -k 100 -o t.ivecs base.u8bin \
		query.u8bin
	echo "# truth within 64 MiB: $((peak / 1024)) MiB" >&3
	[ "$peak" -gt 0 ] && [ "$peak" -le $((64 * 1024)) ]
}

@test "too little memory is refused with the figure, and nothing is left" {
	mkdir out
	run vs-train --memory 8M -i IVF256,Flat -o out/x.vsm base.u8bin
	[ "$status" -eq 71 ]
	[[ $output == *--memory* ]]
	[ -z "$(ls -A out)" ]
}

@test "too little memory for hits is said before the search, with the file" {
	data=$VS_TOP/datasets/sift20k
	# what zstd wants is part of the plan of a build
	for m in 2500K 3M 3500K; do
		vs-build -q --memory $m -i Flat -o $m.vss "$data/base.bvecs"
		vs-build -q --memory $m -i Flat --plan -o p.vss \
			"$data/base.bvecs"
		cmp 2500K.vss $m.vss
	done
	run vs-query -q --memory 1M -o few.vsh 3M.vss "$data/query.bvecs"
	[ "$status" -eq 71 ]
	[[ $output == *'few.vsh: '*zstd*--memory* ]]
	[ ! -e few.vsh ]
}
