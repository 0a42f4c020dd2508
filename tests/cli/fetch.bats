#!/usr/bin/env bats
# scripts/fetch-dataset, against a web server of our own with the faults that
# downloads meet (tests/tools/http-server.py).

setup() {
	mkdir "$BATS_TEST_TMPDIR/a place"
	cd "$BATS_TEST_TMPDIR/a place" || return
	mkdir -p served/sift
	head -c 5000 /dev/urandom >served/sift/base.fvecs
	head -c 700 /dev/zero >served/sift/truth.ivecs
	tar -C served -czf served/small.tar.gz sift
	size=$(wc -c <served/small.tar.gz)
	sum=$(sha256sum served/small.tar.gz | cut -d' ' -f1)
	"$VS_TOP/tests/tools/http-server.py" served port log 3>&- &
	server=$!
	for _ in $(seq 100); do
		[ ! -s port ] || break
		sleep 0.05
	done
	at=http://127.0.0.1:$(cat port)
	recipe ok "$size" "sha256 $sum"
}

teardown() {
	kill "$server"
}

recipe() { # MANNER SIZE [SUM-LINE]
	{
		echo '# a small one'
		echo "get $at/$1/small.tar.gz"
		echo "size $2"
		echo "${3:-}"
		echo 'make base.fvecs 5000 member sift/base.fvecs'
		echo 'make truth.ivecs 700 member sift/truth.ivecs'
	} >small.recipe
}

# A recipe of one file that is used as it comes.
plain() { # MANNER SIZE BYTES
	printf 'get %s/%s/file.u8bin\nsize %s\nmake file.u8bin %s whole\n' \
		"$at" "$1" "$2" "$3" >small.recipe
}

fetch() {
	"$VS_TOP/scripts/fetch-dataset" -o 'out dir' "$@" small.recipe
}

refuses() { # STATUS TEXT [ARGUMENT...]
	local want=$1 text=$2
	shift 2
	run fetch "$@"
	echo "$output"
	[ "$status" -eq "$want" ]
	[[ $output == *"$text"* ]]
}

is_done() {
	cmp served/sift/base.fvecs 'out dir/base.fvecs'
	cmp served/sift/truth.ivecs 'out dir/truth.ivecs'
	[ "$(find 'out dir' -mindepth 1 | wc -l)" -eq 2 ]
}

is_empty() {
	[ -z "$(find 'out dir' -type f)" ]
}

@test "downloads, verifies, extracts, and leaves nothing else" {
	fetch
	is_done
}

@test "what is there is not fetched again" {
	fetch
	rm -r served
	run fetch
	[ "$status" -eq 0 ]
	[[ $output == *'already done' ]]
	rm 'out dir/truth.ivecs'
	run fetch
	[ "$status" -eq 74 ]
}

@test "a transfer that breaks off goes on from there" {
	recipe cut "$size" "sha256 $sum"
	fetch
	is_done
	grep -q '^200 /cut/small.tar.gz -' log
	grep -q "^206 /cut/small.tar.gz bytes=$(((size + 1) / 2))-" log
}

@test "a run that broke off goes on from there" {
	recipe dead "$size" "sha256 $sum"
	refuses 74 'broke off after 0 bytes'
	mkdir -p 'out dir'
	head -c 100 served/small.tar.gz >'out dir/.1-small.tar.gz.part'
	recipe ok "$size" "sha256 $sum"
	fetch
	is_done
	grep -q '^206 /ok/small.tar.gz bytes=100-' log
}

@test "a download that was complete when its run stopped is not repeated" {
	mkdir 'out dir'
	cp served/small.tar.gz 'out dir/.1-small.tar.gz.part'
	fetch
	is_done
	[ ! -e log ]
}

@test "a server without ranges is asked for all again" {
	mkdir 'out dir'
	head -c 100 served/small.tar.gz >'out dir/.1-small.tar.gz.part'
	recipe norange "$size" "sha256 $sum"
	run fetch
	[ "$status" -eq 0 ]
	[[ $output == *'the server cannot resume; starting again'* ]]
	is_done
}

@test "redirects are followed, a busy server is asked again" {
	recipe moved "$size" "sha256 $sum"
	fetch
	is_done
	rm -r 'out dir'
	recipe busy "$size" "sha256 $sum"
	fetch
	is_done
}

@test "without a server it says so at once" {
	refuses 74 'is this machine online?' --from http://127.0.0.1:1
	is_empty
	refuses 74 'the host is not known; is this machine online?' \
		--from http://no-such-host.invalid
}

