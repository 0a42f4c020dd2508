#!/usr/bin/env bats
# scripts/bench and scripts/bench-scale: figures that mean what they say.

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	data=$VS_TOP/datasets/sift20k
}

bench() {
	"$VS_TOP/scripts/bench" --tools "$VS_BUILD" --cache cache --rounds 2 \
		--threads 1 --json out.json "$@"
}

# Evaluates Python over the JSON; s and b are its searches and builds.
holds() {
	python3 - "$1" <<-'END'
		import json, sys
		out = json.load(open("out.json"))
		s, b = out.get("searches"), out.get("builds")
		rows = out.get("rows")
		ok = eval(sys.argv[1])
		if not ok:
		    print(sys.argv[1], json.dumps(out, indent=1))
		sys.exit(not ok)
	END
}

@test "recall of Flat is 1, of more cells more" {
	run bench --data "$data" --index Flat IVF64,Flat --nprobe 1,8,64
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'recall@10'* ]]
	holds '[c["recall"] for c in s][0] == 1 and s[3]["recall"] == 1'
	holds '0.2 < s[1]["recall"] < s[2]["recall"] < 1'
	holds 'all(len(c["qps"]) == 2 and c["median_qps"] > 0 for c in s)'
	holds 'all(0 < c["median_secs"] < 60 for c in s)'
	holds '[m["index"] for m in b] == ["Flat", "IVF64,Flat"]'
	holds '128 < b[0]["bytes_per_vector"] < b[1]["bytes_per_vector"] < 180'
	holds 'b[0]["train_secs"] is None and b[1]["train_secs"] > 0'
}

@test "memory is that of the command" {
	bench --data "$data" --index Flat
	holds '1 << 20 < s[0]["peak_rss"] < 1 << 26'
	holds '0 < s[0]["peak_anon"] < s[0]["peak_rss"]'
}

@test "the machine is described" {
	bench --data "$data" --index Flat
	for key in tools revision 'instruction set' cpu cores memory kernel \
		compiler date; do
		holds "out['machines'][0]['$key']"
	done
}

@test "two builds are compared side by side" {
	mkdir other
	ln -s "$VS_BUILD"/vs-* other
	run bench --data "$data" --index Flat --tools "$VS_BUILD" other
	[ "$status" -eq 0 ]
	[[ $output == *"$VS_BUILD"*other* ]]
	holds '[c["tools"] for c in s] == [b[0]["tools"], "other"]'
	holds 's[1]["recall"] == 1 and s[0]["shard"] != s[1]["shard"]'
	holds 'len(out["machines"]) == 2'
}

# Truth of the first rows is not the first rows' part of the truth.
@test "cuts of rows have truth of their own, batches the first queries" {
	bench --data "$data" --index Flat --rows 5k,20k --queries 1,150
	holds '[c["rows"] for c in s] == [5000, 5000, 20000, 20000]'
	holds '[c["queries"] for c in s] == [1, 150, 1, 150]'
	holds 'all(c["recall"] == 1 for c in s)'
	holds '[c["recall_with_ties"] for c in s] == [1, 1, None, None]'
	[ "$(find cache -name 'truth-*.ivecs' | wc -l)" -eq 1 ]
	run bench --data "$data" --index Flat --rows 30k
	[ "$status" -eq 1 ]
	[[ $output == *'20000 rows; 30000 were asked for' ]]
}

@test "without truth it is computed, for the metric that is asked" {
	bench --base "$data/base.bvecs" --query "$data/query.bvecs" \
		--index Flat --metric ip --rows 2k
	holds 's[0]["recall"] == 1 and out["metric"] == "ip"'
}

