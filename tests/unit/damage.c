/* damage.c - the damage harness; see damage.h. */
#include "damage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contfix.h"
#include "vs/num.h"

static void write_at(const struct damage *d, const void *p, size_t n, size_t at)
{
	assert_int_equal(pwrite(d->fd, p, n, (off_t)at), (ssize_t)n);
}

static void resize(const struct damage *d, size_t n)
{
	assert_int_equal(ftruncate(d->fd, (off_t)n), 0);
}

/* Asks the reader about the file as it is now. */
static void ask(struct damage *d, const char *what, size_t at, unsigned how)
{
	int answer = d->use(d->arg, d->path);

	assert_in_range(answer, 0, 2);
	d->n_cases++;
	if (answer == DAMAGE_DIFFERENT && d->n_answer[DAMAGE_DIFFERENT] == 0)
		snprintf(d->first_different, sizeof(d->first_different),
			 "%s at byte %zu (%u)", what, at, how);
	d->n_answer[answer]++;
}

/* Tries the file with n bytes at `at` replaced, and puts it back. */
static void ask_changed(struct damage *d, const char *what, size_t at,
			const uint8_t *p, size_t n, unsigned how)
{
	if (memcmp(d->good + at, p, n) == 0)
		return;
	if (d->repair == NULL) {
		write_at(d, p, n, at);
		ask(d, what, at, how);
		write_at(d, d->good + at, n, at);
		return;
	}
	memcpy(d->work, d->good, d->n);
	memcpy(d->work + at, p, n);
	d->repair(d->work, d->n);
	write_at(d, d->work, d->n, 0);
	ask(d, what, at, how);
	write_at(d, d->good, d->n, 0);
}

void damage_start(struct damage *d, const char *path)
{
	FILE *f = fopen(path, "rb");
	long n;

	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	assert_true(n > 0);
	rewind(f);
	d->n = (size_t)n;
	d->good = malloc(d->n);
	d->work = malloc(d->n);
	assert_non_null(d->good);
	assert_non_null(d->work);
	assert_int_equal(fread(d->good, 1, d->n, f), d->n);
	fclose(f);
	d->fd = memfd_create("damage", MFD_CLOEXEC);
	assert_true(d->fd >= 0);
	snprintf(d->path, sizeof(d->path), "/proc/self/fd/%d", d->fd);
	write_at(d, d->good, d->n, 0);
	d->n_cases = 0;
	memset(d->n_answer, 0, sizeof(d->n_answer));
	assert_int_equal(d->use(d->arg, d->path), DAMAGE_SAME);
	if (d->repair == NULL)
		return;
	/* A repair leaves the whole file as it is. */
	memcpy(d->work, d->good, d->n);
	d->repair(d->work, d->n);
	assert_memory_equal(d->work, d->good, d->n);
}

void damage_bytes(struct damage *d, size_t from, size_t to)
{
	size_t at;
	unsigned i;
	uint8_t b;

	for (at = from; at < to && at < d->n; at++) {
		b = 0;
		ask_changed(d, "byte set to 00", at, &b, 1, 0);
		b = 0xff;
		ask_changed(d, "byte set to ff", at, &b, 1, 0);
		for (i = 0; i < 8; i++) {
			b = (uint8_t)(d->good[at] ^ 1u << i);
			/* 00 and ff were there already. */
			if (b != 0 && b != 0xff)
				ask_changed(d, "bit flipped", at, &b, 1, i);
		}
	}
}

