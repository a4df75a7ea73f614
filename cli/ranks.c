#include "cli/ranks.h"

#if TW_HAS_MPI
#include <mpi.h>
#include <pthread.h>
#include <string.h>

// Only the main thread of a rank speaks MPI. The first rank's hands out places of the list; it looks every millisecond,
// because a blocking receive would spin on a core that has work. Others keep one place ahead of their threads.
enum { ASK = 1, ANSWER = 2, MOST_WAITING = 256 };

typedef struct Ranks {
    TwDeal deal;
    int rank, size;
    pthread_mutex_t lock;
    pthread_cond_t news;
    int count, next;                    // first rank: of the list, and the next to give out
    int told;                           // first rank: others that know that the list is at its end
    int waiting[MOST_WAITING], held;    // others: places asked for ahead
    int wanted;                         // others: threads that wait
    bool asked, ended;
} Ranks;

static Ranks ranks;

static void begin(void *context, int count)
{
    Ranks *r = context;
    pthread_mutex_lock(&r->lock);
    r->count = count;
    r->next = r->told = r->held = r->wanted = 0;
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

// The first rank: answers everybody who asks. False once all know that nothing is left and its own threads have ended.
static bool serve_first(Ranks *r)
{
    for (;;) {
        int there = 0;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, ASK, MPI_COMM_WORLD, &there, &status);
        if (!there) break;
        int nothing;
        MPI_Recv(&nothing, 1, MPI_INT, status.MPI_SOURCE, ASK, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        pthread_mutex_lock(&r->lock);
        int place = r->next < r->count ? r->next++ : -1;
        if (place < 0) r->told++;
        pthread_mutex_unlock(&r->lock);
        MPI_Send(&place, 1, MPI_INT, status.MPI_SOURCE, ANSWER, MPI_COMM_WORLD);
    }
    return r->told < r->size - 1;
}

static bool serve_other(Ranks *r)
{
    int there = 0;
    if (r->asked) MPI_Iprobe(0, ANSWER, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
    if (there) {
        int place;
        MPI_Recv(&place, 1, MPI_INT, 0, ANSWER, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        pthread_mutex_lock(&r->lock);
        r->asked = false;
        if (place < 0)
            r->ended = true;
        else
            r->waiting[r->held++] = place;
        pthread_cond_broadcast(&r->news);
        pthread_mutex_unlock(&r->lock);
    }
    pthread_mutex_lock(&r->lock);
    // the next is asked for before the one in hand is begun
    bool ask = !r->asked && !r->ended && r->held <= r->wanted && r->held < MOST_WAITING, ended = r->ended;
    if (ask) r->asked = true;
    pthread_mutex_unlock(&r->lock);
    int nothing = 0;
    if (ask) MPI_Send(&nothing, 1, MPI_INT, 0, ASK, MPI_COMM_WORLD);
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

const TwDeal *tw_ranks_begin(void)
{
    int level;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    memset(&ranks, 0, sizeof ranks);
    MPI_Comm_rank(MPI_COMM_WORLD, &ranks.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks.size);
    pthread_mutex_init(&ranks.lock, NULL);
    pthread_cond_init(&ranks.news, NULL);
    ranks.deal = (TwDeal){&ranks, ranks.rank == 0, begin, next, serve, meet};
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
