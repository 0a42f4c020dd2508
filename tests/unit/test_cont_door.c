/* test_cont_door.c - what is refused when a container is opened, and in which
 * words.  Damage without a plan is in test_damage_cont.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "damage.h"
#include "dirfix.h"
#include "samples.h"
#include "vs/num.h"

static uint8_t good[32768];
static size_t n_good;

/* A shard of 12 rows: INFO 8192, CELL 12288, ROWS 16384, TERM 20480, IDS
 * 24576, records at 28672. */
static int begin(void **state)
{
	struct vs_ctx ctx;
	const char *path;
	long n;

	(void)state;
	vs_ctx_init(&ctx);
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "good.vss");
	samples_shard(&ctx, path, 12);
	n = tmpdir_get(path, good, sizeof(good));
	assert_int_equal(n, 28672 + 4 * 8 + 16 + 24);
	n_good = (size_t)n;
	return 0;
}

/* Opens these bytes as a shard: the code, with the message in err. */
static int open_bytes(const void *data, size_t n, struct vs_err *err)
{
	const char *path = tmpdir_file(&dir, "x.vss");
	struct vs_cont *c;
	struct vs_ctx ctx;
	int rc;

	vs_ctx_init(&ctx);
	vs_err_clear(err);
	tmpdir_put(path, data, n);
	rc = vs_cont_open(&ctx, path, VS_KIND_SHARD, &c, err);
	vs_cont_close(&ctx, c);
	assert_true(atomic_load(&ctx.mem_now) == 0);
	return rc;
}

static void refused(const void *data, size_t n, int code, const char *text)
{
	struct vs_err err;
	int rc = open_bytes(data, n, &err);

	if (rc != code || strstr(err.msg, text) == NULL)
		fail_msg("expected %d \"%s\", got %d \"%s\"", code, text, rc,
			 err.msg);
	assert_non_null(strstr(err.msg, "x.vss: "));
}

static void test_wrong_files(void **state)
{
	uint8_t fvecs[2 * 132], bin[8 + 2 * 4 * 3] = {2, 0, 0, 0, 3};
	static const uint8_t zeros[10000];
	static const uint8_t odd[] = {0xff, 0xfe, 0xfd, 0, 1};

	(void)state;
	memset(fvecs, 0x3f, sizeof(fvecs));
	vs_put_le32(fvecs, 32);
	vs_put_le32(fvecs + 132, 32);
	bin[20] = 1;
	refused("", 0, VS_EDATA, "is empty; expected a model, shard or hits");
	refused("\x93NUMPY\1\0", 8, VS_EDATA, "looks like npy");
	refused("\x89HDF\r\n\x1a\n", 8, VS_EDATA, "looks like HDF5");
	refused("\x28\xb5\x2f\xfd\1", 5, VS_EDATA, "zstd");
	refused("\x1f\x8b\x08", 3, VS_EDATA, "gzip");
	refused("version https://git-lfs.github.com/spec/v1\n", 43, VS_EDATA,
		"git-lfs pointer");
	refused("shards:\n  - 1\n", 14, VS_EDATA, "looks like text");
	refused(zeros, sizeof(zeros), VS_EDATA, "begins with zeros only");
	refused(odd, sizeof(odd), VS_EDATA, "no magic bytes");
	refused(fvecs, sizeof(fvecs), VS_EDATA,
		"looks like fvecs or ivecs of 32 dimensions");
	refused(fvecs, 36 * 2, VS_EDATA, "no magic bytes");
	refused(bin, sizeof(bin), VS_EDATA,
		"looks like fbin or ibin of 3 dimensions");
	refused(bin, 8 + 6, VS_EDATA, "looks like u8bin or i8bin");
	vs_put_le32(fvecs + 36, 32);
	refused(fvecs, 36 * 3, VS_EDATA, "looks like bvecs of 32 dimensions");
	/* Line ends turned as by an FTP client, the eighth bit cut off. */
	refused("\x89VSF\n\x1a\n", 7, VS_EDATA, "text-mode transfer");
	refused("\x89VSF\r\r\n\x1a\r\n", 10, VS_EDATA, "text-mode transfer");
	refused("\x09VSF\r\n\x1a\n", 8, VS_EDATA, "");
}

