// SPDX-License-Identifier: GPL-2.0
/*
 * harp-client: a client's work with every operation checked and timed.
 *
 *	harp-client copy SRC DST [--threads N] [--progress FILE]
 *	harp-client compare SRC DST [--threads N]
 *	harp-client load DST --seconds N --record FILE [--threads N] [--progress FILE]
 *	harp-client recheck DST --record FILE [--threads N] [--progress FILE]
 *
 * copy     copies the tree SRC to DST (which must not hold it yet), reads back each
 *	    file it wrote past the client's cache (O_DIRECT) and compares it.
 * compare  compares the trees: names, types, permissions, sizes, contents, links.
 * load     creates, writes, renames, reads back, links and removes files until the
 *	    time is over or SIGTERM comes; each acknowledged outcome is checked before
 *	    the next step. --record says afterwards how much was done.
 * recheck  looks for all that a load left, in a copy of DST as well: every file that
 *	    must be there is read and compared, and nothing else may be there. What
 *	    was acknowledged follows from the names. Whoever doubts his own caches
 *	    drops them first.
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
#define CONTENT_MAX 10000	/* a file of the load: three pages */

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

/* One directory of a load, which is one thread's. */
struct rounds {
	char dir[NAME_MAX];
	unsigned long n;
};

static const char *src, *dst, *progress, *record;
static unsigned int threads = 4;
static long seconds;

static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_done_ns;
static struct gap gaps[GAPS];	/* the longest first */
static atomic_ulong ops, errors, files, bytes, repeated;
static atomic_size_t next_item;
static struct list tree;
static struct rounds loads[THREADS_MAX];
static size_t nloads;

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

/*
 * What a round of the load leaves follows from its directory's name and its number,
 * so that it need not be kept anywhere: gN with its content, which was created as fN
 * and renamed; with it hN, another name of it, or sN, a symbolic link to it; or
 * nothing, because it was removed.
 */
enum round_kind { ALONE, LINKED, POINTED_AT, REMOVED, ROUND_KINDS };

struct names {
	char dir[PATH_MAX];
	char created[PATH_MAX + 32], kept[PATH_MAX + 32];
	char linked[PATH_MAX + 32], pointer[PATH_MAX + 32];
	char target[32];
};

static enum round_kind kind_of(unsigned long n)
{
	return n % ROUND_KINDS;
}

static void name_round(struct names *names, const char *dir, unsigned long n)
{
	snprintf(names->dir, sizeof(names->dir), "%s/%s", dst, dir);
	snprintf(names->target, sizeof(names->target), "g%lu", n);
	snprintf(names->created, sizeof(names->created), "%s/f%lu", names->dir, n);
	snprintf(names->kept, sizeof(names->kept), "%s/%s", names->dir, names->target);
	snprintf(names->linked, sizeof(names->linked), "%s/h%lu", names->dir, n);
	snprintf(names->pointer, sizeof(names->pointer), "%s/s%lu", names->dir, n);
}

static bool must_be(const char *name, unsigned long rounds)
{
	unsigned long n;
	char again[32], letter;

	if (sscanf(name, "%c%lu", &letter, &n) != 2 || n >= rounds)
		return false;
	snprintf(again, sizeof(again), "%c%lu", letter, n);
	if (strcmp(again, name))
		return false;
	switch (letter) {
	case 'g':
		return kind_of(n) != REMOVED;
	case 'h':
		return kind_of(n) == LINKED;
	case 's':
		return kind_of(n) == POINTED_AT;
	default:
		return false;
	}
}

static uint64_t mix(uint64_t x)		/* splitmix64 */
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* The bytes of a round's file; returns how many. */
static size_t content_of(const char *dir, unsigned long n, char *buf)
{
	uint64_t seed = mix(n), word;
	size_t len, at;

	for (; *dir; dir++)
		seed = mix(seed ^ (unsigned char)*dir);
	len = 1 + seed % CONTENT_MAX;
	for (at = 0; at < len; at += sizeof(word)) {
		word = mix(seed + at);
		memcpy(buf + at, &word, len - at < sizeof(word) ? len - at : sizeof(word));
	}
	return len;
}

