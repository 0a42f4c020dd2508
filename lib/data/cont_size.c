/* cont_size.c - the size of a container that is not written yet. */
#include "cont_int.h"
#include "vs/num.h"
#include "vs/zst.h"

void vs_cont_sizes_raw(struct vs_cont_sizes *s, uint64_t n_bytes)
{
	uint64_t n_blocks = vs_div_up(n_bytes, VS_CONT_BLOCK);

	s->sections += vs_round_up(n_bytes, VS_CONT_ALIGN);
	s->control += n_blocks * VS_CONT_RECORD_RAW;
	/* Records, a mark for each, and the block being filled. */
	s->memory += n_blocks * (VS_CONT_RECORD_RAW + 1) +
		     vs_min_u64(n_bytes, VS_CONT_BLOCK);
}

void vs_cont_sizes_small_zst(struct vs_cont_sizes *s)
{
	s->sections += VS_CONT_ALIGN;
	s->control += VS_CONT_RECORD_ZST;
	s->memory_zst = VS_CONT_SMALL_ZST + vs_zst_bound(VS_CONT_SMALL_ZST) +
			vs_zst_work_bytes(VS_CONT_SMALL_ZST);
}

uint64_t vs_cont_zst_bytes(void)
{
	return VS_CONT_BLOCK + vs_zst_bound(VS_CONT_BLOCK) +
	       vs_zst_work_bytes(VS_CONT_BLOCK);
}

uint64_t vs_cont_sizes_total(const struct vs_cont_sizes *s)
{
	return VS_CONT_FRONT_BYTES + s->sections + s->control +
	       VS_CONT_FOOT_BYTES;
}