# Ten times the same twenty rows: which of equals is found is no merit.
@test "ties count where distances of the truth are known" {
	for _ in $(seq 10); do
		head -c $((20 * 132)) "$data/base.bvecs"
	done >base.bvecs
	cp "$data/query.bvecs" .
	vs-eval truth -k 50 -q --distances groundtruth_distances.fvecs \
		-o all.ivecs base.bvecs query.bvecs
	# The same neighbours, the last of equals first.
	python3 - <<-'END'
		import struct
		ids = open("all.ivecs", "rb").read()
		with open("groundtruth.ivecs", "wb") as out:
		    for at in range(0, len(ids), 204):
		        row = struct.unpack_from("<50i", ids, at + 4)
		        row = [i for n in range(0, 50, 10)
		               for i in reversed(row[n:n + 10])]
		        out.write(struct.pack("<51i", 50, *row))
	END
	bench --data "$PWD" --index Flat --k 5
	holds 's[0]["recall"] < 0.1 and s[0]["recall_with_ties"] == 1'
}

@test "files of every format can be cut" {
	for kind in fvecs u8bin fbin; do
		"$VS_TOP/tests/tools/vecs.py" convert "$data/base.bvecs" \
			base.$kind 0 600
		"$VS_TOP/tests/tools/vecs.py" convert "$data/query.bvecs" \
			query.$kind
		bench --base base.$kind --query query.$kind --index Flat \
			--rows 500 --queries 20
		holds 's[0]["recall"] == 1 and b[0]["rows"] == 500'
		rm base.$kind query.$kind
	done
	python3 - <<-'END'
		import struct
		for name, n in (("base", 90), ("query", 30)):
		    with open(name + ".npy", "wb") as f:
		        text = "{'descr': '|u1', 'fortran_order': False, " \
		               "'shape': (%d, 7), }" % n
		        text += " " * (117 - len(text)) + "\n"
		        f.write(b"\x93NUMPY\1\0" + struct.pack("<H", 118))
		        f.write(text.encode())
		        f.write(bytes(i * i % 251 for i in range(7 * n)))
	END
	bench --base base.npy --query query.npy --index Flat --rows 50 --queries 9
	holds 's[0]["recall"] == 1 and s[0]["queries"] == 9'
}

@test "files that only the commands can read go to them whole" {
	cp "$data/base.bvecs" base.unknown
	run bench --base base.unknown --query "$data/query.bvecs" --index Flat \
		--rows 5k
	[ "$status" -eq 1 ]
	[[ $output == *'base.unknown: cannot be cut; expected one of the'* ]]
	run bench --base base.unknown --query "$data/query.bvecs" --index Flat
	[ "$status" -eq 1 ]
	[[ $output == *'vs-build'*'base.unknown'*'looks like bvecs'* ]]
}

@test "bench-scale: rows by queries by threads, beside reading" {
	run "$VS_TOP/scripts/bench-scale" --tools "$VS_BUILD" --cache cache \
		--base "$data/base.bvecs" --query "$data/query.bvecs" \
		--rows 2k,20k --queries 1,200 --threads 1,2 --index IVF64,Flat \
		--nprobe 64 --rounds 2 --json out.json
	echo "$output"
	[ "$status" -eq 0 ]
	holds '[r["rows"] for r in rows] == 4 * [2000] + 4 * [20000]'
	holds '[r["threads"] for r in rows] == 4 * [1, 2]'
	holds 'all(r["process_secs"] > r["search_secs"] > 0 for r in rows)'
	holds 'all(r["read_secs"] > 0 and r["peak_anon"] > 0 for r in rows)'
	holds 'rows[4]["shard_bytes"] > 4 * rows[0]["shard_bytes"]'
	# All cells of ten times the rows for 200 queries, on one thread.
	holds 'min(rows[6]["runs"]["search"]) > min(rows[2]["runs"]["search"])'
}

@test "what is missing is said" {
	run bench --data "$PWD"
	[ "$status" -eq 1 ]
	[[ $output == *'no base or no queries'* ]]
	run bench --data "$data" --rows many
	[ "$status" -eq 1 ]
	[[ $output == *"'many' is no count"* ]]
	run "$VS_TOP/scripts/bench" --data "$data" --tools nowhere --cache cache
	[ "$status" -eq 1 ]
	[[ $output == *'is it built?'* ]]
}
