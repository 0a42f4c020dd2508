/* opt_near.c - the name somebody probably meant. */
#include "opt.h"

#include <string.h>

#define NAME_MAX_LEN 40u

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, substitutions and swaps of neighbours between two
 * names of at most NAME_MAX_LEN bytes (optimal string alignment distance). */
static size_t edits(const char *a, const char *b)
{
	size_t row[3][NAME_MAX_LEN + 1];
	size_t n = strlen(a), m = strlen(b), i, j;
	size_t *now = row[0], *up = row[1], *up2 = row[2], *t;

	for (j = 0; j <= m; j++)
		up[j] = j;
	for (i = 1; i <= n; i++) {
		now[0] = i;
		for (j = 1; j <= m; j++) {
			now[j] = min3(up[j] + 1, now[j - 1] + 1,
				      up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && up2[j - 2] + 1 < now[j])
				now[j] = up2[j - 2] + 1;
		}
		t = up2;
		up2 = up;
		up = now;
		now = t;
	}
	return up[m];
}

const char *vs_opt_nearest(const char *typed,
			   const char *(*next)(const void *arg, size_t i),
			   const void *arg)
{
	const char *word, *best = NULL;
	size_t len = strlen(typed), best_cost, cost, i;

	if (len < 2 || len > NAME_MAX_LEN)
		return NULL;
	/* One slip in three letters; an abbreviation counts as one slip. */
	best_cost = len / 3 + 2;
	for (i = 0; (word = next(arg, i)) != NULL; i++) {
		if (strlen(word) > NAME_MAX_LEN)
			continue;
		cost = strncmp(word, typed, len) == 0 ? 1 :
							edits(typed, word);
		if (cost < best_cost) {
			best_cost = cost;
			best = word;
		}
	}
	return best;
}