@test "a file that is not there, or a page in its place, is refused" {
	sed -i 's|small.tar.gz|gone.tar.gz|' small.recipe
	refuses 74 'the server answers 404; the file may have moved'
	is_empty
	recipe page "$size" "sha256 $sum"
	refuses 65 "bytes; expected $size and begins like a web page"
	is_empty
	recipe page unknown
	refuses 65 'begins like a web page, not data; removed'
	is_empty
}

@test "an archive of another size is refused and removed" {
	recipe short "$size" "sha256 $sum"
	refuses 65 "$((size / 2)) bytes; expected $size"
	is_empty
	recipe ok $((size - 10)) "sha256 $sum"
	refuses 65 "more bytes; expected $((size - 10))"
	is_empty
}

@test "an archive with another checksum is refused and removed" {
	for kind in md5 sha256 sha512; do
		sum=$("${kind}sum" <served/small.tar.gz | cut -d' ' -f1)
		recipe ok "$size" "$kind ${sum//[0-9]/0}"
		refuses 65 "$kind is not"
		is_empty
		recipe ok "$size" "$kind $sum"
		fetch
		is_done
		rm -r 'out dir' small.lock
	done
}

@test "without a published checksum the first download is the measure" {
	recipe ok "$size" 'sha256 none published'
	fetch
	grep -q "^$sum  $at/ok/small.tar.gz$" small.lock
	cp small.lock first.lock
	rm -r 'out dir'
	fetch
	cmp small.lock first.lock
	rm -r 'out dir'
	head -c 5000 /dev/urandom >served/sift/base.fvecs
	tar -C served -czf served/small.tar.gz sift
	recipe ok unknown
	refuses 65 'small.lock says it was'
	is_empty
	cmp small.lock first.lock
}

@test "verify compares sizes and checksums" {
	fetch
	run fetch verify
	[ "$status" -eq 0 ]
	[[ $output == *'base.fvecs: ok'*'truth.ivecs: ok' ]]
	printf %s other-bytes | dd of='out dir/base.fvecs' bs=1 seek=99 conv=notrunc status=none
	refuses 65 'base.fvecs: SHA-256 is not' verify
	truncate -s 99 'out dir/base.fvecs'
	refuses 65 'base.fvecs: 99 bytes; expected 5000' verify
	rm 'out dir/base.fvecs'
	refuses 65 'base.fvecs: not there' verify
}

@test "a file of another size is refused, and none appears" {
	sed -i 's/truth.ivecs 700/truth.ivecs 701/' small.recipe
	refuses 65 'truth.ivecs would have 700 bytes; expected 701'
	is_empty
}

@test "names in an archive are never paths" {
	cp served/sift/base.fvecs evil
	tar -czPf served/small.tar.gz --transform 's|evil|../../evil|' evil
	rm evil
	recipe ok "$(wc -c <served/small.tar.gz)"
	refuses 65 'cannot extract sift/base.fvecs'
	[ -z "$(find .. -name 'evil*')" ]
	sed -i '/truth/d; s|sift/base.fvecs|../../evil|' small.recipe
	fetch
	cmp served/sift/base.fvecs 'out dir/base.fvecs'
	[ -z "$(find .. -name 'evil*')" ]
}

@test "a recipe does not lead out of its directory" {
	for file in ../evil /tmp/evil .bashrc; do
		recipe ok "$size"
		sed -i "s|make base.fvecs|make $file|" small.recipe
		refuses 65 'expected a plain file name'
		[ ! -e 'out dir' ]
	done
}

@test "what does not fit the disk is refused before it is fetched" {
	recipe ok 1000000000000000000
	refuses 73 'free; expected'
	[ ! -e log ]
}

@test "the first rows of a large file, with a header that says so" {
	"$VS_TOP/tests/tools/vecs.py" random served/file.u8bin 1000 7 1
	plain ok unknown 2108
	echo 'dims 7' >>small.recipe
	sed -i 's/whole/crop 300/' small.recipe
	fetch
	[ "$(od -An -tu4 -N8 'out dir/file.u8bin' | xargs)" = '300 7' ]
	cmp <(tail -c +9 'out dir/file.u8bin') \
		<(head -c 2108 served/file.u8bin | tail -c +9)
	[ "$(cat log)" = '206 /ok/file.u8bin bytes=0-2107' ]

	for manner in norange cut; do
		mv 'out dir' first
		sed -i "s|/[a-z]*/file.u8bin|/$manner/file.u8bin|" small.recipe
		fetch
		cmp 'out dir/file.u8bin' first/file.u8bin
		rm -r first
	done
}

