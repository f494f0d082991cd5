// SPDX-License-Identifier: GPL-2.0
/*
 * harp-client: a client's work with every operation checked and timed.
 *
 *	harp-client copy SRC DST [--threads N] [--progress FILE]
 *	harp-client compare SRC DST [--threads N]
 *	harp-client load DST --seconds N [--threads N] [--progress FILE]
 *
 * copy     copies the tree SRC to DST (which must not hold it yet), reads back each
 *	    file it wrote past the client's cache (O_DIRECT) and compares it.
 * compare  compares the trees: names, types, permissions, sizes, contents, links.
 * load     creates, writes, renames, reads back and removes files until the time
 *	    is over or SIGTERM comes; each acknowledged outcome is checked before the
 *	    next step, and what should be there at the end is checked once more.
 *
 * The longest time between two completed operations is the outage a user saw; the
 * longest few are told with their ends.
 *
 * A request that was carried out but not answered before a server died is sent again,
 * and a server that does not know requests of before says EEXIST or ENOENT to the
 * repetition. Where the outcome shows that it was ours, that is counted as "repeated",
 * not as an error; where the outcome is not there, it is an error.
 * Prints one line of JSON; exit status 0 only when nothing went wrong. While it
 * runs, --progress FILE holds "operations errors\n", rewritten in place.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (128 * 1024)
#define ERRORS_SHOWN 20
#define THREADS_MAX 64
#define GAPS 8			/* of the waits, so many are told */

struct item {
	char *path;		/* relative to the root */
	struct stat st;
};

struct list {
	struct item *items;
	size_t n, cap;
};

struct gap {
	int64_t ns;
	int64_t end_ns;		/* by this machine's clock */
};

static const char *src, *dst, *progress;
static unsigned int threads = 4;
static long seconds;

static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_done_ns;
static struct gap gaps[GAPS];	/* the longest first */
static atomic_ulong ops, errors, files, bytes, repeated;
static atomic_size_t next_item;
static struct list tree;

static int64_t now_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void waited(int64_t ns)
{
	int i = GAPS - 1;

	if (ns <= gaps[i].ns)
		return;
	for (; i > 0 && gaps[i - 1].ns < ns; i--)
		gaps[i] = gaps[i - 1];
	gaps[i].ns = ns;
	gaps[i].end_ns = now_ns(CLOCK_REALTIME);
}

/* One operation of the client has completed: the only clock of the outage. */
static void done(void)
{
	int64_t t = now_ns(CLOCK_MONOTONIC);

	pthread_mutex_lock(&clock_lock);
	if (last_done_ns)
		waited(t - last_done_ns);
	if (t > last_done_ns)
		last_done_ns = t;
	pthread_mutex_unlock(&clock_lock);
	atomic_fetch_add(&ops, 1);
}

__attribute__((format(printf, 2, 3)))
static void fail(int err, const char *fmt, ...)
{
	char text[2 * PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (atomic_fetch_add(&errors, 1) < ERRORS_SHOWN)
		fprintf(stderr, "harp-client: %s%s%s\n", text, err ? ": " : "",
			err ? strerror(err) : "");
}

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "harp-client: out of memory\n");
		exit(2);
	}
	return p;
}

static void collect(struct list *l, const char *root, const char *rel)
{
	char path[PATH_MAX];
	struct dirent *de;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", root, rel);
	d = opendir(path);
	if (!d) {
		fail(errno, "opendir %s", path);
		return;
	}
	while ((errno = 0, de = readdir(d))) {
		struct item it;
		char sub[PATH_MAX];

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, "..") ||
		    !strcmp(de->d_name, "lost+found"))
			continue;
		snprintf(sub, sizeof(sub), "%s%s%s", rel, *rel ? "/" : "", de->d_name);
		snprintf(path, sizeof(path), "%s/%s", root, sub);
		if (lstat(path, &it.st)) {
			fail(errno, "lstat %s", path);
			continue;
		}
		it.path = must(strdup(sub));
		if (l->n == l->cap) {
			l->cap = l->cap ? 2 * l->cap : 1024;
			l->items = must(realloc(l->items, l->cap * sizeof(*l->items)));
		}
		l->items[l->n++] = it;
		if (S_ISDIR(it.st.st_mode))
			collect(l, root, sub);
	}
	if (errno)
		fail(errno, "readdir %s/%s", root, rel);
	closedir(d);
}