static void test_not_a_file(void **state)
{
	struct vs_err err = {0};
	struct vs_cont *c;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	assert_int_equal(vs_cont_open(&ctx, tmpdir_file(&dir, "none"),
				      VS_KIND_SHARD, &c, &err),
			 VS_ENOINPUT);
	assert_null(c);
	assert_int_equal(vs_cont_open(&ctx, dir.path, VS_KIND_SHARD, &c, &err),
			 VS_ENOINPUT);
	assert_int_equal(
		vs_cont_open(&ctx, "/dev/null", VS_KIND_SHARD, &c, &err),
		VS_EUSAGE);
}

static void test_other_kind(void **state)
{
	const char *path = tmpdir_file(&dir, "m");
	struct vs_err err = {0};
	struct vs_cont *c;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	samples_model(&ctx, path);
	assert_int_equal(vs_cont_open(&ctx, path, VS_KIND_SHARD, &c, &err),
			 VS_EDATA);
	assert_non_null(strstr(err.msg, "is a model file; expected a shard"));
	assert_int_equal(vs_cont_open(&ctx, path, VS_KIND_HITS, &c, &err),
			 VS_EDATA);
	assert_non_null(strstr(err.msg, "expected a hits file"));
	assert_int_equal(vs_cont_open(&ctx, path, 0, &c, &err), 0);
	vs_cont_close(&ctx, c);
}

static void test_lengths(void **state)
{
	uint8_t more[sizeof(good) + 1];
	char text[64];
	size_t n;

	(void)state;
	memset(more, 0, sizeof(more));
	memcpy(more, good, n_good);
	refused(more, n_good + 1, VS_EDATA, "has 1 bytes after its end");
	for (n = 8; n < 256; n += 31) {
		snprintf(text, sizeof(text), "truncated: %zu of the 256", n);
		refused(good, n, VS_EDATA, text);
	}
	for (n = 256; n < n_good; n += 997) {
		snprintf(text, sizeof(text), "truncated: %zu of %zu bytes", n,
			 n_good);
		refused(good, n, VS_EDATA, text);
	}
}

struct change {
	size_t at;
	size_t width;
	uint64_t value;
	int code;
	const char *text;
};

/* The file with one field changed and all checksums made to fit. */
static void changed(const struct change *c)
{
	uint8_t copy[sizeof(good)], b[8];

	memcpy(copy, good, n_good);
	vs_put_le64(b, c->value);
	memcpy(copy + c->at, b, c->width);
	damage_repair_container(copy, n_good);
	if (c->code == 0) {
		struct vs_err err;

		if (open_bytes(copy, n_good, &err) != 0)
			fail_msg("byte %zu: %s", c->at, err.msg);
		return;
	}
	refused(copy, n_good, c->code, c->text);
}

