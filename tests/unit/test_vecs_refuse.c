/* test_vecs_refuse.c - files that are not what their names say: each is
 * refused with its code and with words that tell what is wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dirctx.h"
#include "vecsfile.h"

static unsigned n_refused;

/* Every message names the file, is one line without a full stop at the end. */
static void check_message(const char *path, const char *words)
{
	size_t n = strlen(err.msg);

	if (strstr(err.msg, words) == NULL)
		fail_msg("no \"%s\" in \"%s\"", words, err.msg);
	assert_int_equal(0, strncmp(err.msg, path, strlen(path)));
	assert_true(n > 0 && n < 400);
	assert_true(err.msg[n - 1] != '.');
	assert_null(strchr(err.msg, '\n'));
}

static void refuse_as(const char *path, enum vs_vecs_format format, int code,
		      const char *words)
{
	struct vs_vecs *v;
	int rc = vecs_open1(&ctx, path, format, &v, &err);

	if (rc != code)
		fail_msg("%s: code %d, not %d: %s", path, rc, code, err.msg);
	assert_null(v);
	assert_int_equal(code, err.code);
	check_message(path, words);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
	n_refused++;
}

/* n bytes under a name. */
static void refuse_bytes(const char *name, const void *bytes, size_t n,
			 int code, const char *words)
{
	const char *path = tmpdir_file(&dir, name);

	tmpdir_put(path, bytes, n);
	refuse_as(path, VS_FMT_AUTO, code, words);
}

static void refuse_image(const char *name, struct image *im, const char *words)
{
	const char *path = tmpdir_file(&dir, name);

	tmpdir_put(path, im->b, im->n);
	refuse_as(path, VS_FMT_AUTO, VS_EDATA, words);
}

static const char *const names[] = { "x.fvecs", "x.bvecs", "x.ivecs",
				     "x.fbin",	"x.u8bin", "x.i8bin",
				     "x.ibin",	"x.npy" };

#define N_NAMES (sizeof(names) / sizeof(names[0]))

static void test_missing_and_empty(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_NAMES; i++) {
		refuse_as(tmpdir_file(&dir, names[i]), VS_FMT_AUTO, VS_ENOINPUT,
			  "No such file");
		refuse_bytes(names[i], "", 0, VS_EDATA,
			     "is empty; expected vectors");
	}
	refuse_as(dir.path, VS_FMT_FVECS, VS_ENOINPUT, "is a directory");
	refuse_as(tmpdir_file(&dir, "missing.dat"), VS_FMT_AUTO, VS_ENOINPUT,
		  "No such file");
	refuse_as("/dev/zero", VS_FMT_FVECS, VS_EUSAGE,
		  "is a device");
}

static void test_unknown_names(void **state)
{
	uint8_t *rows = pattern_make(60, 4, 4);
	struct image im;

	(void)state;
	refuse_bytes("x.dat", "\1\2\3\4\5\6\7\1\2\3", 10, VS_EUSAGE,
		     "suffixes .fvecs .bvecs .ivecs .fbin .u8bin .i8bin .ibin "
		     ".npy .f16bin .hdf5; rename it or give --input-format");
	refuse_bytes("fvecs", "\1\2\3\4\5\6\7\1\2\3", 10, VS_EUSAGE,
		     "--input-format");
	image_rows(&im, 3, 5, 4, rows);
	refuse_bytes("x.dat", im.b, im.n, VS_EUSAGE,
		     "looks like fvecs (5 rows of 3 dimensions), but the name "
		     "does not say so; give --input-format fvecs");
	image_free(&im);
	image_npy(&im, 1, "<f4", 3, 5, 4, rows);
	refuse_bytes("x.dat", im.b, im.n, VS_EUSAGE,
		     "looks like npy, but the name does not say so; give "
		     "--input-format npy");
	image_free(&im);
	free(rows);
	refuse_bytes("x.fvecs.zst", "\x28\xb5\x2f\xfd\x04\x00xxxxx", 11,
		     VS_EDATA, "is damaged zstd data");
	refuse_bytes("x.zst.dat", "\x28\xb5\x2f\xfd\x04\x00xxxxx", 11,
		     VS_EDATA, "is zstd-compressed; add .zst to its name");
	refuse_bytes("x.jsonl", "{\"id\": 7}\n", 10, VS_EDATA,
		     "is JSON text");
}