void damage_fields(struct damage *d, size_t from, size_t to, size_t width)
{
	uint64_t size = d->n;
	size_t at;
	unsigned i, j;
	uint8_t b[8];

	for (at = from; at + width <= to && at + width <= d->n; at += width) {
		uint64_t old = width == 8 ? vs_get_le64(d->good + at)
					  : vs_get_le32(d->good + at);
		uint64_t base[] = {0, old, size, 1, 4096, 8192, 262144};
		uint64_t by[] = {0, 1, UINT64_MAX, 4096, (uint64_t)-4096};

		for (i = 0; i < sizeof(base) / sizeof(base[0]); i++)
			for (j = 0; j < sizeof(by) / sizeof(by[0]); j++) {
				vs_put_le64(b, base[i] + by[j]);
				ask_changed(d, "field", at, b, width, i);
			}
		for (i = 15; i < 8 * width; i++) {
			vs_put_le64(b, ((uint64_t)1 << i) - 1);
			ask_changed(d, "field of ones", at, b, width, i);
			vs_put_le64(b, (uint64_t)1 << i);
			ask_changed(d, "field of one bit", at, b, width, i);
			vs_put_le64(b, old + ((uint64_t)1 << i));
			ask_changed(d, "field grown", at, b, width, i);
		}
	}
}

void damage_truncations(struct damage *d)
{
	size_t n;

	for (n = d->n; n-- > 0;) {
		resize(d, n);
		ask(d, "truncated", n, 0);
	}
	write_at(d, d->good, d->n, 0);
}

void damage_extension(struct damage *d, size_t n)
{
	uint8_t full[4096];
	size_t at;

	memset(full, 0xff, sizeof(full));
	resize(d, d->n + n);
	ask(d, "extended by zeros", d->n, 0);
	for (at = d->n; at < d->n + n; at += sizeof(full))
		write_at(d, full, vs_min_size(sizeof(full), d->n + n - at), at);
	ask(d, "extended", d->n, 1);
	resize(d, d->n);
}

void damage_swap(struct damage *d, size_t a, size_t b, size_t n)
{
	if (memcmp(d->good + a, d->good + b, n) == 0)
		return;
	write_at(d, d->good + b, n, a);
	write_at(d, d->good + a, n, b);
	ask(d, "swapped", a, (unsigned)b);
	write_at(d, d->good + a, n, a);
	write_at(d, d->good + b, n, b);
}

void damage_swap_sections(struct damage *d)
{
	uint32_t i, j, n = vs_get_le32(d->good + 96);

	assert_true(n <= CONTFIX_SECTIONS_MAX);
	for (i = 0; i < n; i++) {
		for (j = 0; j < i; j++) {
			const uint8_t *a =
				d->good + CONTFIX_TABLE + i * CONTFIX_ENTRY;
			const uint8_t *b =
				d->good + CONTFIX_TABLE + j * CONTFIX_ENTRY;
			uint64_t len = vs_min_u64(vs_get_le64(a + 16),
						  vs_get_le64(b + 16));

			damage_swap(d, CONTFIX_TABLE + i * CONTFIX_ENTRY,
				    CONTFIX_TABLE + j * CONTFIX_ENTRY,
				    CONTFIX_ENTRY);
			if (len != 0)
				damage_swap(d, (size_t)vs_get_le64(a + 8),
					    (size_t)vs_get_le64(b + 8),
					    (size_t)len);
		}
	}
}

void damage_all(struct damage *d)
{
	damage_bytes(d, 0, d->n);
	damage_truncations(d);
	damage_extension(d, 1);
	damage_extension(d, 4096);
	damage_swap_sections(d);
}

void damage_finish(struct damage *d)
{
	uint64_t different = d->n_answer[DAMAGE_DIFFERENT];

	print_message("# %s: %zu bytes, %" PRIu64 " cases: %" PRIu64
		      " refused, %" PRIu64 " the same, %" PRIu64
		      " different%s\n",
		      d->name, d->n, d->n_cases, d->n_answer[DAMAGE_REFUSED],
		      d->n_answer[DAMAGE_SAME], different,
		      d->repair != NULL ? " (checksums repaired)" : "");
	close(d->fd);
	free(d->good);
	free(d->work);
	if (different != 0 && d->repair == NULL)
		fail_msg("%s: a different answer: %s", d->name,
			 d->first_different);
}

void damage_repair_container(uint8_t *data, size_t n)
{
	contfix(data, n);
}
