/* kern_avx2.c - the table for processors with AVX2 and FMA. */
#include "kern_int.h"

#if VS_KERN_X86
const struct vs_kern vs_kern_avx2 = {
	.name = "avx2",
	.l2sq_f32 = vs_l2sq_f32_avx2,
	.ip_f32 = vs_ip_f32_avx2,
	.l1_f32 = vs_l1_f32_avx2,
	.l2sq_f32_f64 = vs_l2sq_f32_f64_avx2,
	.ip_f32_f64 = vs_ip_f32_f64_avx2,
	.l1_f32_f64 = vs_l1_f32_f64_avx2,
	.rotate_f32 = vs_rotate_f32_avx2,
	.l2sq_u8 = vs_l2sq_u8_avx2,
	.ip_u8 = vs_ip_u8_avx2,
	.l1_u8 = vs_l1_u8_avx2,
	.l2sq_f32_panel = vs_l2sq_f32_panel_avx2,
	.ip_f32_panel = vs_ip_f32_panel_avx2,
	.l1_f32_panel = vs_l1_f32_panel_avx2,
	.l2sq_f32_f64_panel = vs_l2sq_f32_f64_panel_avx2,
	.ip_f32_f64_panel = vs_ip_f32_f64_panel_avx2,
	.l1_f32_f64_panel = vs_l1_f32_f64_panel_avx2,
	.l2sq_u8_panel = vs_l2sq_u8_panel_avx2,
	.ip_u8_panel = vs_ip_u8_panel_avx2,
	.l1_u8_panel = vs_l1_u8_panel_avx2,
	.filter_u8 = vs_filter_u8_avx2,
	.filter_l1_u8 = vs_filter_l1_u8_avx2,
	.filter_f32 = vs_filter_f32_avx2,
	.filter_l1_f32 = vs_filter_l1_f32_avx2,
	.filter_pq4 = vs_filter_pq4_avx2,
	.filter_pq8 = vs_filter_pq8_avx2,
	.scores_f32 = vs_scores_f32_avx2,
	.scores_u8 = vs_scores_u8_avx2,
	.nearest_f32 = vs_nearest_f32_avx2,
	.widen_f16 = vs_widen_f16_avx2,
	.min_f32 = vs_min_f32_avx2,
	.select_le_f32 = vs_select_le_f32_avx2,
};
#endif
