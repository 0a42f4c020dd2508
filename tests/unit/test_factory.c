/* Tests of INDEX strings: each rule of the grammar, canonical spellings, near
 * misses and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vs/factory.h"

static struct vs_factory read_ok(const char *text)
{
	struct vs_err err = { 0 };
	struct vs_factory f;

	if (vs_factory_read(text, &f, &err) != 0)
		fail_msg("%s: %s", text, err.msg);
	return f;
}

/* Reads and says again; what is said reads the same. */
static void says(const char *text, const char *canonical)
{
	struct vs_factory f = read_ok(text), again = read_ok(f.text);

	assert_string_equal(f.text, canonical);
	assert_string_equal(again.text, canonical);
	assert_memory_equal(&again, &f, offsetof(struct vs_factory, text));
}

static void refuses(const char *text, const char *part)
{
	struct vs_err err = { 0 };
	struct vs_factory f;

	if (vs_factory_read(text, &f, &err) == 0)
		fail_msg("'%s' was read as %s", text, f.text);
	assert_int_equal(err.code, VS_EUSAGE);
	if (strstr(err.msg, part) == NULL)
		fail_msg("'%s' says: %s; expected: %s", text, err.msg, part);
}

static void test_codes(void **state)
{
	struct vs_factory f = read_ok("Flat");

	(void)state;
	assert_int_equal(f.family, VS_FAMILY_FLAT);
	assert_int_equal(f.nlist, 1);
	assert_int_equal(f.code, VS_CODE_FLAT);
	assert_int_equal(f.refine, VS_REFINE_NONE);
	assert_int_equal(read_ok("SQ8").code, VS_CODE_SQ8);
	assert_int_equal(read_ok("SQfp16").code, VS_CODE_SQFP16);
	f = read_ok("PQ16");
	assert_int_equal(f.code, VS_CODE_PQ8);
	assert_int_equal(f.pq_m, 16);
	f = read_ok("IVF1024,PQ32x4fs");
	assert_int_equal(f.family, VS_FAMILY_IVF);
	assert_int_equal(f.nlist, 1024);
	assert_int_equal(f.code, VS_CODE_PQ4);
	assert_int_equal(f.pq_m, 32);
	says("PQ16x8", "PQ16");
	says("PQ16x4", "PQ16x4fs");
	says("IVF007,Flat", "IVF7,Flat");
}

static void test_first_steps(void **state)
{
	struct vs_factory f = read_ok("OPQ16_64,IVF256,PQ16");

	(void)state;
	assert_int_equal(f.rotation, VS_ROT_OPQ);
	assert_int_equal(f.rot_m, 16);
	assert_int_equal(f.rot_dim, 64);
	f = read_ok("OPQ16,PQ16x4fs");
	assert_int_equal(f.rot_dim, 0);
	f = read_ok("PCAR64,L2norm,IVF16,SQ8");
	assert_int_equal(f.rotation, VS_ROT_PCAR);
	assert_int_equal(f.rot_dim, 64);
	assert_true(f.l2norm);
	f = read_ok("PCA32,Flat");
	assert_int_equal(f.rotation, VS_ROT_PCA);
	assert_false(f.l2norm);
	assert_int_equal(read_ok("RR128,SQ8").rotation, VS_ROT_RR);
	assert_int_equal(read_ok("L2norm,Flat").rotation, VS_ROT_NONE);
	says("PCA64,L2Norm,IVF9,SQ8", "PCA64,L2norm,IVF9,SQ8");
	says("OPQ8_32,IVF65536_HNSW32,PQ8x4fs,Refine(SQ8)",
	     "OPQ8_32,IVF65536_HNSW32,PQ8x4fs,Refine(SQ8)");
}

static void test_graphs(void **state)
{
	struct vs_factory f = read_ok("IVF65536_HNSW16,Flat");

	(void)state;
	assert_int_equal(f.family, VS_FAMILY_IVF);
	assert_int_equal(f.nlist, 65536);
	assert_int_equal(f.hnsw_m, 16);
	f = read_ok("HNSW24");
	assert_int_equal(f.family, VS_FAMILY_HNSW);
	assert_int_equal(f.hnsw_m, 24);
	assert_int_equal(f.nlist, 1);
	says("IVF64_HNSW,SQ8", "IVF64_HNSW32,SQ8");
	says("HNSW32", "HNSW32,Flat");
	says("HNSW32,SQ8,RFlat", "HNSW32,SQ8,RFlat");
}

