/* code_kind.c - which kind of code an index of rows of some type has. */
#include "code_kind.h"

#include "vs/panel.h"

const struct vs_code_kind *vs_code_kind_of(const struct vs_factory *index,
					   enum vs_dtype rows)
{
	static const struct vs_code_kind *const kinds[] = {
		[VS_CODE_FLAT] = &vs_code_rows,
		[VS_CODE_SQFP16] = &vs_code_rows, /* of halves */
		[VS_CODE_SQ8] = &vs_code_sq8,
		[VS_CODE_PQ8] = &vs_code_pq,
		[VS_CODE_PQ4] = &vs_code_pq,
	};

	/* Bytes are their own scalar codes. */
	if (vs_dtype_is_byte(rows) && index->code <= VS_CODE_SQ8)
		return &vs_code_rows;
	return kinds[index->code];
}

enum vs_dtype vs_code_row_dtype(const struct vs_factory *index,
				enum vs_dtype rows)
{
	if (vs_factory_has_pq(index))
		return VS_F32;
	if (vs_dtype_is_byte(rows))
		return rows;
	if (index->code == VS_CODE_SQFP16)
		return VS_F16;
	return index->code == VS_CODE_SQ8 ? VS_F32 : rows;
}
