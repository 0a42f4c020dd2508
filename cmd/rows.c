/* rows.c - the shared words and rows of rows.h. */
#include "rows.h"

const struct vs_opt_word vs_words_metric[] = {
	{ "l2", VS_L2 },
	{ "ip", VS_IP },
	{ "cosine", VS_COSINE },
	{ "l1", VS_L1 },
	{ NULL, 0 },
};

const struct vs_opt_word vs_words_hits[] = {
	{ "vsh", VS_HITS_VSH },     { "ivecs", VS_HITS_IVECS },
	{ "fvecs", VS_HITS_FVECS }, { "usbin", VS_HITS_USBIN },
	{ "npy", VS_HITS_NPY },     { "tsv", VS_HITS_TSV },
	{ "jsonl", VS_HITS_JSONL }, { NULL, 0 },
};

static const struct vs_opt_word words_input[] = {
	{ "fvecs", VS_FMT_FVECS }, { "bvecs", VS_FMT_BVECS },
	{ "ivecs", VS_FMT_IVECS }, { "fbin", VS_FMT_FBIN },
	{ "u8bin", VS_FMT_U8BIN }, { "i8bin", VS_FMT_I8BIN },
	{ "ibin", VS_FMT_IBIN },   { "npy", VS_FMT_NPY },
	{ "f16bin", VS_FMT_F16BIN }, { "hdf5", VS_FMT_HDF5 },
	{ NULL, 0 },
};

static const struct vs_opt_word words_zero[] = {
	{ "refuse", 0 },
	{ "keep", 1 },
	{ NULL, 0 },
};

const struct vs_opt vs_rows_zero[1] = {
	{ .name = "zero", .kind = VS_OPT_WORD, .metavar = "WORD",
	  .words = words_zero, .at = offsetof(struct vs_op_io, zero),
	  .def = "refuse",
	  .help = "what to do with rows of zeros under cosine" },
};

static const struct vs_opt_word words_nonfinite[] = {
	{ "refuse", VS_ROWS_REFUSE },
	{ "drop", VS_ROWS_DROP },
	{ NULL, 0 },
};

const struct vs_opt vs_rows_nonfinite[1] = {
	{ .name = "nonfinite", .kind = VS_OPT_WORD, .metavar = "WORD",
	  .words = words_nonfinite, .at = offsetof(struct vs_op_io, nonfinite),
	  .def = "refuse",
	  .help = "what to do with vectors that have a NaN or an infinite "
		  "value" },
};

const struct vs_opt vs_rows_io[VS_ROWS_IO_COUNT] = {
	{ .name = "input-format", .kind = VS_OPT_WORD, .metavar = "FORMAT",
	  .words = words_input, .at = offsetof(struct vs_op_io, input_format),
	  .help = "format of the vector files",
	  .def_text = "from their names" },
	{ .name = "force-rows", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct vs_op_io, force_rows),
	  .help = "read the rows that a cropped file has, fewer than its "
		  "header says" },
	{ .name = "replace", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct vs_op_io, replace),
	  .help = "replace an output made from other inputs or parameters" },
	{ .name = "recheck", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct vs_op_io, recheck),
	  .help = "compare inputs whole, not by samples, before an output "
		  "counts as already done" },
};
