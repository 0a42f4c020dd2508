/* shards.h - the commands of vs-shard. */
#ifndef VS_CMD_SHARDS_H
#define VS_CMD_SHARDS_H

#include "rows.h"

extern const struct vs_command vs_shard_create;
extern const struct vs_command vs_shard_split;
extern const struct vs_command vs_shard_status;
extern const struct vs_command vs_shard_verify;

#endif
