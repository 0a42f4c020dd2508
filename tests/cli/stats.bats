#!/usr/bin/env bats
# --stats and --metrics: reports of a run, good or bad, that change nothing.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
}

# json FILE EXPRESSION: of Python, on the object d.
json() {
	python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$1" "$2"
}

@test "--stats says what ran and what it worked on" {
	vs-build -q -t 2 --memory 256M -i Flat -o a.vss --stats b.json \
		"$data/base.bvecs"
	[ "$(json b.json 'd["tool"], d["command"], d["exit_code"]')" = \
		"('vs-build', None, 0)" ]
	[ "$(json b.json 'd["rows"], d["queries"], d["message"]')" = \
		"(20000, None, None)" ]
	[ "$(json b.json 'd["threads"], d["memory_ceiling_bytes"]')" = \
		"(2, 268435456)" ]
	[ "$(json b.json 'd["version"]')" = "$(cat "$VS_TOP/VERSION")" ]
	json b.json '20000 * 128 <= d["written_bytes"]' | grep True
	json b.json 'd["read_bytes"] >= 20000 * 132' | grep True
	json b.json '0 < d["peak_allocated_bytes"] <= 268435456' | grep True
	json b.json '0 < sum(p["seconds"] for p in d["phases"]) <= \
		d["wall_seconds"]' | grep True
	vs-query -q -o h.vsh --stats q.json a.vss "$data/query.bvecs"
	n=$(($(stat -c %s "$data/query.bvecs") / 132))
	[ "$(json q.json 'd["rows"], d["queries"], d["distances"]')" = \
		"(20000, $n, $((20000 * n)))" ]
	vs-query -q -o h.vsh --stats q.json a.vss "$data/query.bvecs"
	[ "$(json q.json 'd["already_done"], d["exit_code"]')" = "(True, 0)" ]
}

