/*
 * What a failing disk is to the server that loads this before its own library: from the n-th call on that writes to, or flushes, a file of a kind,
 * that call fails. What is to fail stands in a file that all of the server's processes map, so that a test changes it while they run.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

struct plan {
    /* 0: nothing fails; 1: writes; 2: flushes; 3: writes, which write half of what they were given. */
    volatile unsigned kind;
    /* 0: files of the log (pg_wal); 1: files of tables (base). */
    volatile unsigned where;
    /* Calls that go well yet. */
    volatile int left;
    /* Calls that failed. */
    volatile unsigned failed;
};

static struct plan *plan;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("SUBVM_FAULT");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    plan = mapped == MAP_FAILED ? NULL : mapped;
    close(file);
}

static int fails(int fd, int flushes)
{
    if (!plan || plan->kind == 0 || flushes != (plan->kind == 2))
        return 0;
    char name[64], path[512];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(name, path, sizeof path - 1);
    if (len < 0)
        return 0;
    path[len] = 0;
    if (!strstr(path, plan->where ? "/base/" : "/pg_wal/"))
        return 0;
    if (__atomic_sub_fetch(&plan->left, 1, __ATOMIC_SEQ_CST) >= 0)
        return 0;
    __atomic_add_fetch(&plan->failed, 1, __ATOMIC_SEQ_CST);
    return 1;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t) = REAL("pwrite", ssize_t (*)(int, const void *, size_t, off_t));
    if (!fails(fd, 0))
        return real(fd, bytes, len, at);
    if (plan->kind == 3)
        real(fd, bytes, len / 2, at);
    errno = EIO;
    return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    return pwrite(fd, bytes, len, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int len, off_t at)
{
    if (!fails(fd, 0))
        return REAL("pwritev", ssize_t (*)(int, const struct iovec *, int, off_t))(fd, parts, len, at);
    if (plan->kind == 3)
        REAL("pwritev", ssize_t (*)(int, const struct iovec *, int, off_t))(fd, parts, len / 2, at);
    errno = EIO;
    return -1;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int len, off64_t at)
{
    return pwritev(fd, parts, len, at);
}

int fsync(int fd)
{
    if (!fails(fd, 1))
        return REAL("fsync", int (*)(int))(fd);
    errno = EIO;
    return -1;
}

int fdatasync(int fd)
{
    if (!fails(fd, 1))
        return REAL("fdatasync", int (*)(int))(fd);
    errno = EIO;
    return -1;
}
