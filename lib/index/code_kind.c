/* code_kind.c - which kind of code an index of rows of some type has. */
#include "code_kind.h"

#include "vs/panel.h"

const struct vs_code_kind *vs_code_kind_of(const struct vs_factory *index,
					   enum vs_dtype rows)
{
	static const struct vs_code_kind *const kinds[] = {
		[VS_CODE_FLAT] = &vs_code_rows,
	};

	(void)rows;
	return kinds[index->code];
}
