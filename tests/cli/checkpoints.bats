#!/usr/bin/env bats
# A command that was stopped or killed goes on from its checkpoint when it is
# run again, and ends with the same bytes; nothing else is believed.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
	train="-i IVF512,Flat --sample 20000 --iterations 12 $data/base.bvecs"
}

# A model and 240,000 rows, for a build that takes long enough to be stopped.
prepare_build() {
	vs-train -q -i IVF2048,Flat --sample 20000 --iterations 1 -o m.vsm \
		"$data/base.bvecs"
	cp "$data/base.bvecs" x.bvecs
	build="-M m.vsm"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		build="$build x.bvecs"
	done
	# shellcheck disable=SC2086 # a list of words
	vs-build -q -o whole.vss $build
}

# Starts a command and sends it a signal once the checkpoint .OUTPUT.ckpt is
# there; again where a busy machine let the command end before that.
stop_at() { # .OUTPUT.ckpt SIGNAL COMMAND...
	python3 - "$@" <<-'PY'
	import os, signal, subprocess, sys, time
	file, sig, command = sys.argv[1], sys.argv[2], sys.argv[3:]
	output = file[1:-len(".ckpt")]
	for _ in range(10):
	    p = subprocess.Popen(command, stderr=subprocess.PIPE)
	    while not os.path.exists(file) and p.poll() is None:
	        time.sleep(0.002)
	    t = time.monotonic()
	    p.send_signal(getattr(signal, sig))
	    said = p.stderr.read()
	    p.wait()
	    if p.returncode != 0:
	        break
	    os.unlink(output)
	sys.stderr.buffer.write(said)
	assert time.monotonic() - t < 5, "slow to stop"
	sys.exit(p.returncode if p.returncode >= 0 else 128 - p.returncode)
	PY
}

@test "vs-train: stopped, run again, the same bytes" {
	# shellcheck disable=SC2086 # a list of words
	vs-train -q -o whole.vsm $train
	for sig in TERM USR1 KILL INT; do
		rm -f a.vsm .a.vsm.ckpt
		# shellcheck disable=SC2086
		run stop_at .a.vsm.ckpt SIG$sig vs-train -q \
			--checkpoint-every 0 -o a.vsm $train
		case $sig in
		KILL) [ "$status" -eq 137 ] ;;
		INT) [ "$status" -eq 130 ] ;;
		*) [ "$status" -eq 75 ] ;;
		esac
		[ ! -e a.vsm ]
		[ -e .a.vsm.ckpt ]
		# shellcheck disable=SC2086
		run vs-train -o a.vsm $train
		[ "$status" -eq 0 ]
		[[ $output == *'.a.vsm.ckpt: going on with iteration '[1-9]* ]]
		cmp a.vsm whole.vsm
		[ ! -e .a.vsm.ckpt ]
	done
}

@test "what cannot be written is refused before the work" {
	mkfifo out.fifo
	for out in - /dev/null out.fifo; do
		# shellcheck disable=SC2086
		run timeout -s KILL 30 vs-train -q \
			--checkpoint-every 0 --replace -o $out $train
		echo "$output"
		[ "$status" -eq 2 ]
		[[ $output == *"$out: is no regular file; a model file needs"* ]]
		run timeout -s KILL 30 vs-build -q -i Flat -o $out \
			"$data/base.bvecs"
		[ "$status" -eq 2 ]
		[[ $output == *"$out: is no regular file; a shard file needs"* ]]
	done
	[ -z "$(find . -name '.*.ckpt')" ]
}

@test "vs-train: every checkpoint of a run leads to the same bytes" {
	# shellcheck disable=SC2086
	vs-train -q -o whole.vsm $train
	n=0
	tries=0
	while [ ! -e a.vsm ] && [ $n -lt 40 ]; do
		n=$((n + 1))
		# Kills at the first checkpoint that is new.
		# shellcheck disable=SC2086
		run python3 - $train <<-'PY'
		import os, subprocess, sys, time
		def state():
		    try:
		        return os.stat(".a.vsm.ckpt").st_ino
		    except OSError:
		        return None
		old = state()
		p = subprocess.Popen(["vs-train", "-q", "--checkpoint-every",
		                      "0", "-o", "a.vsm"] + sys.argv[1:])
		while state() == old and p.poll() is None:
		    time.sleep(0.001)
		p.kill()
		p.wait()
		PY
		[ "$status" -eq 0 ]
		# Again where a busy machine let it end before it was seen.
		if [ -e a.vsm ] && [ $n -le 3 ] && [ $tries -lt 10 ]; then
			tries=$((tries + 1))
			rm a.vsm
			n=0
		fi
	done
	[ $n -gt 3 ]
	# shellcheck disable=SC2086
	vs-train -q -o a.vsm $train
	cmp a.vsm whole.vsm
	[ ! -e .a.vsm.ckpt ]
}

@test "vs-train: a run of a moment writes no checkpoint" {
	mkdir .a.vsm.ckpt # where one could not be written
	run vs-train -o a.vsm -i IVF16,Flat "$data/base.bvecs"
	[ "$status" -eq 0 ]
	[[ $output != *'no checkpoint'* ]]
}