static void check_absent(const char *path)
{
	struct stat st;

	if (!lstat(path, &st))
		fail(0, "%s is there, and must not be", path);
	else if (errno != ENOENT)
		fail(errno, "%s", path);
}

/* The whole file is what the round wrote. */
static void check_content(const struct names *names, const char *dir, unsigned long n)
{
	char want[CONTENT_MAX], got[CONTENT_MAX + 1];
	size_t len = content_of(dir, n, want), at = 0;
	int fd = open(names->kept, O_RDONLY | O_CLOEXEC);
	ssize_t r;

	if (fd < 0) {
		fail(errno, "open %s", names->kept);
		return;
	}
	r = read_full(fd, got, sizeof(got), 0);
	if (r < 0) {
		fail(errno, "read %s", names->kept);
	} else if ((size_t)r != len) {
		fail(0, "%s: %zd bytes could be read, %zu were written", names->kept, r, len);
	} else if (memcmp(got, want, len)) {
		while (got[at] == want[at])
			at++;
		fail(0, "%s: byte %zu is not what was written", names->kept, at);
	}
	done();
	close(fd);
	atomic_fetch_add(&bytes, len);
}

/*
 * A new file, open; also when an earlier sending of the request made it. An exclusive
 * CREATE of NFSv3 sets no mode: a client does that next, if it is told of success.
 */
static int create(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0 && repetition(EEXIST, name, NULL)) {
		fd = open(name, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && fchmod(fd, 0640))
			fail(errno, "chmod %s", name);
	}
	if (fd < 0)
		fail(errno, "create %s", name);
	return fd;
}

/* What a round does last, by its kind. */
static void finish_round(const struct names *names, enum round_kind kind)
{
	switch (kind) {
	case ALONE:
		return;
	case LINKED:
		if (link(names->kept, names->linked) &&
		    !repetition(EEXIST, names->linked, NULL))
			fail(errno, "link %s", names->linked);
		break;
	case POINTED_AT:
		if (symlink(names->target, names->pointer) &&
		    !repetition(EEXIST, names->pointer, NULL))
			fail(errno, "symlink %s", names->pointer);
		break;
	default:
		if (unlink(names->kept) && !repetition(ENOENT, NULL, names->kept))
			fail(errno, "unlink %s", names->kept);
	}
	done();
}

/* One round of the load: every answer is checked against what must be true. */
static void load_round(const char *dir, unsigned long n)
{
	char text[CONTENT_MAX];
	size_t len = content_of(dir, n, text);
	struct names names;
	int fd;

	name_round(&names, dir, n);
	fd = create(names.created);
	if (fd < 0)
		return;
	done();
	if (pwrite(fd, text, len, 0) != (ssize_t)len || fsync(fd))
		fail(errno, "write %s", names.created);
	done();
	if (close(fd))
		fail(errno, "close %s", names.created);
	if (rename(names.created, names.kept) &&
	    !repetition(ENOENT, names.kept, names.created))
		fail(errno, "rename %s", names.created);
	done();
	check_absent(names.created);
	check_content(&names, dir, n);
	finish_round(&names, kind_of(n));
	atomic_fetch_add(&files, 1);
}

static volatile sig_atomic_t enough;

static void on_term(int number)
{
	enough = number;
}

static void *load_worker(void *arg)
{
	struct rounds *mine = &loads[(uintptr_t)arg];
	int64_t end = now_ns(CLOCK_MONOTONIC) + seconds * 1000000000LL;
	char path[PATH_MAX];

	snprintf(mine->dir, sizeof(mine->dir), "load.%u.%d", (unsigned int)(uintptr_t)arg,
		 (int)getpid());
	snprintf(path, sizeof(path), "%s/%s", dst, mine->dir);
	if (mkdir(path, 0755)) {
		fail(errno, "mkdir %s", path);
		return NULL;
	}
	for (; !enough && now_ns(CLOCK_MONOTONIC) < end; mine->n++)
		load_round(mine->dir, mine->n);
	return NULL;
}

