#!/usr/bin/env bats
# How the tools behave as Unix commands: help, version, streams, signals, exit
# status.
bats_require_minimum_version 1.5.0

tools='vs-train vs-build vs-shard vs-query vs-merge vs-eval'
commands='vs-train vs-build vs-shard:create vs-query vs-merge vs-eval:truth
	vs-eval:recall'

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
}

@test "--help goes to stdout, exit 0, within 80 columns" {
	for c in $commands; do
		for o in --help -h; do
			# shellcheck disable=SC2086 # tool and command
			run --separate-stderr ${c/:/ } $o
			[ "$status" -eq 0 ]
			[ -z "$stderr" ]
			[[ $output == "usage: ${c/:/ } "* ]]
			# Usage lines may be long, descriptions may not.
			run ! grep -qE '^ .{79}' <<<"$output"
		done
	done
}

@test "--help shows the true defaults" {
	vs-query --help | grep -qE '^  -k N .*\[10; with --radius'
	vs-train --help | grep -qE '^ +--iterations N .*\[10\]$'
	vs-train --help | grep -qE '^ +--seed N .*\[1\]$'
	vs-train --help | tr -s ' \n' ' ' |
		grep -qF -- '-m, --metric l2|ip|cosine|l1 metric of later searches [l2]'
	vs-shard create --help | grep -A 1 -e --vnodes | grep -q '\[1024\]$'
}

@test "--version: version, revision, instruction set, threads" {
	version=$(cat "$VS_TOP/VERSION")
	for t in $tools; do
		run --separate-stderr "$t" --version
		[ "$status" -eq 0 ]
		[ "${lines[0]}" = "$t (vs-tools) $version" ]
		[[ ${lines[1]} == 'revision: '?* ]]
		[[ ${lines[2]} == 'instruction set: '*generic* ]]
		[[ ${lines[3]} =~ ^threads:\ [1-9][0-9]*$ ]]
	done
}

@test "a full standard output is an error that names it" {
	for c in 'vs-train --help' 'vs-eval --help' 'vs-query --version'; do
		run bash -c "$c >/dev/full"
		[ "$status" -eq 74 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == *'standard output: cannot be written: No space left on device' ]]
	done
	vs-build -q -i Flat -o a.vss "$data/query.bvecs"
	run bash -c "vs-query -q -o - a.vss '$data/query.bvecs' >/dev/full"
	[ "$status" -eq 74 ]
	[[ $output == *'No space left on device'* ]]
	vs-query -q -o a.ivecs a.vss "$data/query.bvecs"
	run bash -c 'vs-eval recall --truth a.ivecs a.ivecs >/dev/full'
	[ "$status" -eq 74 ]
}

@test "a closed standard output is an error, too" {
	run bash -c 'vs-train --help >&-'
	[ "$status" -eq 74 ]
}

@test "closed descriptors never become output files" {
	run bash -c "vs-build -q -i Flat -o a.vss '$data/query.bvecs' <&- >&- 2>&-"
	[ "$status" -eq 0 ]
	vs-build -q -i Flat -o b.vss "$data/query.bvecs"
	cmp a.vss b.vss
}

@test "a reader that goes away is no error to talk about" {
	vs-build -q -i Flat -o a.vss "$data/base.bvecs"
	run bash -c "vs-query -q -k 100 -o - a.vss '$data/query.bvecs' | head -n 1
		echo \${PIPESTATUS[0]}"
	[ "${#lines[@]}" -eq 2 ]
	[ "${lines[1]}" -eq 141 ]
}

@test "-q says nothing, results go to stderr otherwise" {
	run vs-build -q -i Flat -o a.vss "$data/query.bvecs"
	[ -z "$output" ]
	run --separate-stderr vs-query -k 1 -o a.ivecs a.vss "$data/query.bvecs"
	[ -z "$output" ]
	[[ $stderr =~ ^vs-query:\ 200\ queries\ in\ [0-9.]+\ s:\ .*\ threads?$ ]]
}

@test "--progress json: an object a line" {
	run --separate-stderr vs-train --progress json -i IVF16,Flat -o a.vsm \
		"$data/base.bvecs"
	[ "$status" -eq 0 ]
	grep '^{' <<<"$stderr" | python3 -c '
import json, sys
lines = [json.loads(s) for s in sys.stdin]
assert {"phase", "done", "total", "unit", "seconds"} <= set(lines[-1])
assert any(s["phase"] == "k-means" for s in lines)'
}

