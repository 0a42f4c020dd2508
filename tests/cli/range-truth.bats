#!/usr/bin/env bats
# The truth of range searches: lists of different lengths, as big-ann has them.

# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0

setup_file() {
	export DATA=$VS_TOP/datasets/sift20k
	export VECS=$VS_TOP/tests/tools/vecs.py
	cd "$BATS_FILE_TMPDIR" || return
	$VECS convert "$DATA/base.bvecs" base.bvecs 0 3000
	$VECS convert "$DATA/query.bvecs" query.bvecs 0 50
	vs-train -q -i IVF16,Flat -o m.vsm base.bvecs
	vs-build -q -M m.vsm -o s.vss base.bvecs
	vs-eval truth -q -k 300 -o near.tsv base.bvecs query.bvecs
	# What lies within 310: of some queries nothing, of some much.
	cat >range.py <<-'PY'
	import struct
	def lists(radius):
	    out = [[] for q in range(50)]
	    for l in open("near.tsv"):
	        q, rank, i, d = l.split()
	        if float(d) <= radius * radius:
	            out[int(q)].append((int(i), float(d)))
	    # by id, as some producers have it
	    return [sorted(o) for o in out]
	def write(path, lists, distances):
	    flat = [r for l in lists for r in l]
	    with open(path, "wb") as f:
	        f.write(struct.pack("<ii", len(lists), len(flat)))
	        f.write(struct.pack("<%di" % len(lists), *map(len, lists)))
	        f.write(struct.pack("<%di" % len(flat), *(i for i, d in flat)))
	        if distances:
	            f.write(struct.pack("<%df" % len(flat),
	                                *(d for i, d in flat)))
	PY
	python3 - <<-'PY'
	from range import lists, write
	truth = lists(310)
	n = [len(l) for l in truth]
	assert n.count(0) >= 5 and max(n) > 50 and max(n) < 300, n
	write("r.usbin", truth, True)
	write("ids.usbin", truth, False)
	PY
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	rm -rf out
	mkdir out
}

@test "range recall is what Python counts, with and without distances" {
	vs-query -q -k 20 -p nprobe=2 -o out/h.ivecs s.vss query.bvecs
	vs-query -q -k 20 -p nprobe=2 -o out/h.vsh s.vss query.bvecs
	for k in 1 10 20; do
		vs-eval recall -k $k --truth r.usbin out/h.ivecs > out/said
		python3 - $k out/h.ivecs out/said <<-'PY'
		import re, statistics, struct, sys
		from range import lists
		k, said = int(sys.argv[1]), open(sys.argv[3]).read()
		d = open(sys.argv[2], "rb").read()
		w = struct.unpack_from("<i", d)[0]
		hits = [struct.unpack_from("<%di" % w, d, i + 4)[:k]
		        for i in range(0, len(d), 4 + 4 * w)]
		truth = [{i for i, d in l} for l in lists(310)]
		assert len(hits) == len(truth) == 50
		found = [len(t & set(h)) for t, h in zip(truth, hits)]
		some = [(f, len(t)) for f, t in zip(found, truth) if t]
		mean = sum(f / n for f, n in some) / len(some)
		bound = sum(min(k, n) / n for f, n in some) / len(some)
		total = sum(map(len, truth))
		reach = sum(min(k, len(t)) for t in truth)
		lines = said.split("\n")
		assert lines[0].startswith("range recall, %d results a query: "
		                           "%.4f [" % (k, mean)), lines[0]
		assert lines[0].endswith("over %d queries)" % len(some))
		low, high = map(float, re.search(r"\[(.*), (.*)\]",
		                                 lines[0]).groups())
		# Student's t of 28 degrees is 2.048.
		err = statistics.stdev(f / n for f, n in some) / len(some) ** .5
		assert 2.0 * err - 1e-4 < high - mean < 2.1 * err + 1e-4, \
		       (len(some), mean, low, high, err)
		assert abs((high - mean) - (mean - low)) < 2.1e-4
		assert lines[1] == ("upper bound of %d results a query: %.4f "
		    "(%d queries have more true neighbours)" %
		    (k, bound, sum(n > k for f, n in some))), lines[1]
		assert lines[2] == ("of all true neighbours: %.4f (%d of %s; "
		    "upper bound %.4f)" % (sum(found) / total, sum(found),
		    f"{total:,}", reach / total)), lines[2]
		assert lines[3] == "precision: %.4f (of %s results)" % (
		    sum(found) / (50 * k), f"{50 * k:,}"), lines[3]
		assert lines[4] == ("queries without true neighbours, not in "
		    "the mean: %d" % (50 - len(some))), lines[4]
		assert lines[5:] == [""]
		PY
		for h in ivecs vsh; do
			for t in r ids; do
				vs-eval recall -k $k --truth $t.usbin \
					out/h.$h | cmp - out/said
			done
		done
	done
}