@test "a cropped file with fewer rows or other dimensions is refused" {
	"$VS_TOP/tests/tools/vecs.py" random served/file.u8bin 100 7 1
	plain ok unknown 2108
	sed -i 's/whole/crop 300/' small.recipe
	echo 'dims 7' >>small.recipe
	refuses 65 'ends after 708 bytes; expected at least 2108'
	is_empty
	"$VS_TOP/tests/tools/vecs.py" random served/file.u8bin 1000 8 1
	refuses 65 'its header says 1000 rows of 8 dimensions; expected'
	is_empty
}

@test "big-ann truth becomes ids and distances" {
	python3 - <<-END
		import struct
		with open("served/file.u8bin", "wb") as f:
		    f.write(struct.pack("<II4I4f", 2, 2, 5, 6, 7, 8, 1, 2, 3, 4))
	END
	cat >small.recipe <<-END
		get $at/ok/file.u8bin
		size 40
		make groundtruth.ivecs 24 knn
		make distances.fvecs 24 knn
	END
	fetch
	[ "$(od -An -td4 'out dir/groundtruth.ivecs' | xargs)" = '2 5 6 2 7 8' ]
	[ "$(od -An -tf4 -j16 'out dir/distances.fvecs' | xargs)" = '3 4' ]
	rm -r 'out dir' small.lock
	truncate -s 39 served/file.u8bin
	sed -i 's/^size 40/size 39/' small.recipe
	refuses 65 'expected 24 bytes, or 40 with distances; removed'
	is_empty
}

@test "an HDF5 file of the benchmarks becomes vector files" {
	cp "$VS_TOP/tests/cli/small.hdf5" served/small.tar.gz
	cat >small.recipe <<-END
		get $at/ok/small.tar.gz
		make base.fbin 88 hdf5 train
		make query.fvecs 40 hdf5 test
		make groundtruth.ivecs 24 hdf5 neighbors
		make distances.fvecs 24 hdf5 distances
	END
	fetch
	[ "$(od -An -tu4 -N8 'out dir/base.fbin' | xargs)" = '5 4' ]
	[ "$(od -An -v -w80 -tf4 -j8 'out dir/base.fbin' | xargs)" = \
		"$(seq -s' ' 0 0.5 9.5 | sed 's/\.0//g')" ]
	[ "$(od -An -tf4 -j24 'out dir/query.fvecs' | xargs)" = '14 15 16 17' ]
	[ "$(od -An -td4 'out dir/groundtruth.ivecs' | xargs)" = '2 4 3 2 1 0' ]
	[ "$(od -An -tf4 -j4 -N8 'out dir/distances.fvecs' | xargs)" = \
		'0.5 0.25' ]
	for name in train neighbors; do
		rm -rf 'out dir' small.lock
		sed -i "3,\$d; 2s/.*/make x.${name/train/i}vecs 1 hdf5 $name/" \
			small.recipe
		sed -i "s/neighborsvecs/fvecs/" small.recipe
		refuses 65 "data set $name does not hold"
		is_empty
	done
	head -c 3000 "$VS_TOP/tests/cli/small.hdf5" >served/small.tar.gz
	refuses 65 'removed'
	is_empty
}

# Every byte of a small file in turn: refused or read, never a fall or a circle.
@test "a damaged HDF5 file never makes the converter fall" {
	timeout 100 python3 - <<-'END'
		import importlib.machinery, importlib.util, os, struct, sys
		sys.dont_write_bytecode = True
		top = os.environ["VS_TOP"]
		loader = importlib.machinery.SourceFileLoader(
		    "convert", top + "/scripts/dataset-convert")
		spec = importlib.util.spec_from_loader("convert", loader)
		convert = importlib.util.module_from_spec(spec)
		loader.exec_module(convert)
		good = open(top + "/tests/cli/small.hdf5", "rb").read()
		counts = [0, 0]
		def look(data):
		    try:
		        for name in ("train", "test", "neighbors", "distances"):
		            convert.Hdf5(bytes(data)).table(name)
		        counts[0] += 1
		    except (convert.Refused, struct.error):
		        counts[1] += 1
		for at in range(len(good)):
		    for value in (0, 255, good[at] ^ 1):
		        data = bytearray(good)
		        data[at] = value
		        look(data)
		    if at % 16 == 0:
		        look(good[:at])
		print(counts)
		sys.exit(counts[0] < 1000 or counts[1] < 1000)
	END
}

