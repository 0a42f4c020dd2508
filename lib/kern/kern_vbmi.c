/* kern_vbmi.c - the table for processors with VNNI and AVX512_VBMI: the filter
 * of 8-bit codes is its own, all else is that of kern_vnni.c. */
#include "kern_int.h"

#if VS_KERN_X86
const struct vs_kern vs_kern_vbmi = {
	.name = "vbmi",
	.l2sq_f32 = vs_l2sq_f32_avx512,
	.ip_f32 = vs_ip_f32_avx512,
	.l1_f32 = vs_l1_f32_avx512,
	.l2sq_f32_f64 = vs_l2sq_f32_f64_avx512,
	.ip_f32_f64 = vs_ip_f32_f64_avx512,
	.l1_f32_f64 = vs_l1_f32_f64_avx512,
	.rotate_f32 = vs_rotate_f32_avx512,
	.l2sq_u8 = vs_l2sq_u8_avx512,
	.ip_u8 = vs_ip_u8_avx512,
	.l1_u8 = vs_l1_u8_avx512,
	.l2sq_f32_panel = vs_l2sq_f32_panel_avx512,
	.ip_f32_panel = vs_ip_f32_panel_avx512,
	.l1_f32_panel = vs_l1_f32_panel_avx512,
	.l2sq_f32_f64_panel = vs_l2sq_f32_f64_panel_avx512,
	.ip_f32_f64_panel = vs_ip_f32_f64_panel_avx512,
	.l1_f32_f64_panel = vs_l1_f32_f64_panel_avx512,
	.l2sq_u8_panel = vs_l2sq_u8_panel_avx512,
	.ip_u8_panel = vs_ip_u8_panel_avx512,
	.l1_u8_panel = vs_l1_u8_panel_avx512,
	.filter_u8 = vs_filter_u8_vnni,
	.filter_l1_u8 = vs_filter_l1_u8_vnni,
	.filter_f32 = vs_filter_f32_avx512,
	.filter_l1_f32 = vs_filter_l1_f32_avx512,
	.filter_pq4 = vs_filter_pq4_avx512,
	.filter_pq8 = vs_filter_pq8_vbmi,
	.scores_f32 = vs_scores_f32_avx512,
	.scores_u8 = vs_scores_u8_vnni,
	.nearest_f32 = vs_nearest_f32_avx512,
	.widen_f16 = vs_widen_f16_avx512,
	.min_f32 = vs_min_f32_avx512,
	.select_le_f32 = vs_select_le_f32_avx512,
};
#endif
