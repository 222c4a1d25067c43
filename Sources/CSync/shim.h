#ifndef MEDALLION_SYNC_SHIM_H
#define MEDALLION_SYNC_SHIM_H

// syncfs(2) is a GNU extension, which Swift's view of glibc leaves out.
int syncfs(int fd);

#endif
