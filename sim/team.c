#define _GNU_SOURCE
#include "sim/team.h"

#include <limits.h>
#include <linux/futex.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_THREADS = 256 };

// The run of parts [next, end) that are left of a thread's share, next in the low half, on a line of its own.
typedef struct Share {
    _Alignas(64) _Atomic uint64_t left;
} Share;

typedef struct Helper {
    TwTeam *team;
    int own;
    pthread_t thread;
} Helper;

struct TwTeam {
    // of the loop: written before its shares are, read by who has a part of it at hand
    TwTeamPart *work;
    void *what;
    atomic_int threads;
    atomic_flag taken;
    int helpers;
    atomic_bool over;
    atomic_int asleep;                 // or about to be
    _Alignas(64) atomic_uint loops;    // begun so far; every other one goes back; helpers sleep on it
    _Alignas(64) atomic_int done;      // parts of the loop
    Share share[MOST_THREADS];
    Helper helper[MOST_THREADS];
};

enum { SPINS = 2000 };
enum { STACK_BYTES = 8 << 20 };    // of a helper, as a program's first thread has

static void spin(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// A part of a share, from its beginning or its end; -1: none is left. Whoever gets one holds the loop open, and sees
// all that stood before it began.
static int take(Share *share, bool from_end)
{
    uint64_t left = atomic_load_explicit(&share->left, memory_order_relaxed);
    for (;;) {
        uint32_t next = (uint32_t)left, end = (uint32_t)(left >> 32);
        if (next >= end) return -1;
        uint64_t rest = from_end ? (uint64_t)(end - 1) << 32 | next : (uint64_t)end << 32 | (next + 1);
        if (atomic_compare_exchange_weak_explicit(&share->left, &left, rest, memory_order_acquire,
                                                  memory_order_relaxed))
            return (int)(from_end ? end - 1 : next);
    }
}

// Parts of one's own share, then of the others'. One who comes late may find those of the next loop: as good.
static void work_along(TwTeam *team, int threads, int own, bool back)
{
    int done = 0;
    for (int k = 0, at = own; k < threads; k++, at = at + 1 == threads ? 0 : at + 1)
        for (int part; (part = take(&team->share[at], (at != own) != back)) >= 0; done++) team->work(team->what, part);
    if (done > 0) atomic_fetch_add_explicit(&team->done, done, memory_order_release);
}

// Until another loop has begun, or for no reason. On the counter itself: with a lock between them, a sleeper that has
// not come to run after its waking could hold up the caller.
static void sleep_after(TwTeam *team, unsigned loops)
{
    atomic_fetch_add(&team->asleep, 1);
    syscall(SYS_futex, &team->loops, FUTEX_WAIT_PRIVATE, loops, NULL, NULL, 0);
    atomic_fetch_sub(&team->asleep, 1);
}

static void wake_all(TwTeam *team)
{
    if (atomic_load(&team->asleep) > 0) syscall(SYS_futex, &team->loops, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

// One place of OpenMP each where its threads are bound to places: the caller is, and new threads stand where it does.
static void stand_apart(int own)
{
    int places = omp_get_num_places(), count;
    if (omp_get_proc_bind() == omp_proc_bind_false || places < 2) return;
    if ((count = omp_get_place_num_procs(own % places)) < 1 || count > CPU_SETSIZE) return;
    int *ids = malloc((size_t)count * sizeof *ids);
    if (!ids) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    omp_get_place_proc_ids(own % places, ids);
    for (int i = 0; i < count; i++)
        if (ids[i] >= 0 && ids[i] < CPU_SETSIZE) CPU_SET((size_t)ids[i], &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    free(ids);
}

static void *help(void *given)
{
    Helper *helper = given;
    TwTeam *team = helper->team;
    unsigned seen = 0;
    stand_apart(helper->own);
    for (int waited = 0; !atomic_load_explicit(&team->over, memory_order_acquire);) {
        unsigned loops = atomic_load_explicit(&team->loops, memory_order_acquire);
        int threads = atomic_load_explicit(&team->threads, memory_order_relaxed);
        if (loops != seen && helper->own < threads) {
            work_along(team, threads, helper->own, loops % 2 == 1);
            waited = 0;
        } else if (loops == seen && ++waited < SPINS) {
            spin();
        } else {
            sleep_after(team, loops);
        }
        seen = loops;
    }
    return NULL;
}

TwTeam *tw_team_create(void)
{
    TwTeam *team = aligned_alloc(64, sizeof *team);
    if (!team) return NULL;
    team->work = NULL;
    team->what = NULL;
    team->helpers = 0;
    atomic_init(&team->over, false);
    atomic_init(&team->threads, 1);
    atomic_init(&team->asleep, 0);
    atomic_init(&team->loops, 0);
    atomic_init(&team->done, 0);
    atomic_flag_clear(&team->taken);
    for (int i = 0; i < MOST_THREADS; i++) atomic_init(&team->share[i].left, 0);
    return team;
}

void tw_team_destroy(TwTeam *team)
{
    if (!team) return;
    atomic_store(&team->over, true);
    atomic_fetch_add(&team->loops, 1);
    wake_all(team);
    for (int i = 0; i < team->helpers; i++) pthread_join(team->helper[i].thread, NULL);
    free(team);
}

int tw_team_threads(void) { return omp_get_active_level() < omp_get_max_active_levels() ? omp_get_max_threads() : 1; }

// Signals are for the threads that there were before.
static void start_helpers(TwTeam *team, int count)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    if (team->helpers >= count || pthread_attr_init(&attributes) != 0) return;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (team->helpers < count) {
        Helper *helper = &team->helper[team->helpers];
        *helper = (Helper){.team = team, .own = team->helpers + 1};
        if (pthread_create(&helper->thread, &attributes, help, helper) != 0) break;
        team->helpers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

TwTeam *tw_team_open(TwTeam *team, int threads)
{
    threads = threads < MOST_THREADS ? threads : MOST_THREADS;
    if (!team || threads < 2 || atomic_flag_test_and_set_explicit(&team->taken, memory_order_acquire)) return NULL;
    start_helpers(team, threads - 1);
    atomic_store_explicit(&team->threads, threads, memory_order_relaxed);
    return team;
}

void tw_team_close(TwTeam *team)
{
    if (team) atomic_flag_clear_explicit(&team->taken, memory_order_release);
}

void tw_team_each(TwTeam *team, int parts, TwTeamPart *work, void *what)
{
    if (!team) {
        for (int part = 0; part < parts; part++) work(what, part);
        return;
    }
    int threads = atomic_load_explicit(&team->threads, memory_order_relaxed);
    team->work = work;
    team->what = what;
    atomic_store_explicit(&team->done, 0, memory_order_relaxed);
    for (int i = 0; i < threads; i++) {
        uint64_t next = (uint64_t)parts * (uint64_t)i / (uint64_t)threads;
        uint64_t end = (uint64_t)parts * (uint64_t)(i + 1) / (uint64_t)threads;
        atomic_store_explicit(&team->share[i].left, end << 32 | next, memory_order_release);
    }
    unsigned loops = atomic_fetch_add(&team->loops, 1) + 1;
    wake_all(team);
    work_along(team, threads, 0, loops % 2 == 1);
    for (int waited = 0; atomic_load_explicit(&team->done, memory_order_acquire) < parts; waited++)
        waited < SPINS ? spin() : (void)sched_yield();
}