static void test_header_fields(void **state)
{
	static const struct change changes[] = {
		{8, 4, 2, VS_EVERSION, "format version 2; this program"},
		{8, 4, 0, VS_EDATA, "\"version\" is 0"},
		{12, 4, 0, VS_EDATA, "\"kind\""},
		{12, 4, 6, VS_EDATA, "\"kind\""},
		{16, 8, 1ull << 63, VS_EVERSION, "0x8000000000000000"},
		{24, 8, 1ull << 63, 0, ""},
		{32, 8, 7, VS_EDATA, "bytes after its end"},
		{72, 8, (1ull << 40) + 1, VS_EDATA, "\"rows\""},
		{72, 8, 1ull << 40, 0, ""},
		{80, 4, 0, VS_EDATA, "\"dimension\""},
		{80, 4, VS_DIM_MAX + 1, VS_EDATA, "\"dimension\""},
		{84, 4, 1, VS_EDATA, "\"k\""},
		{88, 4, 0, VS_EDATA, "\"metric\""},
		{88, 4, 5, VS_EDATA, "\"metric\""},
		{92, 4, 0, VS_EDATA, "\"dtype\""},
		{92, 4, 10, VS_EDATA, "\"dtype\""},
		{96, 4, 0, VS_EDATA, "\"sections\""},
		{96, 4, 65, VS_EDATA, "\"sections\""},
		{100, 4, 65536, VS_EDATA, "\"block size\""},
		{104, 8, 0, VS_EDATA, "\"table offset\""},
		{112, 8, 96, VS_EDATA, "\"table length\""},
		{120, 8, 28673, VS_EDATA, "\"control offset\""},
		{120, 8, 4096, VS_EDATA, "\"control offset\""},
		{128, 8, UINT64_MAX, VS_EDATA, "\"control length\""},
		{136, 1, 1, VS_EDATA, "reserved bytes of the header"},
		{247, 1, 1, VS_EDATA, "reserved bytes of the header"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(changes); i++)
		changed(&changes[i]);
}

#define E(section, field) (256 + 96 * (section) + (field))

static void test_table_fields(void **state)
{
	static const struct change changes[] = {
		{E(0, 0), 4, 0x01020304, VS_EDATA, "\"tag\""},
		{E(1, 0), 4, VS_SEC_INFO, VS_EDATA, "INFO is there twice"},
		{E(0, 4), 4, 2, VS_EDATA, "\"codec\" is 2"},
		{E(2, 4), 4, 1, VS_EDATA, "section TERM: field \"control\""},
		{E(4, 4), 4, 0, VS_EDATA, "section IDS : field \"stored"},
		{E(2, 8), 8, 16385, VS_EDATA, "\"offset\""},
		{E(2, 8), 8, 8192, VS_EDATA, "\"offset\""},
		{E(2, 8), 8, 1ull << 63, VS_EDATA, "\"offset\""},
		{E(4, 8), 8, 28672 + 4096, VS_EDATA, "\"offset\""},
		{E(4, 16), 8, 100000, VS_EDATA, "\"stored length\""},
		{E(4, 16), 8, 0, VS_EDATA, "\"stored length\""},
		{E(2, 24), 8, 1537, VS_EDATA, "section ROWS: field \"count"},
		{E(2, 32), 8, 1ull << 57, VS_EDATA, "\"count\""},
		{E(2, 40), 4, 0, VS_EDATA, "\"item size\""},
		{E(2, 44), 4, 1, VS_EDATA, "\"reserved\""},
		{E(2, 48), 8, 2, VS_EDATA, "\"blocks\""},
		{E(2, 48), 8, 0, VS_EDATA, "\"blocks\""},
		{E(2, 56), 8, 0, VS_EDATA, "\"control\""},
		{E(2, 72), 1, 1, VS_EDATA, "\"reserved\""},
		{E(2, 95), 1, 1, VS_EDATA, "\"reserved\""},
		/* The end of the packed block, in its record. */
		{28672 + 32, 8, 1, VS_EDATA, "no possible place"},
		{28672 + 32, 8, UINT64_MAX, VS_EDATA, "no possible place"},
		{28672 + 32, 8, 0, VS_EDATA, "no possible place"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(changes); i++)
		changed(&changes[i]);
}

/* A newer writer may use reserved bytes if old readers need not care. */
static void test_compatible_features(void **state)
{
	uint8_t copy[sizeof(good)];
	struct vs_err err;

	(void)state;
	memcpy(copy, good, n_good);
	copy[24] = 1;
	copy[140] = 77;
	copy[E(1, 80)] = 77;
	damage_repair_container(copy, n_good);
	if (open_bytes(copy, n_good, &err) != 0)
		fail_msg("%s", err.msg);
}

static void test_checksums(void **state)
{
	uint8_t copy[sizeof(good)];

	(void)state;
	memcpy(copy, good, n_good);
	copy[75] ^= 1;
	refused(copy, n_good, VS_EDATA,
		"header and section table (bytes 0 to 736) do not match");
	copy[75] ^= 1;
	copy[28672 + 16] ^= 1;
	refused(copy, n_good, VS_EDATA,
		"section ROWS: its block checksums (8 bytes at offset 28688)");
	copy[28672 + 16] ^= 1;
	copy[n_good - 24] ^= 1;
	refused(copy, n_good, VS_EDATA, "the footer (last 24 bytes)");
}

static void test_sections_as_asked(void **state)
{
	const char *path = tmpdir_file(&dir, "good.vss");
	struct vs_err err = {0};
	struct vs_cont *c;
	struct vs_span s;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	assert_int_equal(vs_cont_open(&ctx, path, VS_KIND_SHARD, &c, &err), 0);
	assert_int_equal(vs_cont_find(c, VS_SEC_CENT, 4, &s, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "section CENT is missing"));
	assert_int_equal(vs_cont_find(c, VS_SEC_ROWS, 4, &s, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "items of 128 bytes; expected 4"));
	assert_true(vs_cont_size(c) == n_good);
	vs_cont_close(&ctx, c);
}

/* A terabyte-sized table is accepted as long as the file is that large; the
 * sparse file stands for one of 2^35 rows of 32 bytes. */
static void test_terabyte(void **state)
{
	const char *path = tmpdir_file(&dir, "huge.vss");
	const uint64_t n_rows = (uint64_t)1 << 35;
	uint64_t n_blocks = n_rows * 32 / VS_CONT_BLOCK, end, hash, i;
	uint8_t *records = calloc(n_blocks, 8), *block, front[8192] = {0};
	uint8_t foot[24];
	struct vs_err err = {0};
	struct vs_cont *c;
	struct vs_span s;
	struct vs_ctx ctx;
	FILE *f;

	(void)state;
	assert_non_null(records);
	block = calloc(1, VS_CONT_BLOCK);
	assert_non_null(block);
	hash = vs_hash64(block, VS_CONT_BLOCK);
	for (i = 0; i < n_blocks; i++)
		vs_put_le64(records + 8 * i, hash);
	end = 8192 + n_rows * 32;
	memcpy(front, good, 256);
	vs_put_le64(front + 32, end + 8 * n_blocks + 24);
	vs_put_le64(front + 72, n_rows);
	vs_put_le32(front + 96, 1);
	vs_put_le64(front + 112, 96);
	vs_put_le64(front + 120, end);
	vs_put_le64(front + 128, 8 * n_blocks);
	memcpy(front + 256, good + E(2, 0), 96);
	vs_put_le64(front + 256 + 8, 8192);
	vs_put_le64(front + 256 + 16, n_rows * 32);
	vs_put_le64(front + 256 + 24, n_rows * 32);
	vs_put_le64(front + 256 + 32, n_rows);
	vs_put_le32(front + 256 + 40, 32);
	vs_put_le64(front + 256 + 48, n_blocks);
	vs_put_le64(front + 256 + 56, 0);
	vs_put_le64(front + 256 + 64, vs_hash64(records, 8 * n_blocks));
	vs_put_le64(front + 248, 0);
	vs_put_le64(front + 248, vs_hash64(front, 256 + 96));
	memcpy(foot, good + n_good - 24, 8);
	memcpy(foot + 8, front + 32, 8);
	memcpy(foot + 16, front + 248, 8);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(front, sizeof(front), 1, f), 1);
	if (fseeko(f, (off_t)end, SEEK_SET) != 0 ||
	    fwrite(records, 8, n_blocks, f) != n_blocks ||
	    fwrite(foot, sizeof(foot), 1, f) != 1 || fclose(f) != 0) {
		print_message("# no sparse file of 1 TiB here\n");
		free(records);
		free(block);
		skip();
	}
	vs_ctx_init(&ctx);
	if (vs_cont_open(&ctx, path, VS_KIND_SHARD, &c, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(vs_cont_find(c, VS_SEC_ROWS, 32, &s, &err), 0);
	assert_true(s.count == n_rows);
	assert_int_equal(vs_cont_touch(&ctx, c, &s, s.n_bytes - 100, 100, &err),
			 0);
	assert_int_equal(
		vs_cont_read(&ctx, c, &s, s.n_bytes - 32, foot, 24, &err), 0);
	assert_int_equal(foot[23], 0);
	/* 8 bytes and a bit per 256 KiB. */
	assert_true(atomic_load(&ctx.mem_peak) < 34u << 20);
	vs_cont_close(&ctx, c);
	free(records);
	free(block);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wrong_files),		TEST(test_not_a_file),
		TEST(test_other_kind),		TEST(test_lengths),
		TEST(test_header_fields),	TEST(test_table_fields),
		TEST(test_compatible_features), TEST(test_checksums),
		TEST(test_sections_as_asked),	TEST(test_terabyte),
	};

	return cmocka_run_group_tests_name("cont_door", tests, NULL, NULL);
}