/* Whole read at an offset; -1 on error, else bytes (short only at the end). */
static ssize_t read_full(int fd, char *buf, size_t len, off_t off)
{
	size_t got = 0;

	while (got < len) {
		ssize_t r = pread(fd, buf + got, len - got, off + got);

		if (r < 0)
			return -1;
		if (!r)
			break;
		got += r;
	}
	return got;
}

/* Compare two files' bytes; @direct: past this machine's cache of the second. */
static bool same_bytes(const char *a, const char *b, bool direct)
{
	static __thread char *ba, *bb;
	int fa, fb = -1;
	bool same = false;
	off_t off = 0;

	if (!ba) {
		ba = must(aligned_alloc(4096, BLOCK));
		bb = must(aligned_alloc(4096, BLOCK));
	}
	fa = open(a, O_RDONLY | O_CLOEXEC);
	if (fa < 0) {
		fail(errno, "open %s", a);
		return false;
	}
	fb = open(b, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
	if (fb < 0) {
		fail(errno, "open %s", b);
		goto out;
	}
	done();
	for (;;) {
		ssize_t ra = read_full(fa, ba, BLOCK, off);
		ssize_t rb = read_full(fb, bb, BLOCK, off);

		if (ra < 0 || rb < 0) {
			fail(errno, "read %s", ra < 0 ? a : b);
			goto out;
		}
		done();
		if (ra != rb || memcmp(ba, bb, ra)) {
			fail(0, "%s differs from %s near byte %jd (%zd and %zd bytes read)",
			     b, a, (intmax_t)off, rb, ra);
			goto out;
		}
		if (ra < BLOCK)
			break;
		off += ra;
	}
	same = true;
out:
	if (fb >= 0)
		close(fb);
	close(fa);
	return same;
}

/*
 * errno is @err and @there exists while @gone does not: what failed had been done
 * by an earlier sending of the same request. errno stays as it was otherwise.
 */
static bool repetition(int err, const char *there, const char *gone)
{
	int saved = errno;
	struct stat st;
	bool ours;

	if (errno != err)
		return false;
	ours = (!there || !lstat(there, &st)) &&
	       (!gone || (lstat(gone, &st) && errno == ENOENT));
	if (ours)
		atomic_fetch_add(&repeated, 1);
	errno = saved;
	return ours;
}

static void copy_regular(const char *from, const char *to, const struct stat *st)
{
	static __thread char *buf;
	int in, out;
	off_t off = 0;

	if (!buf)
		buf = must(malloc(BLOCK));
	in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0) {
		fail(errno, "open %s", from);
		return;
	}
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st->st_mode & 07777);
	if (out < 0) {
		fail(errno, "create %s", to);
		close(in);
		return;
	}
	done();
	while (off < st->st_size) {
		ssize_t r = read_full(in, buf, BLOCK, off), w;

		if (r <= 0) {
			fail(errno, "read %s", from);
			break;
		}
		w = pwrite(out, buf, r, off);
		if (w != r) {
			fail(w < 0 ? errno : 0, "write %s", to);
			break;
		}
		off += r;
	}
	if (close(out))		/* NFS: everything written is sent and committed here */
		fail(errno, "close %s", to);
	done();
	close(in);
	atomic_fetch_add(&files, 1);
	atomic_fetch_add(&bytes, off);
	same_bytes(from, to, true);
}

static void copy_other(const char *from, const char *to, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n;

	if (!S_ISLNK(st->st_mode)) {
		fail(0, "%s: neither file, directory nor symbolic link", from);
		return;
	}
	n = readlink(from, target, sizeof(target) - 1);
	if (n < 0) {
		fail(errno, "readlink %s", from);
		return;
	}
	target[n] = '\0';
	if (symlink(target, to) && !repetition(EEXIST, to, NULL))
		fail(errno, "symlink %s", to);
	done();
	atomic_fetch_add(&files, 1);
}

