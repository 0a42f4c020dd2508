/* contfix.h - makes the checksums of a damaged container fit again, as far as
 * its fields make sense (vs-format(5)), for tests and fuzz targets.  Then the
 * checks behind the checksums are what refuses it.
 */
#ifndef CONTFIX_H
#define CONTFIX_H

#include <stddef.h>
#include <stdint.h>

#include "vs/hash.h"
#include "vs/num.h"

#define CONTFIX_FRONT 8192u
#define CONTFIX_TABLE 256u
#define CONTFIX_ENTRY 96u
#define CONTFIX_SECTIONS_MAX 64u
#define CONTFIX_BLOCK 262144u

/* Block checksums of one section into its records p. */
static inline void contfix_blocks(const uint8_t *section, const uint8_t *entry,
				  uint8_t *p, uint64_t n_blocks)
{
	int zst = vs_get_le32(entry + 4) == 1;
	uint64_t stored = vs_get_le64(entry + 16), b, at = 0, end;

	for (b = 0; b < n_blocks; b++, at = end) {
		end = zst ? vs_get_le64(p + 16 * b)
			  : vs_min_u64(at + CONTFIX_BLOCK, stored);
		if (at > end || end > stored)
			return;
		vs_put_le64(zst ? p + 16 * b + 8 : p + 8 * b,
			    vs_hash64(section + at, (size_t)(end - at)));
	}
}

static inline void contfix_entry(uint8_t *data, size_t n, uint8_t *entry)
{
	uint64_t offset = vs_get_le64(entry + 8);
	uint64_t stored = vs_get_le64(entry + 16);
	uint64_t n_blocks = vs_get_le64(entry + 48);
	uint64_t at = vs_get_le64(data + 120), len;

	if (n_blocks > n || offset > n || stored > n - offset || at > n ||
	    at < CONTFIX_FRONT || vs_get_le64(entry + 56) > n - at)
		return;
	at += vs_get_le64(entry + 56);
	len = n_blocks * (vs_get_le32(entry + 4) == 1 ? 16 : 8);
	if (len > n - at)
		return;
	contfix_blocks(data + offset, entry, data + at, n_blocks);
	vs_put_le64(entry + 64, vs_hash64(data + at, (size_t)len));
}

static inline void contfix(uint8_t *data, size_t n)
{
	uint32_t i, n_sections;
	uint64_t hash;

	if (n < CONTFIX_FRONT + 24)
		return;
	n_sections = vs_get_le32(data + 96);
	if (n_sections > CONTFIX_SECTIONS_MAX)
		n_sections = CONTFIX_SECTIONS_MAX;
	for (i = 0; i < n_sections; i++)
		contfix_entry(data, n,
			      data + CONTFIX_TABLE + i * CONTFIX_ENTRY);
	vs_put_le64(data + 248, 0);
	hash = vs_hash64(data, CONTFIX_TABLE + n_sections * CONTFIX_ENTRY);
	vs_put_le64(data + 248, hash);
	vs_put_le64(data + n - 8, hash);
}

#endif
