/* replay.c - runs a fuzz target over files, where libFuzzer is not there.
 *
 *   fuzz_NAME FILE|DIRECTORY...
 *
 * Each file is one input; of a directory each file in it, by name.
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int complain(const char *path)
{
	fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
	return -1;
}

/* A copy of the exact size, so that reading past it is seen. */
static int run_bytes(const char *path, FILE *f, size_t n)
{
	uint8_t *data = malloc(n != 0 ? n : 1);
	int rc = 0;

	if (data == NULL)
		return complain(path);
	if (fread(data, 1, n, f) != n)
		rc = complain(path);
	else
		(void)LLVMFuzzerTestOneInput(data, n);
	free(data);
	return rc;
}

static int run_file(const char *path, unsigned *n_run)
{
	FILE *f = fopen(path, "rbe");
	struct stat st;
	int rc;

	if (f == NULL)
		return complain(path);
	if (fstat(fileno(f), &st) != 0)
		rc = complain(path);
	else
		rc = run_bytes(path, f, (size_t)st.st_size);
	fclose(f);
	*n_run += rc == 0;
	return rc;
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int run_directory(const char *path, unsigned *n_run)
{
	char name[4352];
	struct dirent **e;
	int n = scandir(path, &e, visible, alphasort), i, rc = 0;

	if (n < 0)
		return complain(path);
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%s", path, e[i]->d_name);
		rc |= run_file(name, n_run);
		free(e[i]);
	}
	free(e);
	return rc;
}

int main(int argc, char **argv)
{
	unsigned n_run = 0;
	struct stat st;
	int i, rc = 0;

	for (i = 1; i < argc; i++) {
		if (stat(argv[i], &st) != 0)
			rc |= complain(argv[i]);
		else if (S_ISDIR(st.st_mode))
			rc |= run_directory(argv[i], &n_run);
		else
			rc |= run_file(argv[i], &n_run);
	}
	printf("%u inputs\n", n_run);
	return rc == 0 && n_run > 0 ? 0 : 1;
}