static void test_refine(void **state)
{
	(void)state;
	assert_int_equal(read_ok("SQ8,RFlat").refine, VS_REFINE_FLAT);
	assert_int_equal(read_ok("IVF8,PQ4,Refine(SQ8)").refine,
			 VS_REFINE_SQ8);
	assert_int_equal(read_ok("IVF8,SQ8,Refine(SQfp16)").refine,
			 VS_REFINE_SQFP16);
	says("SQ8,Refine(Flat)", "SQ8,RFlat");
	refuses("Flat,RFlat", "no more than the codes");
	refuses("SQ8,Refine(SQ8)", "no more than the codes");
	refuses("SQfp16,Refine(SQ8)", "no more than the codes");
}

/* The longest text fits. */
static void test_longest(void **state)
{
	(void)state;
	says("OPQ65536_65536,L2norm,IVF1048576_HNSW256,PQ65536x4fs,"
	     "Refine(SQfp16)",
	     "OPQ65536_65536,L2norm,IVF1048576_HNSW256,PQ65536x4fs,"
	     "Refine(SQfp16)");
}

static void test_numbers(void **state)
{
	(void)state;
	refuses("IVF0,Flat", "nlist is out of range; expected 1 to 1048576");
	refuses("IVF1048577,Flat", "nlist is out of range");
	refuses("IVF99999999999999999999999,Flat", "nlist is out of range");
	refuses("PQ0", "m of PQ");
	refuses("PQ4294967296", "m of PQ");
	refuses("OPQ0,PQ4", "m of OPQ");
	refuses("PCA65537,Flat", "dimension is out of range");
	refuses("PCA0,Flat", "dimension is out of range");
	refuses("OPQ1_65537,PQ1", "dimension is out of range");
	refuses("HNSW0", "M of HNSW");
	refuses("IVF4_HNSW0,Flat", "M of HNSW");
	refuses("HNSW257", "M of HNSW");
	refuses("OPQ3_64,PQ4", "64 dimensions do not divide");
	refuses("PCA64,PQ5", "64 dimensions do not divide");
}

static void test_not_understood(void **state)
{
	(void)state;
	refuses("", "not known at ''");
	refuses("IVF,Flat", "at 'IVF,Flat'; expected IVF<nlist>, Flat, ");
	refuses("IVF16,SQ9", "at 'SQ9'; expected Flat, SQfp16, SQ8");
	refuses("IVF16,IVF16,Flat", "at 'IVF16,Flat'");
	refuses("IVF16 x,Flat", "not known");
	refuses("IVF16,PQ8x5", "at 'PQ8x5'");
	refuses("PQ", "at 'PQ'");
	refuses("PQ16x4fsr", "at 'PQ16x4fsr'");
	refuses("SQ8,RFlat,RFlat", "at 'RFlat'; expected");
	refuses("SQ8,Flat", "at 'Flat'; expected RFlat");
	refuses("OPQ16", "at 'OPQ16'");
	refuses("L2norm", "at 'L2norm'");
	refuses("L2norm,PCA4,Flat", "at 'PCA4,Flat'");
	refuses("PCA4,PCA4,Flat", "at 'PCA4,Flat'");
	refuses("OPQ,Flat", "at 'OPQ,Flat'");
	refuses("OPQ8_,Flat", "at 'OPQ8_,Flat'");
}

static void test_near_misses(void **state)
{
	(void)state;
	refuses("flat", "'flat' is not known; did you mean Flat?");
	refuses("ivf64", "did you mean IVF64,Flat?");
	refuses("IVF64", "did you mean IVF64,Flat?");
	refuses("IVF64,", "did you mean IVF64,Flat?");
	refuses("Flat,", "did you mean Flat?");
	refuses("ivf64,sq8,rflat", "did you mean IVF64,SQ8,RFlat?");
	refuses("IVF64, SQFP16", "did you mean IVF64,SQfp16?");
	refuses(" opq16,ivf64_hnsw,pq16X4FS , refine(sq8)",
		"did you mean OPQ16,IVF64_HNSW32,PQ16x4fs,Refine(SQ8)?");
	refuses("ivf0", "not known at 'ivf0'");
}

/* Files and commands get only what this version builds. */
static void test_built(void **state)
{
	struct vs_err err = { 0 };
	struct vs_factory f;

	(void)state;
	assert_int_equal(vs_factory_parse("Flat", &f, &err), 0);
	assert_int_equal(vs_factory_parse("IVF8,Flat", &f, &err), 0);
	assert_int_equal(vs_factory_parse("HNSW8", &f, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "'HNSW8,Flat'"));
	assert_int_equal(vs_factory_parse("IVF8", &f, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "did you mean"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_first_steps),
		cmocka_unit_test(test_graphs),
		cmocka_unit_test(test_refine),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_not_understood),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
