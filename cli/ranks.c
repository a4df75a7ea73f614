#include "cli/ranks.h"

#if TW_HAS_MPI
#include <mpi.h>
#include <pthread.h>
#include <string.h>

// Only the main thread of a rank speaks MPI. The first rank's hands out places of the list, several at once while many
// are left; it looks every few milliseconds, because a blocking receive would spin on a core that has work. Others ask
// for more before they have run out.
enum { ASK = 1, ANSWER = 2, MOST_WAITING = 16 };

typedef struct Ranks {
    TwDeal deal;
    int rank, size;
    pthread_mutex_t lock;
    pthread_cond_t news;
    int count, next;                    // first rank: of the list, and the next to give out
    int told;                           // first rank: others that know that the list is at its end
    int waiting[MOST_WAITING], held;    // others: places that they were given, last first
    int given;                          // others: so many at the last time
    int wanted;                         // others: threads that wait
    bool asked, ended;
} Ranks;

static Ranks ranks;

static void begin(void *context, int count)
{
    Ranks *r = context;
    pthread_mutex_lock(&r->lock);
    r->count = count;
    r->next = r->told = r->held = r->wanted = r->given = 0;
    r->asked = r->ended = false;
    pthread_mutex_unlock(&r->lock);
}

static int next(void *context)
{
    Ranks *r = context;
    int place = -1;
    pthread_mutex_lock(&r->lock);
    if (r->rank == 0) {
        if (r->next < r->count) place = r->next++;
    } else {
        r->wanted++;
        while (r->held == 0 && !r->ended) pthread_cond_wait(&r->news, &r->lock);
        if (r->held) place = r->waiting[--r->held];
        r->wanted--;
    }
    pthread_mutex_unlock(&r->lock);
    return place;
}

static int dealt(void *context)
{
    Ranks *r = context;
    pthread_mutex_lock(&r->lock);
    int count = r->next;
    pthread_mutex_unlock(&r->lock);
    return count;
}

// The first rank: answers everybody who asks. False once all know that nothing is left.
static bool serve_first(Ranks *r)
{
    for (;;) {
        int there = 0;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, ASK, MPI_COMM_WORLD, &there, &status);
        if (!there) break;
        int most, places[MOST_WAITING], n = 0;
        MPI_Recv(&most, 1, MPI_INT, status.MPI_SOURCE, ASK, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        pthread_mutex_lock(&r->lock);
        // an eighth of an even share: the last ones go out one by one
        int some = (r->count - r->next) / (8 * r->size);
        if (some > most) some = most;
        do
            if (r->next < r->count) places[n++] = r->next++;
        while (n > 0 && n < some);
        if (n == 0) r->told++;
        pthread_mutex_unlock(&r->lock);
        MPI_Send(places, n, MPI_INT, status.MPI_SOURCE, ANSWER, MPI_COMM_WORLD);
    }
    return r->told < r->size - 1;
}

static bool serve_other(Ranks *r)
{
    int there = 0;
    MPI_Status status;
    if (r->asked) MPI_Iprobe(0, ANSWER, MPI_COMM_WORLD, &there, &status);
    if (there) {
        int places[MOST_WAITING], n;
        MPI_Get_count(&status, MPI_INT, &n);
        MPI_Recv(places, n, MPI_INT, 0, ANSWER, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        pthread_mutex_lock(&r->lock);
        r->asked = false;
        r->ended = n == 0;
        r->given = n;
        // what is held already is run first
        memmove(r->waiting + n, r->waiting, (size_t)r->held * sizeof *r->waiting);
        for (int i = 0; i < n; i++) r->waiting[n - 1 - i] = places[i];
        r->held += n;
        pthread_cond_broadcast(&r->news);
        pthread_mutex_unlock(&r->lock);
    }
    pthread_mutex_lock(&r->lock);
    // more are asked for while half of the last ones are to be done
    bool ask = !r->asked && !r->ended && r->held <= (r->given + 1) / 2 && r->held < MOST_WAITING, ended = r->ended;
    int most = MOST_WAITING - r->held;
    if (ask) r->asked = true;
    pthread_mutex_unlock(&r->lock);
    if (ask) MPI_Send(&most, 1, MPI_INT, 0, ASK, MPI_COMM_WORLD);
    return !ended;
}

static bool serve(void *context)
{
    Ranks *r = context;
    return r->rank == 0 ? serve_first(r) : serve_other(r);
}

static bool meet(void *context, bool good)
{
    (void)context;
    int mine = good, all = 0;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
    return all != 0;
}

static void gather(void *context, const void *mine, int bytes, void *all)
{
    (void)context;
    MPI_Allgather(mine, bytes, MPI_BYTE, all, bytes, MPI_BYTE, MPI_COMM_WORLD);
}

const TwDeal *tw_ranks_begin(void)
{
    int level;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    memset(&ranks, 0, sizeof ranks);
    MPI_Comm_rank(MPI_COMM_WORLD, &ranks.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks.size);
    pthread_mutex_init(&ranks.lock, NULL);
    pthread_cond_init(&ranks.news, NULL);
    ranks.deal = (TwDeal){.context = &ranks,
                          .first = ranks.rank == 0,
                          .rank = ranks.rank,
                          .size = ranks.size,
                          .begin = begin,
                          .next = next,
                          .dealt = dealt,
                          .serve = serve,
                          .meet = meet,
                          .gather = gather};
    return ranks.size > 1 ? &ranks.deal : NULL;
}

void tw_ranks_end(void)
{
    MPI_Finalize();
    pthread_mutex_destroy(&ranks.lock);
    pthread_cond_destroy(&ranks.news);
}

#else

const TwDeal *tw_ranks_begin(void) { return NULL; }
void tw_ranks_end(void) {}

#endif
