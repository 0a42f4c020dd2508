/* cpu.c - which table this machine can run.
 *
 * The compiler's __builtin_cpu_supports reads CPUID and, for AVX and AVX-512,
 * XCR0 too: a level counts only when the operating system saves its
 * registers.  On ARM, Linux says in the auxiliary vector what there is.
 * Nothing is cached here: callers choose once per operation.
 */
#include "kern_int.h"

#include <string.h>

#if VS_KERN_X86
#include <cpuid.h>
#endif
#if VS_KERN_NEON
#include <sys/auxv.h>
#endif

static const char *const words[] = {
	[VS_CPU_GENERIC] = "generic",
	[VS_CPU_AVX2] = "avx2",
	[VS_CPU_AVX512] = "avx512",
	[VS_CPU_VNNI] = "vnni",
	[VS_CPU_VBMI] = "vbmi",
	[VS_CPU_NEON] = "neon",
};

#define N_LEVELS (sizeof(words) / sizeof(words[0]))

#if VS_KERN_X86
/* Its registers are those of AVX; __builtin_cpu_supports of clang 14 does not
 * know the word. */
static bool has_f16c(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2") &&
	       __builtin_cpu_supports("fma") && has_f16c();
}

static bool has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vl");
}

static bool has_vnni(void)
{
	return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static bool has_vbmi(void)
{
	return has_vnni() && __builtin_cpu_supports("avx512vbmi");
}
#endif

#if VS_KERN_NEON
static bool has_neon(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}
#endif

const struct vs_kern *vs_kern_exact(enum vs_cpu level)
{
	switch (level) {
	case VS_CPU_GENERIC:
		return &vs_kern_generic;
#if VS_KERN_X86
	case VS_CPU_AVX2:
		return has_avx2() ? &vs_kern_avx2 : NULL;
	case VS_CPU_AVX512:
		return has_avx512() ? &vs_kern_avx512 : NULL;
	case VS_CPU_VNNI:
		return has_vnni() ? &vs_kern_vnni : NULL;
	case VS_CPU_VBMI:
		return has_vbmi() ? &vs_kern_vbmi : NULL;
#endif
#if VS_KERN_NEON
	case VS_CPU_NEON:
		return has_neon() ? &vs_kern_neon : NULL;
#endif
	default:
		return NULL;
	}
}

const struct vs_kern *vs_kern_select(enum vs_cpu cap)
{
	size_t level = (size_t)cap < N_LEVELS ? (size_t)cap : N_LEVELS - 1;
	const struct vs_kern *k;

	if (cap == VS_CPU_NEON && vs_kern_exact(cap) == NULL)
		return &vs_kern_generic;
	for (; level > 0; level--) {
		k = vs_kern_exact((enum vs_cpu)level);
		if (k != NULL)
			return k;
	}
	return &vs_kern_generic;
}

bool vs_cpu_parse(const char *word, enum vs_cpu *level)
{
	size_t i;

	for (i = 0; i < N_LEVELS; i++) {
		if (strcmp(word, words[i]) == 0) {
			*level = (enum vs_cpu)i;
			return true;
		}
	}
	return false;
}