static void *copy_worker(void *arg)
{
	char from[PATH_MAX], to[PATH_MAX];
	size_t i;

	while ((i = atomic_fetch_add(&next_item, 1)) < tree.n) {
		const struct item *it = &tree.items[i];

		if (S_ISDIR(it->st.st_mode))
			continue;	/* made before the workers started */
		snprintf(from, sizeof(from), "%s/%s", src, it->path);
		snprintf(to, sizeof(to), "%s/%s", dst, it->path);
		if (S_ISREG(it->st.st_mode))
			copy_regular(from, to, &it->st);
		else
			copy_other(from, to, &it->st);
	}
	return arg;
}

static void compare_item(const struct item *it)
{
	char a[PATH_MAX], b[PATH_MAX], ta[PATH_MAX], tb[PATH_MAX];
	struct stat st;
	ssize_t na, nb;

	snprintf(a, sizeof(a), "%s/%s", src, it->path);
	snprintf(b, sizeof(b), "%s/%s", dst, it->path);
	if (lstat(b, &st)) {
		fail(errno, "%s", b);
		return;
	}
	done();
	if ((st.st_mode ^ it->st.st_mode) & (S_IFMT | 0777)) {
		fail(0, "%s: mode %o, expected %o", b, st.st_mode, it->st.st_mode);
		return;
	}
	if (S_ISREG(st.st_mode)) {
		if (st.st_size != it->st.st_size)
			fail(0, "%s: %jd bytes, expected %jd", b, (intmax_t)st.st_size,
			     (intmax_t)it->st.st_size);
		else
			same_bytes(a, b, false);
	} else if (S_ISLNK(st.st_mode)) {
		na = readlink(a, ta, sizeof(ta));
		nb = readlink(b, tb, sizeof(tb));
		if (na < 0 || na != nb || memcmp(ta, tb, na))
			fail(0, "%s: another target than %s", b, a);
	}
	atomic_fetch_add(&files, 1);
	atomic_fetch_add(&bytes, S_ISREG(st.st_mode) ? st.st_size : 0);
}

static void *compare_worker(void *arg)
{
	size_t i;

	while ((i = atomic_fetch_add(&next_item, 1)) < tree.n)
		compare_item(&tree.items[i]);
	return arg;
}

/* One round of the load: every answer is checked against what must be true. */
static void load_round(const char *dir, unsigned long n)
{
	char name[PATH_MAX], other[PATH_MAX], text[64], back[64];
	struct stat st;
	int fd, len;

	snprintf(name, sizeof(name), "%s/f%lu", dir, n);
	snprintf(other, sizeof(other), "%s/g%lu", dir, n);
	len = snprintf(text, sizeof(text), "round %lu of %s\n", n, dir) ;
	if (len >= (int)sizeof(text))
		len = sizeof(text) - 1;
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0 && repetition(EEXIST, name, NULL))
		fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fail(errno, "create %s", name);
		return;
	}
	done();
	if (pwrite(fd, text, len, 0) != len || fsync(fd))
		fail(errno, "write %s", name);
	done();
	if (close(fd))
		fail(errno, "close %s", name);
	if (rename(name, other) && !repetition(ENOENT, other, name))
		fail(errno, "rename %s", name);
	done();
	if (!lstat(name, &st))
		fail(0, "%s is still there after its rename", name);
	fd = open(other, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fail(errno, "open %s", other);
		return;
	}
	if (read_full(fd, back, sizeof(back), 0) != len || memcmp(back, text, len))
		fail(0, "%s: read back something else", other);
	done();
	close(fd);
	if (n % 4 == 3) {
		if (unlink(other) && !repetition(ENOENT, NULL, other))
			fail(errno, "unlink %s", other);
		done();
	}
	atomic_fetch_add(&files, 1);
}

static volatile sig_atomic_t enough;

static void on_term(int number)
{
	enough = number;
}

static void *load_worker(void *arg)
{
	unsigned int id = (unsigned int)(uintptr_t)arg;
	int64_t end = now_ns(CLOCK_MONOTONIC) + seconds * 1000000000LL;
	char dir[PATH_MAX], other[PATH_MAX];
	unsigned long n, i;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s/load.%u.%d", dst, id, (int)getpid());
	if (mkdir(dir, 0755)) {
		fail(errno, "mkdir %s", dir);
		return NULL;
	}
	for (n = 0; !enough && now_ns(CLOCK_MONOTONIC) < end; n++)
		load_round(dir, n);
	for (i = 0; i < n; i++) {	/* nothing acknowledged may be lost */
		bool there;

		snprintf(other, sizeof(other), "%s/g%lu", dir, i);
		there = !lstat(other, &st);
		if (there != (i % 4 != 3))
			fail(0, "%s is %s at the end", other, there ? "back" : "lost");
	}
	return NULL;
}