@test "exact answers reach the upper bound, and 1 where k holds all" {
	vs-query -q -k 300 -p nprobe=16 -o out/all.ivecs s.vss query.bvecs
	run -0 vs-eval recall -k 300 --truth r.usbin out/all.ivecs
	[[ ${lines[0]} == "range recall, 300 results a query: 1.0000 "* ]]
	[[ ${lines[1]} == *": 1.0000 (0 queries have more true neighbours)" ]]
	run -0 vs-eval recall -k 5 --truth r.usbin out/all.ivecs
	recall=${lines[0]#*query: }
	bound=${lines[1]#*query: }
	[ "${recall%% *}" = "${bound%% *}" ]
	[ "${recall%% *}" != 1.0000 ]
	run -0 vs-eval recall -k 5 --truth r.usbin --min-recall \
		"$(bc <<< "${recall%% *} - 0.001")" out/all.ivecs
	run -1 vs-eval recall -k 5 --truth r.usbin --min-recall \
		"$(bc <<< "${recall%% *} + 0.001")" out/all.ivecs
	[[ $output == *"range recall is ${recall%% *}; expected at least"* ]]
}

@test "an id that comes twice counts once, and pads never" {
	python3 - <<-'PY'
	import struct
	from range import write
	write("out/t.usbin", [[(7, 1), (9, 2)], [(0, 1)], []], False)
	rows = [(7, 7, -1), (-1, -1, -1), (1, 2, 3)]
	open("out/h.ivecs", "wb").write(
	    b"".join(struct.pack("<i3i", 3, *r) for r in rows))
	PY
	run -0 vs-eval recall -k 3 --truth out/t.usbin out/h.ivecs
	[[ ${lines[0]} == "range recall, 3 results a query: 0.2500 "* ]]
	[[ ${lines[2]} == "of all true neighbours: 0.3333 (1 of 3; "* ]]
	[[ ${lines[3]} == "precision: 0.2500 (of 4 results)" ]]
	[[ ${lines[4]} == *"not in the mean: 1" ]]
	[[ ${lines[5]} == "duplicate ids removed: 1" ]]
	[[ ${lines[6]} == "queries with fewer than 3 results: 2" ]]
}

@test "little memory and zstd change nothing" {
	vs-query -q -k 20 -p nprobe=2 -o out/h.vsh s.vss query.bvecs
	vs-eval recall --truth r.usbin out/h.vsh > out/said
	vs-eval recall --truth r.usbin --memory 1700K -t 1 out/h.vsh |
		cmp - out/said
	command -v zstd > /dev/null || skip "no zstd command"
	zstd -q r.usbin -o out/r.usbin.zst
	vs-eval recall --truth out/r.usbin.zst out/h.vsh | cmp - out/said
}

@test "damaged truth of range searches is refused with what is wrong" {
	vs-query -q -k 20 -p nprobe=2 -o out/h.ivecs s.vss query.bvecs
	damage() { # OFFSET BYTES
		cp r.usbin out/bad.usbin
		printf '%b' "$2" | dd of=out/bad.usbin bs=1 seek="$1" \
			conv=notrunc status=none
		run -65 --separate-stderr vs-eval recall --truth \
			out/bad.usbin out/h.ivecs
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ]
	}
	damage 8 '\0377\0377\0377\0377'
	[[ $stderr == *"bad.usbin: query 0 says -1 results; expected 0 to "* ]]
	damage 8 '\050\0\0\0'
	[[ $stderr == *"add up to "* ]]
	damage 208 '\0377\0377\0377\0377'
	[[ $stderr == *"result 0, counted from 0 through all queries, has id "* ]]
	last=$(($(stat -c %s r.usbin) - 4))
	damage $last '\0\0\0300\0177'
	[[ $stderr == *"has distance NaN"* ]]
	head -c $last r.usbin > out/bad.usbin
	run -65 vs-eval recall --truth out/bad.usbin out/h.ivecs
	[[ $output == *"expected"* ]]
	python3 - <<-'PY'
	from range import write
	write("out/twice.usbin", [[(5, 1), (5, 1)]] * 50, True)
	write("out/none.usbin", [[]] * 50, True)
	write("out/few.usbin", [[(5, 1), (6, 1), (7, 1)]] * 49, True)
	PY
	run -65 vs-eval recall --truth out/twice.usbin out/h.ivecs
	[[ $output == *"query 0 has id 5 twice"* ]]
	run -65 vs-eval recall --truth out/none.usbin out/h.ivecs
	[[ $output == *"none of its 50 queries has a true neighbour"* ]]
	run -65 vs-eval recall --truth out/few.usbin out/h.ivecs
	[[ $output == *"h.ivecs: has 50 queries, out/few.usbin has 49"* ]]
}

@test "what does not go with the truth of range searches is refused" {
	vs-query -q -k 20 -p nprobe=2 -o out/h.ivecs s.vss query.bvecs
	run -2 vs-eval recall --truth r.usbin --truth-distances out/h.fvecs \
		out/h.ivecs
	[[ $output == *"leave out --truth-distances"* ]]
	run -2 vs-eval recall -k 21 --truth r.usbin out/h.ivecs
	[[ $output == *"k is 21; expected 1 to 20"* ]]
	run -65 vs-eval recall --truth out/h.ivecs r.usbin
	[[ $output == *"r.usbin: is of a range search, out/h.ivecs holds 20 "* ]]
	[[ $output == *"expected the truth of a range search"* ]]
	cp r.usbin out/r.bin
	run -65 vs-eval recall --truth out/r.bin out/h.ivecs
	[[ $output == *"vs-eval recall reads it as NAME.usbin"* ]]
}
