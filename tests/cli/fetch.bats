#!/usr/bin/env bats
# scripts/fetch-dataset, against files served by file:// URLs.

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir -p served/sift
	head -c 5000 /dev/zero >served/sift/base.fvecs
	head -c 700 /dev/zero >served/sift/truth.ivecs
	tar -C served -czf served/small.tar.gz sift
	size=$(wc -c <served/small.tar.gz)
	sum=$(sha256sum served/small.tar.gz | cut -d' ' -f1)
	recipe "$size" "$sum"
}

recipe() { # SIZE SHA256
	{
		echo '# a small one'
		echo "url file://$PWD/served/small.tar.gz"
		echo "size $1"
		[ -z "$2" ] || echo "sha256 $2"
		echo 'file 5000 sift/base.fvecs'
		echo 'file 700 sift/truth.ivecs'
	} >small.recipe
}

fetch() {
	"$VS_TOP/scripts/fetch-dataset" -o out small.recipe
}

@test "downloads, verifies, extracts, and leaves nothing else" {
	fetch
	cmp served/sift/base.fvecs out/base.fvecs
	cmp served/sift/truth.ivecs out/truth.ivecs
	[ "$(find out -type f | wc -l)" -eq 2 ]
}

@test "what is there is not fetched again" {
	fetch
	rm -r served
	run fetch
	[ "$status" -eq 0 ]
	[[ $output == *'already done' ]]
	rm out/truth.ivecs
	run fetch
	[ "$status" -eq 74 ]
}

@test "a download that broke off goes on" {
	mkdir out
	head -c 100 served/small.tar.gz >out/.small.tar.gz.part
	fetch
	cmp served/sift/base.fvecs out/base.fvecs
}

@test "an archive of another size or checksum is refused and removed" {
	recipe $((size + 1)) ''
	run fetch
	[ "$status" -eq 65 ]
	[[ $output == *"$size bytes; expected $((size + 1))" ]]
	recipe "$size" "${sum//[0-9]/0}"
	run fetch
	[ "$status" -eq 65 ]
	[[ $output == *'SHA-256 is not'* ]]
	[ -z "$(find out -type f)" ]
}

@test "without a checksum it says that only sizes are checked" {
	recipe "$size" ''
	run fetch
	[ "$status" -eq 0 ]
	[[ $output == *'no checksum is known; sizes are checked'* ]]
}

@test "a file of another size is refused, and none appears" {
	sed -i 's/^file 700/file 701/' small.recipe
	run fetch
	[ "$status" -eq 65 ]
	[[ $output == *'sift/truth.ivecs: 700 bytes; expected 701' ]]
	[ ! -e out/base.fvecs ]
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
	grep -qx 'size 168280445' "$recipe"
	# 516 bytes a row: 1,000,000 base and 10,000 query vectors.
	grep -qx 'file 516000000 sift/sift_base.fvecs' "$recipe"
	grep -qx 'file 5160000 sift/sift_query.fvecs' "$recipe"
}
