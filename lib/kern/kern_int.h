/* kern_int.h - what the files of lib/kern share: target attributes and the
 * functions that the const tables name.
 *
 * A function of one instruction set is called vs_<op>_<dtype>_<isa>.  Its
 * contract stands at the member of struct vs_kern that it fills.
 */
#ifndef VS_KERN_INT_H
#define VS_KERN_INT_H

#include "vs/kern.h"

/* VS_KERN_GENERIC_ONLY builds what other processors get, for tests. */
#if defined(__x86_64__) && !defined(VS_KERN_GENERIC_ONLY)
#define VS_KERN_X86 1
#else
#define VS_KERN_X86 0
#endif
#if defined(__aarch64__) && defined(__linux__) && !defined(__AARCH64EB__) &&  \
	!defined(VS_KERN_GENERIC_ONLY)
#define VS_KERN_NEON 1
#else
#define VS_KERN_NEON 0
#endif

#define VS_INLINE static inline __attribute__((always_inline))
#define VS_NOINLINE __attribute__((noinline))

#if VS_KERN_X86
/* Without fma, so that no compiler can fuse a canonical kernel. */
#define VS_AVX2_CANON __attribute__((target("avx2")))
#define VS_AVX2 __attribute__((target("avx2,fma,f16c")))
#define VS_AVX512                                                              \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define VS_VNNI                                                                \
	__attribute__((                                                        \
		target("avx512f,avx512bw,avx512dq,avx512vl,fma,avx512vnni")))
#define VS_VBMI                                                                \
	__attribute__((                                                        \
		target("avx512f,avx512bw,avx512dq,avx512vl,fma,avx512vbmi")))
#endif

#if VS_KERN_NEON
/* Dot products of bytes; everything else is in every 64-bit ARM.  The assembler
 * of gcc wants them on top of armv8.2-a, but to name an architecture takes away
 * what -mcpu gave, and then nothing is inlined: only where it gave less. */
#if defined(__ARM_FEATURE_DOTPROD)
#define VS_NEON
#elif defined(__clang__)
#define VS_NEON __attribute__((target("dotprod")))
#elif defined(__ARM_FEATURE_SVE) ||                                          \
	defined(__ARM_FEATURE_FP16_SCALAR_ARITHMETIC)
#define VS_NEON __attribute__((target("+dotprod")))
#else
#define VS_NEON __attribute__((target("arch=armv8.2-a+crypto+dotprod")))
#endif
#endif

/* Asks for the cache line `ahead` bytes after p; there need not be one. */
VS_INLINE void vs_prefetch(const void *p, size_t ahead)
{
	__builtin_prefetch((const void *)((uintptr_t)p + ahead), 0, 2);
}

/* What a canonical kernel sums: products, squared or absolute differences. */
enum vs_canon_op { VS_CANON_IP, VS_CANON_L2, VS_CANON_L1 };

/* Four packed bytes: panels and packed queries are read as words. */
typedef int32_t vs_word __attribute__((may_alias));

#define VS_DECLARE_CANON_F32(op, isa)                                          \
	void vs_##op##_f32_##isa(const float *q, const float *rows,            \
				 size_t stride, size_t n, size_t d,            \
				 float *out);                                  \
	void vs_##op##_f32_f64_##isa(const float *q, const float *rows,        \
				     size_t stride, size_t n, size_t d,        \
				     double *out);                             \
	void vs_##op##_f32_panel_##isa(const float *q, const float *panel,     \
				       size_t d, float out[VS_PANEL_ROWS]);    \
	void vs_##op##_f32_f64_panel_##isa(const float *q, const float *panel, \
					   size_t d,                           \
					   double out[VS_PANEL_ROWS])

#define VS_DECLARE_CANON_U8(op, isa)                                           \
	void vs_##op##_u8_##isa(const uint8_t *q, const uint8_t *rows,         \
				size_t stride, size_t n, size_t d,             \
				int64_t *out);                                 \
	void vs_##op##_u8_panel_##isa(const uint8_t *q, const uint8_t *panel,  \
				      size_t d, int64_t out[VS_PANEL_ROWS])

#define VS_DECLARE_CANON(isa)                                                  \
	VS_DECLARE_CANON_F32(l2sq, isa);                                       \
	VS_DECLARE_CANON_F32(ip, isa);                                         \
	VS_DECLARE_CANON_F32(l1, isa);                                         \
	void vs_rotate_f32_##isa(const float *rows, size_t n, size_t d,        \
				 const float *panels, size_t n_panels,         \
				 float *out);                                  \
	VS_DECLARE_CANON_U8(l2sq, isa);                                        \
	VS_DECLARE_CANON_U8(ip, isa);                                          \
	VS_DECLARE_CANON_U8(l1, isa)

#define VS_DECLARE_TILES(isa)                                                  \
	size_t vs_filter_u8_##isa(const struct vs_tile_u8 *t,                  \
				  struct vs_pass *pass);                       \
	size_t vs_filter_l1_u8_##isa(const struct vs_tile_u8 *t,               \
				     struct vs_pass *pass);                    \
	size_t vs_filter_f32_##isa(const struct vs_tile_f32 *t,                \
				   struct vs_pass *pass);                      \
	size_t vs_filter_l1_f32_##isa(const struct vs_tile_f32 *t,             \
				      struct vs_pass *pass);                   \
	size_t vs_filter_pq4_##isa(const struct vs_tile_pq *t,                 \
				   struct vs_pass *pass);                      \
	size_t vs_filter_pq8_##isa(const struct vs_tile_pq *t,                 \
				   struct vs_pass *pass);                      \
	void vs_nearest_f32_##isa(const struct vs_near *t);                    \
	void vs_widen_f16_##isa(const uint16_t *h, size_t n, float *out);      \
	void vs_scores_f32_##isa(const struct vs_tile_f32 *t, float *out,      \
				 size_t out_stride);                           \
	void vs_scores_u8_##isa(const struct vs_tile_scores *t, float *out,    \
				size_t out_stride);                            \
	float vs_min_f32_##isa(const float *v, size_t n);                      \
	size_t vs_select_le_f32_##isa(const float *v, size_t n, float limit,   \
				      uint32_t *out)

VS_DECLARE_CANON(generic);
VS_DECLARE_TILES(generic);
extern const struct vs_kern vs_kern_generic;

#if VS_KERN_X86
VS_DECLARE_CANON(avx2);
VS_DECLARE_TILES(avx2);
extern const struct vs_kern vs_kern_avx2;

VS_DECLARE_CANON(avx512);
VS_DECLARE_TILES(avx512);
extern const struct vs_kern vs_kern_avx512;

size_t vs_filter_u8_vnni(const struct vs_tile_u8 *t, struct vs_pass *pass);
size_t vs_filter_l1_u8_vnni(const struct vs_tile_u8 *t, struct vs_pass *pass);
void vs_scores_u8_vnni(const struct vs_tile_scores *t, float *out,
		       size_t out_stride);
/* The twins of the above without inline assembly; the test compares them. */
size_t vs_filter_u8_vnni_intrin(const struct vs_tile_u8 *t,
				struct vs_pass *pass);
void vs_scores_u8_vnni_intrin(const struct vs_tile_scores *t, float *out,
			      size_t out_stride);
extern const struct vs_kern vs_kern_vnni;

size_t vs_filter_pq8_vbmi(const struct vs_tile_pq *t, struct vs_pass *pass);
extern const struct vs_kern vs_kern_vbmi;
#endif

#if VS_KERN_NEON
VS_DECLARE_CANON(neon);
VS_DECLARE_TILES(neon);
extern const struct vs_kern vs_kern_neon;
#endif

#endif
