#!/usr/bin/env bats
# --config: options from a file, the same as on the command line.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
}

# refused LINE: the one line of the last run, exit 2.
refused() {
	[ "$status" -eq 2 ]
	[ "$output" = "$1" ]
}

@test "one file serves a pipeline" {
	cat >c.yaml <<-END
		quiet: true
		threads: 2
		vs-train:
		  index: IVF32,Flat
		  output: a.vsm
		  seed: 7
		  operands: ["$data/base.bvecs"]
		vs-build:
		  model: a.vsm
		  output: a.vss
		vs-query:
		  k: 5
		  params: nprobe=8
		vs-eval truth:
		  k: 3
	END
	vs-train --config c.yaml
	vs-build --config c.yaml "$data/base.bvecs"
	vs-query --config c.yaml -o h.ivecs a.vss "$data/query.bvecs"
	vs-eval truth --config=c.yaml -o t.ivecs "$data/base.bvecs" \
		"$data/query.bvecs"
	vs-train -q -i IVF32,Flat --seed 7 -o b.vsm "$data/base.bvecs"
	cmp a.vsm b.vsm
	vs-query -q -k 5 -p nprobe=8 -o i.ivecs a.vss "$data/query.bvecs"
	cmp h.ivecs i.ivecs
	vs-eval truth -q -k 3 -o u.ivecs "$data/base.bvecs" \
		"$data/query.bvecs"
	cmp t.ivecs u.ivecs
}

@test "the command line wins, wherever --config stands" {
	echo 'k: 5' >c.yaml
	vs-build -q -i Flat -o a.vss "$data/query.bvecs"
	vs-query -q -k 7 -o want.ivecs a.vss "$data/query.bvecs"
	vs-query -q -k 7 --config c.yaml -o a.ivecs a.vss "$data/query.bvecs"
	vs-query -q --config c.yaml -k 7 -o b.ivecs a.vss "$data/query.bvecs"
	vs-query -q a.vss "$data/query.bvecs" -o c.ivecs -k7 --config c.yaml
	for f in a b c; do
		cmp $f.ivecs want.ivecs
	done
	# And the map of a command over what holds for all.
	printf 'k: 5\nvs-query: {k: 7}\n' >c.yaml
	vs-query -q --config c.yaml -o d.ivecs a.vss "$data/query.bvecs"
	cmp d.ivecs want.ivecs
}

@test "operands of the command line replace those of the file" {
	printf 'operands: [none.bvecs]\n' >c.yaml
	vs-build -q --config c.yaml -i Flat -o a.vss "$data/query.bvecs"
	run vs-build -q --config c.yaml -i Flat -o b.vss
	[ "$status" -eq 66 ]
}

@test "what does not fit is refused with file and line" {
	printf 'threads: 2\nsamle: 100\n' >c.yaml
	run vs-train --config c.yaml -i IVF4,Flat -o a.vsm x.fvecs
	refused 'vs-train: c.yaml:2: samle: no such option; did you mean sample?'
	printf 'threads: many\n' >c.yaml
	run vs-train --config c.yaml -i IVF4,Flat -o a.vsm x.fvecs
	refused 'vs-train: c.yaml:1: --threads many: expected a whole number from 1 to 4096'
	printf 'quiet: yes\n' >c.yaml
	run vs-train --config c.yaml -i IVF4,Flat -o a.vsm x.fvecs
	refused 'vs-train: c.yaml:1: quiet: expected true or false'
	printf 'vs-trian: {seed: 1}\n' >c.yaml
	run vs-train --config c.yaml -i IVF4,Flat -o a.vsm x.fvecs
	[ "$status" -eq 2 ]
	[[ $output == 'vs-train: c.yaml:1: vs-trian: no such command; '* ]]
	for text in 'threads: [1]' 'operands: x' 'operands: [[x]]' '- a' \
		'help: true' 'config: d.yaml' 'vs-train: 3' \
		'vs-eval: {k: 3}' 'vs-eval trouth: {k: 3}' \
		'vs-query truth: {k: 3}' 'output: ~' 'output: null' \
		'vs-train: {vs-train: {}}'; do
		echo "$text" >c.yaml
		run vs-train --config c.yaml -i IVF4,Flat -o a.vsm x.fvecs
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == 'vs-train: c.yaml:'* ]]
	done
	run vs-train --config none.yaml -i IVF4,Flat -o a.vsm x.fvecs
	[ "$status" -eq 66 ]
	printf 'a: 1\na: 2\n' >c.yaml
	run vs-train --config c.yaml -i IVF4,Flat -o a.vsm x.fvecs
	[ "$status" -eq 65 ]
}

@test "what must be given may stand in the file" {
	echo 'output: a.vss' >c.yaml
	vs-build -q --config c.yaml -i Flat "$data/query.bvecs"
	[ -s a.vss ]
	echo 'quiet: true' >c.yaml
	run vs-query --config c.yaml a.vss "$data/query.bvecs"
	refused 'vs-query: missing option -o HITS'
}

@test "the name of every command is a key" {
	for c in vs-train vs-build vs-query vs-merge \
		"$(vs-shard --help | sed -n 's/^  \(vs-shard [a-z]*\).*/\1/p')" \
		"$(vs-eval --help | sed -n 's/^  \(vs-eval [a-z]*\).*/\1/p')"; do
		echo "$c"
	done | sed 's/$/: {threads: 2}/' >c.yaml
	[ "$(wc -l <c.yaml)" -ge 10 ]
	vs-build -q --config c.yaml -i Flat -o a.vss "$data/query.bvecs"
}