# Plain C, so that the work is not done before the signal comes.
@test "SIGTERM and SIGUSR1: exit 75, no output, no temporary" {
	export VS_CPU=generic
	for sig in TERM USR1; do
		vs-train -q --iterations 1000 -i IVF8192,Flat -o a.vsm \
			"$data/base.bvecs" 2>err &
		sleep 0.5
		kill -s $sig $!
		status=0
		wait $! || status=$?
		[ "$status" -eq 75 ]
		[ "$(wc -l <err)" -eq 1 ]
		[ -z "$(find . -name '*.vsm' -o -name '.*.tmp')" ]
	done
}

@test "SIGINT ends a tool as shells expect" {
	export VS_CPU=generic
	# Background jobs ignore SIGINT, so ask from inside.
	run bash -c "timeout -s INT 0.5 vs-train -q --iterations 1000 \
		-i IVF8192,Flat -o a.vsm '$data/base.bvecs'"
	[ ! -e a.vsm ]
	python3 - "$data/base.bvecs" <<-'PY'
	import signal, subprocess, sys, time
	p = subprocess.Popen(["vs-train", "-q", "--iterations", "1000", "-i",
	                      "IVF8192,Flat", "-o", "a.vsm", sys.argv[1]],
	                     stderr=subprocess.DEVNULL)
	time.sleep(0.5)
	p.send_signal(signal.SIGINT)
	assert p.wait(10) == -signal.SIGINT, p.returncode
	PY
}

@test "SIGINT stays ignored where a shell has it so" {
	export VS_CPU=generic
	( trap '' INT; exec vs-train -q --iterations 1000 -i IVF8192,Flat \
		-o a.vsm "$data/base.bvecs" 2>err ) &
	sleep 0.5
	kill -s INT $!
	sleep 0.3
	kill -s TERM $!
	status=0
	wait $! || status=$?
	[ "$status" -eq 75 ]
}

@test "a file size limit is an error, not a signal" {
	run bash -c "ulimit -f 100; exec vs-build -q -i Flat -o a.vss \
		'$data/base.bvecs'"
	[ "$status" -eq 74 ]
	[[ $output == *'a.vss'*'File too large'* ]]
	[ -z "$(find . -name '*.vss' -o -name '.*.tmp')" ]
}

@test "every error is one line that begins with the tool" {
	for c in 'vs-train -i IVF4,Flat -o a.vsm none.bvecs' \
		'vs-build -M none.vsm -o a.vss none.bvecs' \
		'vs-build -c none/ --part 0/2' \
		'vs-query -o a.vsh none.vss none.bvecs' \
		'vs-merge -o a.vsh none.vsh' \
		'vs-eval truth -o t.ivecs none.bvecs none.bvecs' \
		'vs-eval recall --truth none.ivecs none.ivecs' \
		'vs-shard create -c x/ --shards 2 -i Flat none.bvecs'; do
		# shellcheck disable=SC2086 # words on purpose
		run --separate-stderr $c
		echo "$c: $status: $stderr"
		[ "$status" -eq 66 ]
		[ -z "$output" ]
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
		[[ $stderr == "${c%% *}: none"*': '* ]]
	done
}

@test "a terminal gets one live line with rate and time left, a file none" {
	python3 - "$data/base.bvecs" <<-'PY'
	import os, pty, re, subprocess, sys
	command = ["vs-train", "--iterations", "10", "-i", "IVF4096,Flat",
	           "-o", "a.vsm", sys.argv[1]]
	master, slave = pty.openpty()
	p = subprocess.Popen(command, stderr=slave)
	os.close(slave)
	text = b""
	try:
	    while True:
	        text += os.read(master, 4096)
	except OSError:
	    pass  # the other end is closed
	assert p.wait() == 0
	live = [s for s in text.decode().split("\r\x1b[K") if "k-means" in s]
	assert any(re.search(r": \d+ of \d+ .*, \d+ %", s) for s in live), text
	os.remove("a.vsm")
	err = subprocess.run(command, stderr=subprocess.PIPE, check=True).stderr
	assert b"\x1b" not in err and b"\r" not in err, err
	PY
}
