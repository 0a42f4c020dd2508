#!/usr/bin/env bats
# scripts/bench-peers, beside peers that are stand-ins.

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
	fakes=$VS_TOP/tests/tools/peers
	export FAKE_LOG=$PWD/log
	for python in python3 /usr/bin/python3 none; do
		[ $python != none ] || skip 'python3 with numpy is not here'
		! "$python" -c 'import numpy' 2>/dev/null || break
	done
}

peers() {
	"$VS_TOP/scripts/bench-peers" --tools "$VS_BUILD" --python "$python" \
		--cache cache --json out.json --skip-installed "$@"
}

fast() {
	peers --data "$data" --rows 2k --queries 50 --threads 1 --rounds 2 \
		--ours IVF16,Flat:nprobe=1,16 "$@"
}

# Evaluates Python over the JSON; s is its searches, t its trainings.
holds() {
	python3 - "$1" <<-'END'
		import json, sys
		out = json.load(open("out.json"))
		s, t = out.get("searches"), out.get("training")
		r = [[one["recall"] for one in c["settings"]] for c in s or []]
		ok = eval('(%s)' % sys.argv[1])
		if not ok:
		    print(sys.argv[1], json.dumps(out, indent=1))
		sys.exit(not ok)
	END
}

@test "one index twice, with other settings" {
	peers --data "$data" --rows 2k --queries 50 --threads 1 \
		--rounds 1 --faiss '' --hnswlib '' \
		--ours IVF16,Flat:nprobe=1,4 IVF16,Flat:nprobe=9:taper=2
	holds '[len(c["settings"]) for c in s] == [2, 1]'
	holds 's[1]["settings"][0]["set"] == {"nprobe": 9, "taper": 2}'
}

@test "ours and theirs, in turn, each at its settings" {
	run fast --faiss IVF4,Flat:nprobe=1..4 --hnswlib M16,efc200:ef=10,40 \
		--faiss-python "$fakes" --hnswlib-python "$fakes" --singles 3
	echo "$output"
	[ "$status" -eq 0 ]
	holds '[c["index"] for c in s] ==
		["IVF16,Flat", "IVF4,Flat", "M16,efc200"]'
	holds '0.2 < r[0][0] < 0.9 and r[0][1] == 1'
	holds '0.1 < r[1][0] < 0.4 < r[1][1] < 0.7 and r[1][2] == 1'
	holds '0.3 < r[2][0] < 0.7 and r[2][1] == 1'
	holds 'all(len(o["qps"]) == 2 and o["median_qps"] > 0
		and 0 < o["median_process_secs"] < 60
		for c in s for o in c["settings"])'
	holds 'all(o["median_alone_qps"] > 0 for c in s[1:]
		for o in c["settings"])'
	holds '128 < s[0]["built"]["bytes_per_vector"] < 200'
	holds '512 < s[1]["built"]["bytes_per_vector"] < 513'
	holds 'out["machine"]["cpu"]'
	[[ $output == *'0.0 fake BY HAND'* ]]
}

# The best at a recall is the fastest of those that reach it: none, or one.
@test "the table has the speed at each recall" {
	run fast --faiss IVF4,Flat:nprobe=2 --faiss-python "$fakes"
	line=$(grep -m 1 '^  1 .*IVF4,Flat' <<<"$output")
	echo "$line"
	[[ $line =~ (' '+-){6}$ ]]
	line=$(grep -m 1 '^  1 .*IVF16,Flat' <<<"$output")
	[[ $line =~ ([0-9,]+)' '+([0-9,]+)$ ]]
	[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
}

@test "threads are held; indexes stay in the cache" {
	run fast --faiss IVF4,Flat:nprobe=1 --hnswlib M16,efc200:ef=10 \
		--faiss-python "$fakes" --hnswlib-python "$fakes"
	[ "$status" -eq 0 ]
	[[ $output == *'building IVF4,Flat'* ]]
	run grep -c ' 1$' log
	[ "$output" -eq "$(wc -l <log)" ] && [ "$output" -ge 10 ]
	run fast --faiss IVF4,Flat:nprobe=1 --hnswlib M16,efc200:ef=10 \
		--faiss-python "$fakes" --hnswlib-python "$fakes"
	[ "$status" -eq 0 ]
	[[ $output != *building* ]]
	run fast --threads 1000
	[ "$status" -eq 1 ]
	[[ $output == *'1000 threads were asked for'* ]]
}

@test "under ip and cosine all look for the same" {
	for metric in ip cosine; do
		run fast --metric $metric --faiss IVF4,Flat:nprobe=4 \
			--hnswlib M16,efc200:ef=40 --faiss-python "$fakes" \
			--hnswlib-python "$fakes"
		echo "$output"
		[ "$status" -eq 0 ]
		# Floats round on their own; hardly a neighbour changes.
		holds 'min(r[0][1], r[1][0], r[2][0]) > 0.99'
	done
}

@test "without peers ours runs" {
	mkdir none
	echo 'raise ImportError' | tee none/faiss.py >none/hnswlib.py
	PYTHONPATH=none run "$VS_TOP/scripts/bench-peers" --tools "$VS_BUILD" \
		--python "$python" --data "$data" --rows 2k --queries 50 \
		--threads 1 --rounds 1 --ours Flat --json out.json
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'faiss is not installed'*'hnswlib is not installed'* ]]
	holds 'r == [[1]]'
}

# The judge of objectives is judged by sums in plain Python.
@test "training: the same rows, one judge" {
	head -c $((300 * 132)) "$data/base.bvecs" >base.bvecs
	run peers --train 8 --base base.bvecs --rows 200,300 --threads 1 \
		--rounds 2 --faiss-python "$fakes"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'mean distance'* ]]
	holds '[c["rows"] for c in t] == [200, 200, 300, 300]'
	holds 'all(len(c["secs"]) == 2 and 0 <= c["secs"][0] <=
		c["process_secs"][0] for c in t)'
	holds 't[0]["objective"][0] < t[1]["objective"][0]'
	holds 't[1]["objective"][0] == t[1]["objective"][1]'
	holds '(lambda v: abs(sum(min(sum((a - b) ** 2 for a, b in zip(x, c))
		for c in v[:8]) for x in v) / 300 / t[3]["objective"][0] - 1)
		< 1e-5)([(lambda f: f[132 * i + 4:132 * i + 132])
			(open("base.bvecs", "rb").read()) for i in range(300)])'
}

@test "the picture has a curve for each index" {
	command -v gnuplot || skip 'gnuplot is not here'
	run fast --faiss IVF4,Flat:nprobe=1,4 --faiss-python "$fakes" \
		--plot x.svg
	echo "$output"
	[ "$status" -eq 0 ]
	grep IVF16,Flat x-1t.svg
	grep IVF4,Flat x-1t.svg
}

@test "mistakes are said before anything is measured" {
	run fast --plot x.jpeg
	[ "$status" -eq 1 ]
	[[ $output == *'x.jpeg: no kind of picture'* ]]
	run fast --ours IVF16,Flat:nprobe=4..x
	[ "$status" -eq 1 ]
	[[ $output == *"'IVF16,Flat:nprobe=4..x': settings"* ]]
	mkdir empty
	run fast --hnswlib-python empty
	[ "$status" -eq 1 ]
	[[ $output == *empty* && $output == *hnswlib* ]]
	run peers --train 8
	[ "$status" -eq 1 ]
	[[ $output == *'no base'* ]]
}
