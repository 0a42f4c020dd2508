/* tile_l1_sums.h - sums of the bytes of each packed query, for the x86 tiles of
 * L1.  The including file has defined L1_ATTR. */

/* The sums of four words. */
L1_ATTR VS_INLINE __m128i l1_word_sums(__m128i words)
{
	__m128i pairs = _mm_maddubs_epi16(words, _mm_set1_epi8(1));

	return _mm_madd_epi16(pairs, _mm_set1_epi16(1));
}

L1_ATTR static void l1_query_sums(const struct vs_tile_u8 *t,
				  int32_t base[VS_TILE_W])
{
	const vs_word *packed = (const vs_word *)(const void *)t->packed;
	size_t j, words = (t->d + 3) / 4;
	__m128i sum;
	unsigned q;

	if (t->w == 1) {
		sum = _mm_setzero_si128();
		for (j = 0; j < words; j++)
			sum = _mm_add_epi32(sum, l1_word_sums(_mm_cvtsi32_si128(
							 packed[j])));
		base[0] = _mm_cvtsi128_si32(sum);
		return;
	}
	for (q = 0; q < t->w; q += 4) {
		sum = _mm_setzero_si128();
		for (j = q; j < words * t->w; j += t->w)
			sum = _mm_add_epi32(
				sum, l1_word_sums(_mm_load_si128(
					     (const __m128i *)(const void *)(
						     packed + j))));
		_mm_storeu_si128((__m128i *)(void *)(base + q), sum);
	}
}
