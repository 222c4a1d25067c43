#ifndef MEDALLION_SYNC_SHIM_H
#define MEDALLION_SYNC_SHIM_H

// syncfs(2) is a GNU extension, which Swift's view of glibc leaves out.
int syncfs(int fd);

// So is sync_file_range(2).
int sync_file_range(int fd, long offset, long length, unsigned int flags);
enum { MEDALLION_SYNC_FILE_RANGE_WRITE = 2, MEDALLION_SYNC_FILE_RANGE_WRITE_AND_WAIT = 1 | 2 | 4 };

#endif
