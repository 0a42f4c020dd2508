/* tile_f32.h - template of one f32 register tile: F32_Q queries x F32_R
 * vectors of rows, a sum in each of F32_Q * F32_R registers.
 *
 * Defined before each inclusion and undefined at its end: F32_Q, F32_R and,
 * when this shape makes no filter of L1, F32_NO_L1.
 * Defined once by the including file:
 *
 *   F32_ATTR    target attribute
 *   F32_P       lanes of a vector
 *   F32_AHEAD   bytes that several queries fetch ahead, or 0
 *   f32t_t      the vector type, with f32t_zero, f32t_load (aligned),
 *               f32t_set1, f32t_madd(a, b, c) = a * b + c,
 *               f32t_apart(acc, x, y) = acc - |x - y|, f32t_store
 *   f32t_mask   what f32t_not_below(a, b) gives: lanes where !(a < b);
 *               f32t_or joins two, f32t_bits makes lane bits of one
 *
 * struct f32_job and the driver stand in tile_f32_run.h.
 */
#include "each.h"

#define T_NAME(what) VS_CAT3(what##_, VS_CAT3(F32_Q, x, F32_R), _tile)
#define T_POINTER(r) const float *x##r = f32_at(job, (r)*F32_P);
#define T_SUM(k, r) f32t_t a##k##_##r = f32t_zero();
#define T_SUMS(k) VS_WITH(F32_R, T_SUM, k)
#define T_LOAD(r)                                                              \
	f32t_t v##r = f32t_load(x##r + i);                                     \
	if (F32_AHEAD > 0 && F32_Q > 1)                                        \
		vs_prefetch(x##r + i, F32_AHEAD);
/* L1 counts down, so that it is tested as products are. */
#define T_MADD(k, r)                                                           \
	a##k##_##r = task == F32_FILTER_L1                                     \
			     ? f32t_apart(a##k##_##r, v##r, w##k)              \
			     : f32t_madd(v##r, w##k, a##k##_##r);
#define T_MADDS(k)                                                             \
	f32t_t w##k = f32t_set1(q[k]);                                         \
	VS_WITH(F32_R, T_MADD, k)
#define T_TEST(k, r)                                                           \
	any = f32t_or(any, f32t_not_below(a##k##_##r, f32_bound(job, k, r)));
#define T_TESTS(k) VS_WITH(F32_R, T_TEST, k)
#define T_KEEP(k, r) f32t_store(sums + ((k)*F32_R + (r)) * F32_P, a##k##_##r);
#define T_KEEPS(k) VS_WITH(F32_R, T_KEEP, k)
#define T_SCORE(k, r)                                                          \
	f32t_store(out + (k)*job->out_stride + (r)*F32_P,                      \
		   f32t_madd(f32t_set1(-2), a##k##_##r,                        \
			     f32t_load(job->terms + (r)*F32_P)));
#define T_SCORES(k)                                                            \
	if ((k) < job->n_q) {                                                  \
		VS_WITH(F32_R, T_SCORE, k)                                     \
	}

F32_ATTR VS_INLINE bool T_NAME(core)(const struct f32_job *job,
				    enum f32_task task)
{
	const float *q = job->packed;
	float *sums = job->sums, *out = job->out;
	size_t i = 0, end = job->d * VS_PANEL_ROWS, w = job->w;
	f32t_mask any = f32t_none();
	VS_EACH(F32_R, T_POINTER)
	VS_EACH(F32_Q, T_SUMS)

	do {
		VS_EACH(F32_R, T_LOAD)
		VS_EACH(F32_Q, T_MADDS)
		i += VS_PANEL_ROWS;
		q += w;
	} while (i < end);
	if (task == F32_SCORES) {
		VS_EACH(F32_Q, T_SCORES)
		return true;
	}
	VS_EACH(F32_Q, T_TESTS)
	if (f32t_bits(any) == 0)
		return false;
	VS_EACH(F32_Q, T_KEEPS)
	return true;
}

/* True when a lane may pass; job->sums holds all sums then. */
F32_ATTR VS_NOINLINE static bool T_NAME(filter)(const struct f32_job *job)
{
	return T_NAME(core)(job, F32_FILTER);
}

#ifndef F32_NO_L1
F32_ATTR VS_NOINLINE static bool T_NAME(apart)(const struct f32_job *job)
{
	return T_NAME(core)(job, F32_FILTER_L1);
}
#endif

F32_ATTR VS_NOINLINE static bool T_NAME(scores)(const struct f32_job *job)
{
	return T_NAME(core)(job, F32_SCORES);
}

#undef F32_Q
#undef F32_R
#undef F32_NO_L1
#undef T_NAME
#undef T_POINTER
#undef T_SUM
#undef T_SUMS
#undef T_LOAD
#undef T_MADD
#undef T_MADDS
#undef T_TEST
#undef T_TESTS
#undef T_KEEP
#undef T_KEEPS
#undef T_SCORE
#undef T_SCORES