/* What is known by its first bytes is named under any name. */
static void test_other_kinds_of_files(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *words;
	} kinds[] = {
#define K(bytes, words) { bytes, sizeof(bytes) - 1, words }
		K("\x28\xb5\x2f\xfd\x04\x58\x39\x02\x00\x72\x06\x0e\x12",
		  "is zstd-compressed; add .zst to its name"),
		K("\x1f\x8b\x08\x08\x6f\xa5\x5b\x5f\x00\x03sift",
		  "is gzip-compressed; decompress it first"),
		K("BZh91AY&SY\x00\x01\x02", "is bzip2-compressed"),
		K("\xfd" "7zXZ\x00\x00\x04\xe6\xd6\xb4\x46",
		  "is xz-compressed"),
		K("PK\x03\x04\x14\x00\x00\x00\x08\x00", "is a zip or npz"),
		K("\x89HDF\r\n\x1a\n\x00\x00\x00\x00\x00\x08\x08\x00",
		  "is an HDF5 file"),
		K("PAR1\x15\x04\x15\x10\x15\x14", "is a Parquet file"),
		K("\x89VSF\r\n\x1a\n\x01\x00\x00\x00", "is a vs container"),
		K("version https://git-lfs.github.com/spec/v1\n"
		  "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daa"
		  "\nsize 516000000\n",
		  "is a git-lfs pointer, not the data; run git lfs pull"),
		K("{\"id\": 1, \"vector\": [0.5, 0.25]}\n", "is JSON text"),
		K("  [[1, 2], [3, 4]]\n", "is JSON text"),
		K("<!DOCTYPE html><html><body>404</body></html>",
		  "is an HTML or XML page"),
		K("0.1 0.2 0.3\n0.4 0.5 0.6\n", "is a text file"),
		K("cafe na\xc3\xafve\n", "is a text file"),
#undef K
	};
	size_t i, k;

	(void)state;
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (i = 0; i < N_NAMES; i++)
			refuse_bytes(names[i], kinds[k].bytes, kinds[k].n,
				     VS_EDATA, kinds[k].words);
}

/* One vector format under the name of another, each pair whose sizes can be
 * told apart. */
static void test_formats_mistaken(void **state)
{
	static const struct {
		enum vs_vecs_format is;
		enum vs_vecs_format also; /* of the same layout */
		size_t elem;
		const char *words;
	} kinds[] = {
		{ VS_FMT_FVECS, VS_FMT_IVECS, 4,
		  "looks like fvecs (11 rows of 24 dim" },
		{ VS_FMT_BVECS, VS_FMT_BVECS, 1,
		  "looks like bvecs (11 rows of 24 dim" },
		{ VS_FMT_FBIN, VS_FMT_IBIN, 4,
		  "looks like fbin (11 rows of 24 dim" },
		{ VS_FMT_U8BIN, VS_FMT_I8BIN, 1,
		  "looks like u8bin or i8bin (11 rows of 24 dim" },
		{ VS_FMT_NPY, VS_FMT_NPY, 4, "looks like npy, not " },
	};
	uint8_t *rows = pattern_make(11 * 24 * 4, 4, 4);
	size_t i, k;

	(void)state;
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (i = 0; i < N_NAMES; i++) {
			enum vs_vecs_format f = vs_vecs_format_of(names[i]);
			struct image im;

			if (f == kinds[k].is || f == kinds[k].also)
				continue;
			image_of(&im, kinds[k].is, "<f4", 24, 11, kinds[k].elem,
				 rows);
			refuse_image(names[i], &im, kinds[k].words);
			assert_non_null(strstr(err.msg, "--input-format"));
			image_free(&im);
		}
	free(rows);
}

