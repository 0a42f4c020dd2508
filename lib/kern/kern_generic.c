/* kern_generic.c - the table for any processor. */
#include "kern_int.h"

const struct vs_kern vs_kern_generic = {
	.name = "generic",
	.l2sq_f32 = vs_l2sq_f32_generic,
	.ip_f32 = vs_ip_f32_generic,
	.l2sq_f32_f64 = vs_l2sq_f32_f64_generic,
	.ip_f32_f64 = vs_ip_f32_f64_generic,
	.l2sq_u8 = vs_l2sq_u8_generic,
	.ip_u8 = vs_ip_u8_generic,
	.l2sq_f32_panel = vs_l2sq_f32_panel_generic,
	.ip_f32_panel = vs_ip_f32_panel_generic,
	.l2sq_f32_f64_panel = vs_l2sq_f32_f64_panel_generic,
	.ip_f32_f64_panel = vs_ip_f32_f64_panel_generic,
	.l2sq_u8_panel = vs_l2sq_u8_panel_generic,
	.ip_u8_panel = vs_ip_u8_panel_generic,
	.filter_u8 = vs_filter_u8_generic,
	.filter_f32 = vs_filter_f32_generic,
	.scores_f32 = vs_scores_f32_generic,
	.min_f32 = vs_min_f32_generic,
	.select_le_f32 = vs_select_le_f32_generic,
};
