#!/usr/bin/env bats
# Maps: little address space (ulimit -v), and a file that shrinks while it is
# mapped.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
	[ -z "$VS_SANITIZED" ] || skip 'sanitizers map terabytes'
	[ ! -e "$BATS_FILE_TMPDIR/big.vss" ] || return 0
	inputs=
	for _ in $(seq 1 20); do inputs="$inputs $data/base.bvecs"; done
	# shellcheck disable=SC2086 # a list of words
	vs-build -q -i Flat -o "$BATS_FILE_TMPDIR/big.vss" $inputs
}

@test "ulimit -v: vs-build needs no room for its vectors" {
	run bash -c "ulimit -v 80000; exec vs-build -q -t 2 --memory 16M \
		-i Flat -o a.vss '$data/base.bvecs'"
	[ "$status" -eq 0 ]
	vs-build -q -i Flat -o b.vss "$data/base.bvecs"
	cmp a.vss b.vss
}

@test "ulimit -v: the same answer, or a refusal that names the limit" {
	big=$BATS_FILE_TMPDIR/big.vss
	vs-query -q -k 10 -o whole.vsh "$big" "$data/query.bvecs"
	n_refused=0
	for kib in 400000 100000 60000 40000; do
		rm -f a.vsh
		run bash -c "ulimit -v $kib; exec vs-query -q -t 2 -k 10 \
			--memory 8M -o a.vsh '$big' '$data/query.bvecs'"
		if [ "$status" -eq 0 ]; then
			cmp a.vsh whole.vsh
		else
			[ "$status" -eq 71 ]
			[ "${#lines[@]}" -eq 1 ]
			[[ $output == *'big.vss: cannot map '*'ulimit -v'* ]]
			[ ! -e a.vsh ]
			n_refused=$((n_refused + 1))
		fi
	done
	[ "$n_refused" -gt 0 ]
	[ "$n_refused" -lt 4 ]
}

@test "ulimit -v: what a refusal asks for is enough" {
	kib=40000
	for _ in 1 2 3; do
		run bash -c "ulimit -v $kib; exec vs-query -q -t 1 -k 10 \
			--memory 8M -o b.vsh '$BATS_FILE_TMPDIR/big.vss' \
			'$data/query.bvecs'"
		[ "$status" -ne 0 ] || break
		[ "$status" -eq 71 ]
		kib=$(sed -n 's/.* at least \([0-9]*\) KiB (ulimit.*/\1/p' \
			<<<"$output")
		[ -n "$kib" ]
	done
	[ "$status" -eq 0 ]
}

@test "a shard that shrinks while it is searched: one line, exit 74" {
	cp "$BATS_FILE_TMPDIR/big.vss" a.vss
	python3 - "$data/query.bvecs" <<-'PY'
	import os, subprocess, sys, time
	p = subprocess.Popen(["vs-query", "-q", "-t", "1", "-k", "10", "-o",
	                      "a.vsh", "a.vss", sys.argv[1]],
	                     stderr=subprocess.PIPE,
	                     env=dict(os.environ, VS_CPU="generic"))
	while p.poll() is None:
	    with open("/proc/%d/maps" % p.pid) as f:
	        if "a.vss" in f.read():
	            break
	os.truncate("a.vss", 16384)
	text = p.stderr.read().decode()
	assert p.wait() == 74, (p.returncode, text)
	assert text.startswith("vs-query: ") and text.count("\n") == 1, text
	assert "SIGBUS" in text or "truncated" in text, text
	PY
	[ ! -e a.vsh ]
	rm a.vss
}