static void test_ids_are_told_from_floats(void **state)
{
	int32_t ids[11 * 24];
	struct image im;
	int i;

	(void)state;
	for (i = 0; i < 11 * 24; i++)
		ids[i] = i * 977;
	image_rows(&im, 24, 11, 4, ids);
	refuse_image("x.fbin", &im, "looks like ivecs (11 rows of 24 dim");
	refuse_image("x.bvecs", &im, "looks like ivecs");
	image_free(&im);
	image_bin(&im, 24, 11, 4, ids);
	refuse_image("x.fvecs", &im, "looks like ibin (11 rows of 24 dim");
	refuse_image("x.npy", &im, "looks like ibin");
	image_free(&im);
	/* 11 x 12 ids and as many distances, as the big-ann benchmarks have
	 * their truth. */
	image_bin(&im, 24, 11, 4, ids);
	im.b[4] = 12;
	refuse_image("x.ibin", &im,
		     "looks like ground truth with ids and distances, not "
		     "ibin; vs-eval recall reads it as NAME.usbin");
	refuse_image("x.bin", &im, "recall reads it as NAME.usbin");
	image_free(&im);
}

/* u32 queries, u32 results, counts, ids, distances. */
static void test_truth_of_a_range_search(void **state)
{
	uint8_t b[8 + 4 * 5 + 8 * 70] = { 5, 0, 0, 0, 70 };
	const char *words = "looks like the truth of a range search (5 queries "
			    "with 70 results in all)";

	(void)state;
	refuse_bytes("x.ibin", b, sizeof(b), VS_EDATA, words);
	refuse_bytes("truth", b, sizeof(b), VS_EDATA, words);
	refuse_bytes("truth", b, sizeof(b) - 4 * 70, VS_EDATA, words);
}

/* A size that fits is not enough: the headers of rows must agree. */
static void test_no_guess_from_the_size_alone(void **state)
{
	static const size_t rows_changed[] = { 1, 10 };
	uint8_t *rows = pattern_make(11 * 24 * 4, 4, 4);
	struct image im;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		image_rows(&im, 24, 11, 4, rows);
		im.b[rows_changed[i] * 100]++;
		refuse_image("x.npy", &im, "does not begin with the magic");
		image_free(&im);
		image_rows(&im, 24, 11, 1, rows);
		im.b[rows_changed[i] * 28]++;
		refuse_image("x.npy", &im, "does not begin with the magic");
		image_free(&im);
	}
	free(rows);
}

static void test_broken_rows(void **state)
{
	uint8_t *rows = pattern_make(100 * 128 * 4, 4, 4);
	struct image im;

	(void)state;
	image_rows(&im, 128, 100, 4, rows);
	im.n -= 429;
	refuse_image("x.fvecs", &im,
		     "x.fvecs: 51171 bytes are no whole number of rows of 128 "
		     "dimensions (516 bytes each): 87 bytes are left over; "
		     "truncated? copy it again");
	im.n = 515;
	refuse_image("x.fvecs", &im, "515 bytes are no whole number of rows of "
				     "128 dimensions (516 bytes each): 515 "
				     "bytes are left over");
	im.n = 3;
	refuse_image("x.fvecs", &im, "3 bytes are too few for a row of fvecs");
	im.n = 4 * 516;
	im.b[3 * 516] = 127;
	refuse_image("x.fvecs", &im,
		     "row 3, the last, says dimension 127; expected 128 as in "
		     "row 0; damaged, or not fvecs");
	image_free(&im);
	free(rows);

	refuse_bytes("x.ivecs", "\0\0\0\0\0\0\0\0", 8, VS_EDATA,
		     "row 0 says dimension 0; expected 1 to 65536");
	refuse_bytes("x.ivecs", "\xff\xff\xff\xff\0\0\0\0", 8, VS_EDATA,
		     "row 0 says dimension -1; expected 1 to 65536");
	refuse_bytes("x.bvecs", "\x01\x00\x01\x00\0\0\0\0", 8, VS_EDATA,
		     "row 0 says dimension 65537; expected 1 to 65536");
	refuse_bytes("x.bvecs", "\x00\x00\x00\x80\0\0\0\0", 8, VS_EDATA,
		     "row 0 says dimension -2147483648");
}