@test "--stats tells of a failure, in words and status" {
	run vs-eval truth --stats 's".json' -o t.ivecs 'no"such.bvecs' q.bvecs
	[ "$status" -eq 66 ]
	[ "$(json 's".json' 'd["exit_code"]')" = 66 ]
	[ "$(json 's".json' 'd["command"]')" = truth ]
	[ "vs-eval: $(json 's".json' 'd["message"]')" = "$output" ]
}

@test "reports change no output" {
	vs-build -q -i Flat -o a.vss --stats a.json --metrics a.prom \
		"$data/query.bvecs"
	vs-build -q -i Flat -o b.vss "$data/query.bvecs"
	cmp a.vss b.vss
	run ls -A
	[ "${lines[*]}" = "a.json a.prom a.vss b.vss" ]
}

@test "a report takes the place of no input or output" {
	cp "$data/query.bvecs" q.bvecs
	run vs-build -i Flat -o a.vss --stats a.vss q.bvecs
	[ "$status" -eq 2 ]
	run vs-build -i Flat -o a.vss --metrics ./q.bvecs q.bvecs
	[ "$status" -eq 2 ]
	cmp q.bvecs "$data/query.bvecs"
	run vs-build -i Flat -o a.vss --stats r --metrics r q.bvecs
	[ "$status" -eq 2 ]
	[ ! -e a.vss ]
	# Names that turn out to be one only when the output stands there.
	run vs-build -q -i Flat -o a.vss --stats ./a.vss q.bvecs
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
	vs-build -q -i Flat -o b.vss q.bvecs
	cmp a.vss b.vss
	run vs-build -i Flat -o a.vss --stats - q.bvecs
	[ "$status" -eq 2 ]
}

@test "a report that has no place is refused before the work" {
	run vs-build -i Flat -o a.vss --stats no/s.json "$data/query.bvecs"
	[ "$status" -eq 73 ]
	[ "${#lines[@]}" -eq 1 ]
	[ ! -e a.vss ]
}

@test "--metrics: gauges with help, base units, no timestamps" {
	vs-build -q -i Flat -o a.vss --metrics m.prom "$data/query.bvecs"
	comment='# (HELP|TYPE) vs_[a-z_]+ .+'
	labels='tool="vs-build",command=""(,[a-z_]+="[^"]*")*'
	run ! grep -vE "^($comment|vs_[a-z_]+\{$labels\} [0-9.e+-]+)\$" m.prom
	grep -q '^vs_last_run_exit_code{.*} 0$' m.prom
	grep -qE '^vs_last_run_rows\{.*\} [1-9][0-9]*$' m.prom
	run ! grep -q queries m.prom
	# Each metric has its two lines once.
	[ "$(grep -c '^# HELP' m.prom)" = "$(grep -c '^vs_' m.prom)" ]
	[ "$(grep -c '^# TYPE.* gauge$' m.prom)" = "$(grep -c '^vs_' m.prom)" ]
}

@test "--metrics: the last success survives a failure" {
	run vs-build -q -i Flat -o a.vss --metrics m.prom none.bvecs
	[ "$status" -eq 66 ]
	grep -q '^vs_last_run_exit_code{.*} 66$' m.prom
	run ! grep -q success m.prom
	vs-build -q -i Flat -o a.vss --metrics m.prom "$data/query.bvecs"
	when=$(grep '^vs_last_success' m.prom)
	run vs-build -q -i Flat -o a.vss --metrics m.prom none.bvecs
	[ "$(grep '^vs_last_success' m.prom)" = "$when" ]
	grep -q '^vs_last_run_exit_code{.*} 66$' m.prom
}

@test "a partial merge counts what is missing" {
	vs-shard create -q -c col --shards 3 -i Flat "$data/query.bvecs"
	for i in 0 1; do
		vs-build -q -c col --part $i/3
		vs-query -q -o h/ --part $i/3 col "$data/query.bvecs"
	done
	run vs-merge -q --allow-missing 2 --stats s.json --metrics m.prom \
		-o m.vsh h/*.vsh
	[ "$status" -eq 3 ]
	[ "$(json s.json 'd["exit_code"], d["shards_missing"]')" = "(3, 1)" ]
	grep -q '^vs_last_run_shards_missing{.*} 1$' m.prom
}

@test "a report replaces nothing but a report" {
	cp "$data/query.bvecs" q.bvecs
	vs-build -q -i Flat -o a.vss q.bvecs
	cp a.vss want.vss
	# Even where the command line breaks off before the operands.
	for line in '--stats q.bvecs --bogus q.bvecs' \
		'--metrics q.bvecs --bogus q.bvecs' \
		'--stats a.vss --bogus -o a.vss q.bvecs' \
		'--stats a.vss -i Flat -o b.vss q.bvecs' \
		'--metrics a.vss -i Flat -o b.vss q.bvecs'; do
		# shellcheck disable=SC2086 # words on purpose
		run vs-build $line
		[ "$status" -ne 0 ]
		[ "${#lines[@]}" -eq 1 ]
		cmp q.bvecs "$data/query.bvecs"
		cmp a.vss want.vss
	done
	[ ! -e b.vss ]
	run vs-build -i Flat -o b.vss --stats a.vss q.bvecs
	[ "$status" -eq 73 ]
	[[ $output == 'vs-build: --stats a.vss: holds something else than a '* ]]
	# Names that the command makes up.
	vs-shard create -q -c col --shards 2 -i Flat q.bvecs
	run vs-build -q -c col --part 0/2 --stats col/shards/00000.vss
	[ "$status" -eq 73 ]
	vs-shard status -c col --stats s.json | grep -q '0  ready'
	cp col/000001.yaml want.yaml
	run vs-shard status -c col --metrics col/000001.yaml
	[ "$status" -eq 73 ]
	cmp col/000001.yaml want.yaml
	# An empty file is nobody's, and an older report is replaced.
	: >m.prom
	for _ in 1 2; do
		vs-shard status -c col --stats s.json --metrics m.prom
		[ "$(json s.json 'd["exit_code"]')" = 0 ]
		grep -q '^vs_last_run_exit_code{.*} 0$' m.prom
	done
}

@test "reports go into pipes, and never to standard output" {
	mkfifo s m
	cat s >s.json &
	cat m >m.prom &
	run timeout 20 vs-build -i Flat -o a.vss --stats s --metrics m none
	[ "$status" -eq 66 ]
	wait
	[ "$(json s.json 'd["exit_code"]')" = 66 ]
	grep -q '^vs_last_run_exit_code{.*} 66$' m.prom
	vs-build -q -i Flat -o a.vss --stats >(cat >t.json) \
		"$data/query.bvecs"
	for _ in 1 2 3 4 5 6 7 8 9; do
		[ -s t.json ] || sleep 0.1
	done
	[ "$(json t.json 'd["exit_code"]')" = 0 ]
	run vs-build -q -i Flat -o b.vss --stats /dev/stdout \
		"$data/query.bvecs"
	[ "$status" -eq 2 ]
	[ ! -e b.vss ]
}

@test "--stats tells of a --config that is refused" {
	echo 'threads: many' >c.yaml
	run vs-build --config c.yaml --stats s.json -i Flat -o a.vss q.bvecs
	[ "$status" -eq 2 ]
	[ "vs-build: $(json s.json 'd["message"]')" = "$output" ]
}

@test "one report without a place does not cost the other" {
	run vs-build -q -i Flat -o a.vss --stats /dev/full --metrics m.prom \
		"$data/query.bvecs"
	[ "$status" -eq 74 ]
	grep -q '^vs_last_run_rows' m.prom
}
