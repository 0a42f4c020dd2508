/* inout.c - an output must not be one of the inputs: replacing it would lose
 * what it was made from.
 */
#include "op_int.h"

int vs_op_check_out(struct vs_ctx *ctx, const char *out,
		    const char *const *inputs, size_t n, struct vs_err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (inputs[i] != NULL && vs_vecs_reads(ctx, inputs[i], out))
			return vs_fail(err, VS_EUSAGE,
				       "%s: is an input and the output; give "
				       "the output another name", out);
	return 0;
}

struct vs_vecs_options vs_op_reading(const struct vs_op_io *io)
{
	return (struct vs_vecs_options){ .format = io->input_format,
					 .directories = true,
					 .force_rows = io->force_rows };
}

struct vs_vecs_options vs_op_reading_vectors(const struct vs_op_io *io)
{
	struct vs_vecs_options opt = vs_op_reading(io);

	opt.nonfinite = io->nonfinite == VS_ROWS_DROP ? VS_NONFINITE_HOLES :
							VS_NONFINITE_OFFER;
	return opt;
}

void vs_op_add_nonfinite(struct vs_hasher *h, enum vs_nonfinite nonfinite)
{
	if (nonfinite == VS_ROWS_DROP)
		vs_hasher_add_text(h, "nonfinite-drop");
}