static atomic_bool finished;

static void *progress_worker(void *arg)
{
	int fd = open(progress, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char line[64];

	if (fd < 0) {
		fail(errno, "open %s", progress);
		return arg;
	}
	while (!atomic_load(&finished)) {
		struct timespec ts = { .tv_nsec = 100 * 1000 * 1000 };
		int n = snprintf(line, sizeof(line), "%20lu %20lu\n", atomic_load(&ops),
				 atomic_load(&errors));

		if (pwrite(fd, line, n, 0) != n)
			break;
		nanosleep(&ts, NULL);
	}
	close(fd);
	return arg;
}

static void run(void *(*fn)(void *))
{
	pthread_t t[THREADS_MAX], p;
	unsigned int i;

	if (progress && pthread_create(&p, NULL, progress_worker, NULL))
		progress = NULL;
	for (i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, fn, (void *)(uintptr_t)i)) {
			fprintf(stderr, "harp-client: cannot start thread %u\n", i);
			exit(2);
		}
	for (i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	atomic_store(&finished, true);
	if (progress)
		pthread_join(p, NULL);
}

static void make_directories(void)
{
	char to[PATH_MAX];
	size_t i;

	for (i = 0; i < tree.n; i++) {	/* parents come first in the list */
		if (!S_ISDIR(tree.items[i].st.st_mode))
			continue;
		snprintf(to, sizeof(to), "%s/%s", dst, tree.items[i].path);
		if (mkdir(to, tree.items[i].st.st_mode & 07777) &&
		    !repetition(EEXIST, to, NULL))
			fail(errno, "mkdir %s", to);
		done();
	}
}

static int usage(void)
{
	fprintf(stderr,
		"usage: harp-client copy SRC DST | compare SRC DST | load DST --seconds N\n"
		"       [--threads 1..%d] [--progress FILE]\n", THREADS_MAX);
	return 2;
}

static void print_result(const char *what)
{
	const char *comma = "";
	int i;

	printf("{\"what\":\"%s\",\"operations\":%lu,\"errors\":%lu,\"repeated\":%lu,"
	       "\"files\":%lu,\"bytes\":%lu,\"worst_gap_ms\":%" PRId64 ",\"gaps\":[",
	       what, atomic_load(&ops), atomic_load(&errors), atomic_load(&repeated),
	       atomic_load(&files), atomic_load(&bytes), gaps[0].ns / 1000000);
	for (i = 0; i < GAPS && gaps[i].ns; i++, comma = ",")
		printf("%s{\"ms\":%" PRId64 ",\"end_ns\":%" PRId64 "}", comma,
		       gaps[i].ns / 1000000, gaps[i].end_ns);
	printf("]}\n");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *pos[2] = { NULL, NULL };
	struct list there = { 0 };
	int i, npos = 0;

	umask(0);		/* permissions are the source's */
	for (i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--threads") && i + 1 < argc)
			threads = strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
			seconds = strtol(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--progress") && i + 1 < argc)
			progress = argv[++i];
		else if (argv[i][0] != '-' && npos < 2)
			pos[npos++] = argv[i];
		else
			return usage();
	}
	if (!threads || threads > THREADS_MAX)
		return usage();
	if (!strcmp(what, "load") && npos == 1 && seconds > 0) {
		struct sigaction sa = { .sa_handler = on_term, .sa_flags = SA_RESTART };

		sigaction(SIGTERM, &sa, NULL);
		dst = pos[0];
		run(load_worker);
	} else if (!strcmp(what, "copy") && npos == 2) {
		src = pos[0];
		dst = pos[1];
		collect(&tree, src, "");
		make_directories();
		run(copy_worker);
	} else if (!strcmp(what, "compare") && npos == 2) {
		src = pos[0];
		dst = pos[1];
		collect(&tree, src, "");
		collect(&there, dst, "");
		if (there.n != tree.n)
			fail(0, "%zu names in %s, %zu expected", there.n, dst, tree.n);
		run(compare_worker);
	} else {
		return usage();
	}
	print_result(what);
	return atomic_load(&errors) ? 1 : 0;
}
