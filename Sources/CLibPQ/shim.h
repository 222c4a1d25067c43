#include <libpq-fe.h>

// glibc declares it for _GNU_SOURCE only, which Swift's Glibc module does not set (posix_spawn_file_actions_addclosefrom_np(3)).
#include <spawn.h>
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