/* Type, permissions and names of what a round left; false when nothing is there. */
static bool check_attributes(const struct names *names, enum round_kind kind)
{
	nlink_t links = kind == LINKED ? 2 : 1;
	struct stat st, other;

	if (lstat(names->kept, &st)) {
		fail(errno, "%s", names->kept);
		return false;
	}
	done();
	if (st.st_mode != (S_IFREG | 0640) || st.st_nlink != links)
		fail(0, "%s: mode %o and %ju names, expected %o and %ju", names->kept,
		     st.st_mode, (uintmax_t)st.st_nlink, S_IFREG | 0640, (uintmax_t)links);
	if (kind != LINKED)
		return true;
	if (lstat(names->linked, &other))
		fail(errno, "%s", names->linked);
	else if (other.st_ino != st.st_ino)
		fail(0, "%s is another file than %s", names->linked, names->kept);
	done();
	return true;
}

static void check_pointer(const struct names *names)
{
	char target[PATH_MAX];
	ssize_t n = readlink(names->pointer, target, sizeof(target) - 1);

	if (n < 0) {
		fail(errno, "readlink %s", names->pointer);
		return;
	}
	target[n] = '\0';
	if (strcmp(target, names->target))
		fail(0, "%s points at %s, expected %s", names->pointer, target, names->target);
	done();
}

static void recheck_round(const char *dir, unsigned long n)
{
	enum round_kind kind = kind_of(n);
	struct names names;

	name_round(&names, dir, n);
	check_absent(names.created);
	if (kind == REMOVED)
		check_absent(names.kept);
	else if (check_attributes(&names, kind))
		check_content(&names, dir, n);
	if (kind == POINTED_AT)
		check_pointer(&names);
	atomic_fetch_add(&files, 1);
}

/* Nothing is listed but what a round left. */
static void recheck_names(const struct rounds *load)
{
	char path[PATH_MAX];
	struct dirent *de;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dst, load->dir);
	d = opendir(path);
	if (!d) {
		fail(errno, "opendir %s", path);
		return;
	}
	while ((errno = 0, de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, "..") &&
		    !must_be(de->d_name, load->n))
			fail(0, "%s/%s is listed, and must not be there", path, de->d_name);
	if (errno)
		fail(errno, "readdir %s", path);
	closedir(d);
}

static void *recheck_worker(void *arg)
{
	size_t i;

	while ((i = atomic_fetch_add(&next_item, 1)) < nloads) {
		recheck_names(&loads[i]);
		for (unsigned long n = 0; n < loads[i].n; n++)
			recheck_round(loads[i].dir, n);
	}
	return arg;
}

static void write_record(void)
{
	FILE *file = fopen(record, "we");
	unsigned int i;

	for (i = 0; file && i < threads; i++)
		fprintf(file, "%s %lu\n", loads[i].dir, loads[i].n);
	if (!file || ferror(file) | fclose(file))
		fail(errno, "write %s", record);
}

static void read_record(void)
{
	FILE *file = fopen(record, "re");

	if (!file) {
		fail(errno, "open %s", record);
		return;
	}
	while (nloads < THREADS_MAX &&
	       fscanf(file, "%254s %lu\n", loads[nloads].dir, &loads[nloads].n) == 2)
		nloads++;
	if (!feof(file) || !nloads)
		fail(0, "%s is no record of a load", record);
	fclose(file);
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
		"usage: harp-client copy SRC DST | compare SRC DST |\n"
		"       load DST --seconds N --record FILE | recheck DST --record FILE\n"
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
		else if (!strcmp(argv[i], "--record") && i + 1 < argc)
			record = argv[++i];
		else if (argv[i][0] != '-' && npos < 2)
			pos[npos++] = argv[i];
		else
			return usage();
	}
	if (!threads || threads > THREADS_MAX)
		return usage();
	if (!strcmp(what, "load") && npos == 1 && seconds > 0 && record) {
		struct sigaction sa = { .sa_handler = on_term, .sa_flags = SA_RESTART };

		sigaction(SIGTERM, &sa, NULL);
		dst = pos[0];
		run(load_worker);
		write_record();
	} else if (!strcmp(what, "recheck") && npos == 1 && record) {
		dst = pos[0];
		read_record();
		run(recheck_worker);
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
