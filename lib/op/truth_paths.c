/* truth_paths.c - which files a truth reads and writes. */
#include "truth_paths.h"

#include <string.h>

#include "op_int.h"
#include "vs/mem.h"

/* Whether two names, of files that need not exist, mean one file. */
static int compare_names(struct vs_ctx *ctx, const char *a, const char *b,
			 bool *same, struct vs_err *err)
{
	const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
	const char *name_a = slash_a == NULL ? a : slash_a + 1;
	const char *name_b = slash_b == NULL ? b : slash_b + 1;
	char *dir_a, *dir_b;

	*same = strcmp(a, b) == 0 || vs_path_same(ctx, a, b);
	if (*same || strcmp(name_a, name_b) != 0)
		return 0;
	dir_a = vs_asprintf(ctx, err, "%.*s.", (int)(name_a - a), a);
	if (dir_a == NULL)
		return VS_ENOMEM;
	dir_b = vs_asprintf(ctx, err, "%.*s.", (int)(name_b - b), b);
	*same = dir_b != NULL && vs_path_same(ctx, dir_a, dir_b);
	vs_free(ctx, dir_a);
	vs_free(ctx, dir_b);
	return dir_b == NULL ? VS_ENOMEM : 0;
}

int vs_op_truth_paths(struct vs_ctx *ctx, const struct vs_truth_args *args,
		      struct vs_err *err)
{
	const struct vs_op_io *io = &args->io;
	const char *distances = args->distances;
	bool same;
	int rc = vs_op_check_out(ctx, io->out, io->inputs, io->n_inputs, err);

	if (rc == 0)
		rc = vs_op_check_out(ctx, io->out, &args->queries, 1, err);
	if (rc == 0 && args->ids != NULL)
		rc = vs_op_check_out(ctx, io->out, &args->ids, 1, err);
	if (rc != 0 || distances == NULL)
		return rc;
	rc = compare_names(ctx, io->out, distances, &same, err);
	if (rc == 0 && same)
		rc = vs_fail(err, VS_EUSAGE,
			     "%s: is the output and takes the distances; "
			     "give --distances another name", distances);
	if (rc == 0)
		rc = vs_op_check_out(ctx, distances, io->inputs, io->n_inputs,
				     err);
	if (rc == 0)
		rc = vs_op_check_out(ctx, distances, &args->queries, 1, err);
	if (rc == 0 && args->ids != NULL)
		rc = vs_op_check_out(ctx, distances, &args->ids, 1, err);
	return rc;
}
