/* version.c - which vs-tools this is; the Makefile knows. */
#include "tool_int.h"

const char vs_version[] = VS_VERSION;
const char vs_revision[] = VS_REVISION;
