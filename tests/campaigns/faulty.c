/* Loaded before the C library: write() to a file below the folder that FAULTY_BELOW names fails
 * at the call of number FAULTY_CALL, counted from 1, as FAULTY_HOW says: EIO, ENOSPC, KILL, or
 * SHORT, which writes half. Sockets, pipes and event counters are left alone, which strace could
 * not do, because files of the store have names that nobody knows before.
 * It says so in the file FAULTY_TOLD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long calls;

static int is_below(int file) {
  const char *below = getenv("FAULTY_BELOW");
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (below == NULL || length < 0)
    return 0;
  path[length] = 0;
  return strncmp(path, below, strlen(below)) == 0;
}

static void tell(void) {
  const char *told = getenv("FAULTY_TOLD");
  int file = told ? open(told, O_WRONLY | O_CREAT, 0600) : -1;
  if (file >= 0)
    close(file);
}

ssize_t write(int file, const void *bytes, size_t count) {
  static ssize_t (*real)(int, const void *, size_t);
  if (real == NULL)
    real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  const char *call = getenv("FAULTY_CALL"), *how = getenv("FAULTY_HOW");
  if (call == NULL || how == NULL || !is_below(file) || atomic_fetch_add(&calls, 1) + 1 != atol(call))
    return real(file, bytes, count);
  tell();
  if (strcmp(how, "KILL") == 0)
    kill(getpid(), SIGKILL);
  if (strcmp(how, "SHORT") == 0)
    return real(file, bytes, count > 1 ? count / 2 : count);
  errno = strcmp(how, "ENOSPC") == 0 ? ENOSPC : EIO;
  return -1;
}