@test "what cannot be unpacked for want of room stays for the next run" {
	head -c 5000 /dev/zero >served/sift/base.fvecs
	tar -C served -czf served/small.tar.gz sift
	recipe ok "$(wc -c <served/small.tar.gz)"
	# No file over 3 KiB: more than the archive, less than what is in it.
	cramped() (
		trap '' XFSZ
		ulimit -f 3
		fetch
	)
	run cramped
	echo "$output"
	[ "$status" -eq 74 ]
	[[ $output == *'is the disk full? What was downloaded is kept'* ]]
	: >log
	fetch
	is_done
	[ ! -s log ]
}

@test "two runs do not work in one directory" {
	mkdir 'out dir'
	exec 8<'out dir'
	flock 8
	refuses 73 'another fetch-dataset works there' 8<&-
	exec 8<&-
	fetch
	is_done
}

@test "files that were brought by hand are used with --from" {
	mkdir 'by hand #1'
	cp served/small.tar.gz 'by hand #1'
	fetch --from 'by hand #1'
	is_done
	[ ! -e log ]
	rm -r 'out dir'
	refuses 74 'no such file there' --from served/sift
	refuses 66 'nowhere: no such directory' --from nowhere
}

@test "every recipe of ours is sound and listed" {
	run "$VS_TOP/scripts/fetch-dataset" list
	[ "$status" -eq 0 ]
	list=$output
	for at in "$VS_TOP"/datasets/*.recipe; do
		name=$(basename "$at" .recipe)
		echo "$name"
		grep -q "^$name  *[0-9]" <<<"$list"
		for key in title page cite licence metric dims; do
			grep -q "^$key " "$at"
		done
		[ "$(grep -c '^get ' "$at")" -eq \
			"$(grep -cE '^(md5|sha256|sha512) ' "$at")" ]
		grep -q '^make *groundtruth.ivecs' "$at" || grep -q '^truth ' "$at"
		# It is parsed whole, and its files are not there.
		run "$VS_TOP/scripts/fetch-dataset" -o out --lock lock \
			verify "$name"
		[ "$status" -eq 65 ]
		[ "$(grep -c 'not there$' <<<"$output")" -eq \
			"$(grep -c '^make ' "$at")" ]
	done
	grep -qE '^sift1m +161MiB +551MiB' <<<"$list"
}

# Bytes of a file against its format: whole rows of the recipe's dimensions, 100
# true neighbours.
@test "the sizes in our recipes fit their formats" {
	run awk 'FNR == 1 { dims = 0 }
		$1 == "dims" { dims = $2 }
		$1 != "make" { next }
		{ head = 8; row = dims }
		$2 ~ /fbin$/ { row = 4 * dims }
		$2 ~ /vecs$/ { head = 0; row = 4 + 4 * dims }
		$2 ~ /^groundtruth/ { row = 404 }
		($3 - head) % row || $3 <= head { print FILENAME ": " $0; bad = 1 }
		$4 == "crop" && $3 != head + row * $5 { print FILENAME ": " $0; bad = 1 }
		{ n++ }
		END { print n, "sizes"; exit bad }' "$VS_TOP"/datasets/*.recipe
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${output% *}" -ge 100 ]
}

@test "usage" {
	run "$VS_TOP/scripts/fetch-dataset"
	[ "$status" -eq 2 ]
	run "$VS_TOP/scripts/fetch-dataset" --frob
	[ "$status" -eq 2 ]
	run "$VS_TOP/scripts/fetch-dataset" none
	[ "$status" -eq 66 ]
	run "$VS_TOP/scripts/fetch-dataset" --help
	[ "$status" -eq 0 ]
	[[ $output == 'fetch-dataset - '* ]]
}

@test "the recipe of SIFT1M names what we rely on" {
	recipe=$VS_TOP/datasets/sift1m.recipe
	grep -qx 'size    168280445' "$recipe"
	# 516 bytes a row: 1,000,000 base and 10,000 query vectors.
	grep -qE '^make +base.fvecs +516000000 member sift/sift_base' "$recipe"
	grep -qE '^make +query.fvecs +5160000 member sift/sift_query' "$recipe"
}
