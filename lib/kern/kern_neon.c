/* kern_neon.c - the table for ARM processors with dot products of bytes. */
#include "kern_int.h"

#if VS_KERN_NEON
const struct vs_kern vs_kern_neon = {
	.name = "neon",
	.l2sq_f32 = vs_l2sq_f32_neon,
	.ip_f32 = vs_ip_f32_neon,
	.l1_f32 = vs_l1_f32_neon,
	.l2sq_f32_f64 = vs_l2sq_f32_f64_neon,
	.ip_f32_f64 = vs_ip_f32_f64_neon,
	.l1_f32_f64 = vs_l1_f32_f64_neon,
	.rotate_f32 = vs_rotate_f32_neon,
	.l2sq_u8 = vs_l2sq_u8_neon,
	.ip_u8 = vs_ip_u8_neon,
	.l1_u8 = vs_l1_u8_neon,
	.l2sq_f32_panel = vs_l2sq_f32_panel_neon,
	.ip_f32_panel = vs_ip_f32_panel_neon,
	.l1_f32_panel = vs_l1_f32_panel_neon,
	.l2sq_f32_f64_panel = vs_l2sq_f32_f64_panel_neon,
	.ip_f32_f64_panel = vs_ip_f32_f64_panel_neon,
	.l1_f32_f64_panel = vs_l1_f32_f64_panel_neon,
	.l2sq_u8_panel = vs_l2sq_u8_panel_neon,
	.ip_u8_panel = vs_ip_u8_panel_neon,
	.l1_u8_panel = vs_l1_u8_panel_neon,
	.filter_u8 = vs_filter_u8_neon,
	.filter_l1_u8 = vs_filter_l1_u8_neon,
	.filter_f32 = vs_filter_f32_neon,
	.filter_l1_f32 = vs_filter_l1_f32_neon,
	.filter_pq4 = vs_filter_pq4_neon,
	.filter_pq8 = vs_filter_pq8_neon,
	.scores_f32 = vs_scores_f32_neon,
	.scores_u8 = vs_scores_u8_neon,
	.nearest_f32 = vs_nearest_f32_neon,
	.widen_f16 = vs_widen_f16_neon,
	.min_f32 = vs_min_f32_neon,
	.select_le_f32 = vs_select_le_f32_neon,
};
#endif