@test "vs-train: a damaged checkpoint, or another's, is passed over" {
	# shellcheck disable=SC2086
	vs-train -q -o whole.vsm $train
	# shellcheck disable=SC2086
	run stop_at .a.vsm.ckpt SIGTERM vs-train -q --checkpoint-every 0 \
		-o a.vsm $train
	cp .a.vsm.ckpt good
	printf X | dd of=.a.vsm.ckpt bs=1 seek=5000 conv=notrunc status=none
	# shellcheck disable=SC2086
	run vs-train -o a.vsm $train
	[ "$status" -eq 0 ]
	[[ $output == *'.a.vsm.ckpt: its checksum does not fit; starting from the beginning'* ]]
	cmp a.vsm whole.vsm
	[ ! -e .a.vsm.ckpt ]
	cp good .b.vsm.ckpt
	# shellcheck disable=SC2086
	run vs-train -o b.vsm --seed 2 $train
	[ "$status" -eq 0 ]
	[[ $output == *'.b.vsm.ckpt: is of other inputs or parameters; '* ]]
	# shellcheck disable=SC2086
	vs-train -q -o c.vsm --seed 2 $train
	cmp b.vsm c.vsm
}

@test "vs-train: a checkpoint left by a run that had published goes away" {
	# shellcheck disable=SC2086
	vs-train -q -o a.vsm $train
	echo >.a.vsm.ckpt
	# shellcheck disable=SC2086
	run vs-train -o a.vsm $train
	[[ $output == *'already done' ]]
	[ ! -e .a.vsm.ckpt ]
}

@test "vs-train: no room for a checkpoint is a warning, not an error" {
	mkdir .a.vsm.ckpt
	# shellcheck disable=SC2086
	run vs-train --checkpoint-every 0 -o a.vsm $train
	[ "$status" -eq 0 ]
	[[ $output == *'no checkpoint: .a.vsm.ckpt: '* ]]
	# shellcheck disable=SC2086
	vs-train -q -o whole.vsm $train
	cmp a.vsm whole.vsm
}

@test "vs-build: stopped, run again, the same bytes" {
	prepare_build
	for sig in TERM USR1 KILL; do
		rm -f a.vss .a.vss.ckpt
		# shellcheck disable=SC2086
		run stop_at .a.vss.ckpt SIG$sig vs-build -q \
			--checkpoint-every 0 -o a.vss $build
		case $sig in
		KILL) [ "$status" -eq 137 ] ;;
		*) [ "$status" -eq 75 ] ;;
		esac
		[ ! -e a.vss ]
		[ -e .a.vss.ckpt ]
		# Other limits than those of the first run make no difference.
		# shellcheck disable=SC2086
		run vs-build --memory 24M -t 1 -o a.vss $build
		[ "$status" -eq 0 ]
		[[ $output == *'.a.vss.ckpt: going on after row '[1-9]*' of 240000'* ]]
		cmp a.vss whole.vss
		[ -z "$(find . -name '.*.ckpt' -o -name '.*.tmp')" ]
	done
}

@test "vs-build: stopped again and again, the same bytes" {
	prepare_build
	n=0
	while [ ! -e a.vss ] && [ $n -lt 60 ]; do
		n=$((n + 1))
		# shellcheck disable=SC2086
		run timeout -s TERM 0.3 vs-build -q -t 1 -o a.vss $build
		[ "$status" -eq 124 ] || [ "$status" -eq 0 ]
	done
	# shellcheck disable=SC2086
	vs-build -q -o a.vss $build
	cmp a.vss whole.vss
	[ -z "$(find . -name '.*.ckpt' -o -name '.*.tmp')" ]
}

@test "vs-build: a checkpoint of other rows, or a damaged one, is passed over" {
	prepare_build
	# shellcheck disable=SC2086
	run stop_at .a.vss.ckpt SIGTERM vs-build -q --checkpoint-every 0 \
		-o a.vss $build
	[ "$status" -eq 75 ]
	cp .a.vss.ckpt good
	printf XY | dd of=.a.vss.ckpt bs=1 seek=500 conv=notrunc status=none
	# shellcheck disable=SC2086
	run vs-build -o a.vss $build
	[ "$status" -eq 0 ]
	[[ $output == *'.a.vss.ckpt: its checksum does not fit; starting from the beginning'* ]]
	cmp a.vss whole.vss
	# One byte between two blocks of the quick digest: the same fingerprint.
	cp good .b.vss.ckpt
	printf '\001' | dd of=x.bvecs bs=1 seek=70000 conv=notrunc status=none
	# shellcheck disable=SC2086
	run vs-build -o b.vss $build
	[ "$status" -eq 0 ]
	[[ $output == *'.b.vss.ckpt: is of other '*'; starting from the beginning'* ]]
	# shellcheck disable=SC2086
	vs-build -q -o c.vss $build
	cmp b.vss c.vss
	run ! cmp -s b.vss whole.vss
}
