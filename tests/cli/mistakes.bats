#!/usr/bin/env bats
# Mistakes of new users, and answers that say what to do next.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	cp "$VS_TOP"/datasets/sift20k/query.bvecs .
	vs-build -q -i Flat -o f.vss query.bvecs
	vs-query -q -k 3 -o h.ivecs f.vss query.bvecs
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

# answer STATUS LINE LINE COMMAND...: one line, and that one; the second part
# may be empty.
answer() {
	run "${@:4}"
	echo "status $status: $output"
	[ "$status" -eq "$1" ]
	[ "$output" = "$2$3" ]
}

@test "the queries before the shard" {
	answer 65 'vs-query: query.bvecs: is no shard, but f.vss is one; ' \
		'expected the shard first, then the queries' \
		vs-query -o x.ivecs query.bvecs f.vss
	# A damaged shard is still called damaged.
	head -c 9000 f.vss >cut.vss
	run vs-query -o x.ivecs cut.vss query.bvecs
	[ "$status" -eq 65 ]
	[[ $output != *'expected the shard first'* ]]
}

@test "parameters as options" {
	answer 2 'vs-query: unknown option --nprobe; did you mean -p nprobe=N?' '' \
		vs-query --nprobe 8 -o x.ivecs f.vss query.bvecs
	answer 2 'vs-query: unknown option --k; did you mean -k N?' '' \
		vs-query --k 8 -o x.ivecs f.vss query.bvecs
	answer 2 'vs-train: unknown option --nlist; did you mean -i ' \
		'IVF<nlist>,Flat?' \
		vs-train --nlist=8 -o x.vsm query.bvecs
}

@test "one dash for a long option" {
	answer 2 'vs-query: -output: long options begin with two dashes; did ' \
		'you mean --output?' \
		vs-query -output x.ivecs f.vss query.bvecs
	[ ! -e utput ]
	run vs-query -output=x.ivecs f.vss query.bvecs
	[ "$status" -eq 2 ]
	[ ! -e utput=x.ivecs ]
	# A value that stands at its letter is none.
	vs-query -q -oout.ivecs f.vss query.bvecs
	[ -s out.ivecs ]
}

@test "index names in other letters or cut short" {
	answer 2 "vs-build: index 'flat' is not known; did you mean Flat?" '' \
		vs-build -i flat -o x.vss query.bvecs
	answer 2 "vs-train: index 'ivf64' is not known; did you mean IVF64,Flat?" '' \
		vs-train -i ivf64 -o x.vsm query.bvecs
	run vs-train -i IVF,Flat -o x.vsm query.bvecs
	[ "$status" -eq 2 ]
	[[ $output == *"at 'IVF,Flat'; expected IVF<nlist>, Flat, "* ]]
}

@test "more probes than cells" {
	vs-train -q -i IVF4,Flat -o m.vsm query.bvecs
	vs-build -q -M m.vsm -o m.vss query.bvecs
	run vs-query -p nprobe=9 -o n.vsh m.vss query.bvecs
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == *'-p nprobe=9: m.vss has 4 cells; all of them are read' ]]
	run vs-query -p nprobe=4 -o n.vsh m.vss query.bvecs
	[[ $output != *warning* ]]
}

@test "a name that says another kind of file" {
	run vs-query -f ivecs -o n2.vsh f.vss query.bvecs
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == 'vs-query: warning: n2.vsh: becomes ivecs, though its name says vsh; '* ]]
	run vs-build -i Flat -o n3.vsm query.bvecs
	[[ ${lines[0]} == *'becomes a shard, though its name says vsm; expected NAME.vss' ]]
	run vs-build -i Flat -o n4.vss query.bvecs
	[[ $output != *warning* ]]
}

@test "a variable that is not set" {
	answer 2 'vs-build: operand 1 is empty; expected VECTORS...; is a variable of the script ' \
		'not set?' vs-build -i Flat -o x.vss ''
}

@test "a collection that is not there" {
	answer 66 'vs-build: nocol: there is no such collection; make it with ' \
		'vs-shard create -c nocol' vs-build -c nocol --part 0/2
	run vs-query -o x.vsh nocol/ query.bvecs
	[ "$status" -eq 66 ]
}

@test "a directory for an output" {
	mkdir -p dir
	answer 73 'vs-build: dir: is a directory; expected the name of a file ' \
		'for the output, such as dir/NAME' \
		vs-build -i Flat -o dir query.bvecs
}

@test "exchange formats for a merge" {
	answer 65 'vs-merge: h.ivecs: looks like fvecs or ivecs of 3 ' \
		'dimensions; expected a model, shard or hits file (.vsm, .vss, .vsh)' \
		vs-merge -o x.vsh h.ivecs
}

@test "a shard for hits" {
	answer 65 'vs-eval: f.vss: is a shard file; expected the results of a ' \
		'search, as NAME.vsh or ivecs' \
		vs-eval recall --truth h.ivecs f.vss
}

@test "the truth of something else" {
	python3 - <<-'PY'
	import struct
	n = len(open("h.ivecs", "rb").read()) // 16
	with open("other.ivecs", "wb") as f:
	    for i in range(n):
	        f.write(struct.pack("<4i", 3, 900001, 900002, 900003))
	PY
	run --separate-stderr vs-eval recall -k 3 --truth other.ivecs h.ivecs
	[ "$status" -eq 0 ]
	[[ $stderr == 'vs-eval: warning: h.ivecs: holds no true neighbour of any '* ]]
	run --separate-stderr vs-eval recall -k 3 --truth h.ivecs h.ivecs
	[ -z "$stderr" ]
}