static void test_broken_bin(void **state)
{
	uint8_t *rows = pattern_make(100 * 24 * 4, 4, 4);
	struct image im;

	(void)state;
	image_bin(&im, 24, 90, 4, rows);
	im.b[0] = 100;
	refuse_image("x.fbin", &im,
		     "cropped file whose header says 100 rows but holds 90 "
		     "rows of 24 dimensions and 0 bytes");
	im.n -= 100;
	refuse_image("x.fbin", &im,
		     "cropped file whose header says 100 rows but holds 88 "
		     "rows of 24 dimensions and 92 bytes");
	im.n = 8;
	refuse_image("x.fbin", &im, "says 100 rows but holds 0 rows of 24");
	im.n = 7;
	refuse_image("x.fbin", &im, "7 bytes are too few for the header of");
	image_free(&im);
	image_bin(&im, 24, 90, 4, rows);
	im.b[0] = 80;
	refuse_image("x.fbin", &im,
		     "960 bytes stand behind the 80 rows of 24 dimensions that "
		     "the header says; expected none");
	image_free(&im);
	image_bin(&im, 24, 90, 1, rows);
	im.n++;
	im.b[im.n - 1] = 0;
	refuse_image("x.u8bin", &im, "1 bytes stand behind the 90 rows");
	im.n--;
	im.b[4] = 0;
	refuse_image("x.u8bin", &im,
		     "the header says 0 dimensions; expected 1 to 65536");
	im.b[6] = 2;
	refuse_image("x.u8bin", &im,
		     "the header says 131072 dimensions; expected 1 to 65536");
	/* 2^32 - 1 rows of 65536 dimensions. */
	memcpy(im.b, "\xff\xff\xff\xff\x00\x00\x01\x00", 8);
	refuse_image("x.fbin", &im, "cropped file whose header says "
				    "4294967295 rows but holds 0 rows");
	image_free(&im);
	image_bin(&im, 24, 0, 1, rows);
	refuse_image("x.u8bin", &im, "holds no rows; expected at least one");
	image_free(&im);
	free(rows);
}

/* A file that agrees with its name is taken whatever it begins with. */
static void test_magic_of_valid_files(void **state)
{
	static const uint8_t head[8] = { 0x1f, 0x8b, 0x08, 0, 1, 0, 0, 0 };
	const char *path = tmpdir_file(&dir, "x.u8bin");
	const uint32_t n = 0x088b1f;
	uint8_t *b = calloc(1, 8 + n);
	struct vs_vecs *v;

	(void)state;
	assert_non_null(b);
	memcpy(b, head, sizeof(head));
	refuse_bytes("x.u8bin", b, 8, VS_EDATA, "is gzip-compressed");
	refuse_bytes("x.u8bin", b, 7 + n, VS_EDATA, "is gzip-compressed");
	tmpdir_put(path, b, 8 + n);
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	assert_int_equal(n, vs_vecs_rows(v));
	vs_vecs_close(&ctx, v);
	free(b);
}

/* Distances of padded results: infinite on request, never NaN. */
static void test_infinite_on_request(void **state)
{
	const float row[] = { 1, INFINITY, -INFINITY };
	const float nan_row[] = { NAN, 1, 2 };
	const char *path = tmpdir_file(&dir, "x.fvecs");
	struct vs_vecs_options opt = { .allow_infinite = true };
	uint8_t file[16] = { 3 };
	struct vs_vecs *v;
	float got[3];

	(void)state;
	memcpy(file + 4, row, sizeof(row));
	tmpdir_put(path, file, sizeof(file));
	assert_int_equal(0, vs_vecs_open(&ctx, &path, 1, &opt, &v, &err));
	assert_int_equal(0, vs_vecs_read(&ctx, v, 0, 1, got, &err));
	assert_memory_equal(row, got, sizeof(row));
	vs_vecs_close(&ctx, v);
	memcpy(file + 4, nan_row, sizeof(nan_row));
	tmpdir_put(path, file, sizeof(file));
	if (vs_vecs_open(&ctx, &path, 1, &opt, &v, &err) == 0) {
		assert_int_equal(VS_EDATA,
				 vs_vecs_read(&ctx, v, 0, 1, got, &err));
		vs_vecs_close(&ctx, v);
	}
	check_message(path, "column 0");
	n_refused++;
}

static void test_count(void **state)
{
	(void)state;
	print_message("# %u refusals checked\n", n_refused);
	assert_true(n_refused > 180);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_missing_and_empty),
		T(test_unknown_names),
		T(test_other_kinds_of_files),
		T(test_formats_mistaken),
		T(test_ids_are_told_from_floats),
		T(test_truth_of_a_range_search),
		T(test_no_guess_from_the_size_alone),
		T(test_broken_rows),
		T(test_broken_bin),
		T(test_magic_of_valid_files),
		T(test_infinite_on_request),
		T(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
