#include "twin/live.h"

#include "sim/handover.h"
#include "sim/progress.h"
#include "twin/scene_copy.h"
#include "twin/scene_maker.h"
#include "twin/story.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ORDERS = 256, STATES = 2000 };

static const double frame_s = 1.0 / 60.0;    // pictures come no faster

typedef enum OrderKind { PAUSE, SPEED, STEP, SEEK, ACT, SET, FORK, SELECT, SAVE, QUIT } OrderKind;

typedef struct Order {
    OrderKind kind;
    bool yes;
    double value;
    TwAsk ask;
    char text[512];
} Order;

// One future: the state, its history and which acts it has seen.
typedef struct Branch {
    TwState *state;
    TwSceneMaker *maker;
    double recorded_s;    // history reaches so far
    int next;             // act that comes next
} Branch;

// A full state of a time; reference: NULL before a fork.
typedef struct Kept {
    double time_s;
    int next;
    unsigned char *main, *reference;
} Kept;

typedef struct Slot {
    TwSceneCopy scene, reference;
    TwAct *acts;
    int act_room;
    TwLiveShot shot;
} Slot;

struct TwLive {
    const TwPlant *plant;
    TwLiveOptions options;
    pthread_t thread;
    bool started;
    int threads;

    // between the threads
    pthread_mutex_t lock;    // of the queue of orders, never held while a window is simulated or drawn
    pthread_cond_t ordered;
    Order orders[ORDERS];
    int first, count;
    TwHandover handover;
    Slot slots[3];
    atomic_bool woken;
    void (*wake)(void *context);
    void *wake_context;

    // of the engine's thread
    Branch main, reference;    // reference.state NULL: no fork
    TwScene lasting;           // racks and quantities of this facility
    double fork_s;
    int fork_acts;      // acts of before the fork, which the reference shares
    bool forked_now;    // and not advanced since
    TwAct *acts;
    int act_count, act_room;
    Kept kept[STATES];
    int kept_count;
    double keep_wall_s, keep_cost_s;    // when a state was kept last, what it took
    bool paused, quit, dirty, to_event;
    int steps;    // ticks to go although paused
    double speed, reached;
    double anchor_wall_s, anchor_s;      // the wanted pace is counted from here
    double measure_wall_s, measure_s;    // and the reached one from here
    double shown_wall_s, shown_cost_s;
    long ticks;
    int note_number;
    bool note_bad, broken;
    char note[240];
};

static double now_s(const TwLive *l) { return tw_state_time_s(l->main.state); }
static bool at_end(const TwLive *l) { return now_s(l) >= l->plant->run.for_s; }

static void note(TwLive *l, bool bad, const char *format, ...) TW_PRINTF(3, 4);
static void note(TwLive *l, bool bad, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(l->note, sizeof l->note, format, list);
    va_end(list);
    l->note_bad = bad;
    l->note_number++;
    l->dirty = true;
}

static void anchor(TwLive *l)
{
    l->anchor_wall_s = l->measure_wall_s = tw_wall_s();
    l->anchor_s = l->measure_s = now_s(l);
    l->reached = isfinite(l->speed) ? l->speed : 0.0;    // until there is something to measure
}

// --- pictures -------------------------------------------------------------------------------------------------------

static void publish(TwLive *l)
{
    double begun_s = tw_wall_s();
    Slot *slot = &l->slots[l->handover.writing];
    tw_scene_copy(&slot->scene, tw_scene_maker_scene(l->main.maker, l->main.state), &l->lasting);
    TwScene *s = &slot->scene.scene;
    s->live = true;
    s->paused = l->paused && !l->to_event;
    s->speed = s->paused ? 0.0 : l->reached;
    s->speed_wanted = l->to_event ? INFINITY : l->speed;
    if (l->broken) snprintf(s->banner, sizeof s->banner, "stopped: %.110s", l->note);
    if (l->act_count > slot->act_room) {
        slot->act_room = 2 * l->act_count;
        slot->acts = realloc(slot->acts, (size_t)slot->act_room * sizeof *slot->acts);
        if (!slot->acts) abort();
    }
    if (l->act_count) memcpy(slot->acts, l->acts, (size_t)l->act_count * sizeof *slot->acts);
    slot->shot = (TwLiveShot){.scene = s,
                              .fork_s = NAN,
                              .recorded_s = l->main.recorded_s,
                              .acts = slot->acts,
                              .act_count = l->act_count,
                              .acts_done = l->main.next,
                              .ticks = l->ticks,
                              .states = l->kept_count,
                              .note_number = l->note_number,
                              .note_bad = l->note_bad};
    snprintf(slot->shot.note, sizeof slot->shot.note, "%s", l->note);
    if (l->reference.state) {
        // before its first tick the last window is that of both
        const TwState *state = l->forked_now ? l->main.state : l->reference.state;
        tw_scene_copy(&slot->reference, tw_scene_maker_scene(l->reference.maker, state), &l->lasting);
        slot->reference.scene.live = true;
        slot->reference.scene.paused = s->paused;
        slot->shot.reference = &slot->reference.scene;
        slot->shot.fork_s = l->fork_s;
    }
    tw_handover_give(&l->handover);
    l->dirty = false;
    l->shown_wall_s = tw_wall_s();
    l->shown_cost_s = l->shown_wall_s - begun_s;
    pthread_mutex_lock(&l->lock);
    if (l->wake && !atomic_exchange(&l->woken, true)) l->wake(l->wake_context);
    pthread_mutex_unlock(&l->lock);
}

// At most 60 a second, and no more than a fifth of the engine's time.
static void publish_if_due(TwLive *l)
{
    if (l->dirty && tw_wall_s() - l->shown_wall_s >= fmax(frame_s, 4.0 * l->shown_cost_s)) publish(l);
}

const TwLiveShot *tw_live_shot(TwLive *l)
{
    atomic_store(&l->woken, false);
    tw_handover_take(&l->handover);
    return &l->slots[l->handover.reading].shot;
}

// --- the ring of states ---------------------------------------------------------------------------------------------

static void drop_kept(TwLive *l, int from, int count)
{
    for (int i = from; i < from + count; i++) {
        free(l->kept[i].main);
        free(l->kept[i].reference);
    }
    memmove(&l->kept[from], &l->kept[from + count], (size_t)(l->kept_count - from - count) * sizeof *l->kept);
    l->kept_count -= count;
}

static size_t kept_bytes(const TwLive *l)
{
    size_t bytes = 0;
    for (int i = 0; i < l->kept_count; i++) bytes += l->plant->state_bytes * (l->kept[i].reference ? 2 : 1);
    return bytes;
}

// The one whose gap is smallest against its age goes; the beginning stays.
static void thin(TwLive *l)
{
    while (l->kept_count > 2 && (l->kept_count > STATES - 1 || kept_bytes(l) > l->options.ring_bytes)) {
        int least = 1;
        double best = INFINITY, newest = l->kept[l->kept_count - 1].time_s;
        for (int i = 1; i + 1 < l->kept_count; i++) {
            double gap = l->kept[i + 1].time_s - l->kept[i - 1].time_s, age = newest - l->kept[i].time_s + 1e-9;
            if (gap / age < best) best = gap / age, least = i;
        }
        drop_kept(l, least, 1);
    }
    // a factory so large that not even the beginning fits is begun anew
    if (l->plant->state_bytes > l->options.ring_bytes) drop_kept(l, 0, l->kept_count);
}

static unsigned char *copy_block(const TwLive *l, const TwState *state)
{
    unsigned char *bytes = malloc(l->plant->state_bytes);
    if (bytes) memcpy(bytes, tw_state_block(state), l->plant->state_bytes);
    return bytes;
}

static void keep(TwLive *l)
{
    double begun_s = tw_wall_s();
    if (l->plant->state_bytes > l->options.ring_bytes) return;
    int at = l->kept_count;
    while (at > 0 && l->kept[at - 1].time_s >= now_s(l)) at--;
    if (at < l->kept_count && l->kept[at].time_s == now_s(l)) drop_kept(l, at, 1);
    Kept kept = {.time_s = now_s(l), .next = l->main.next, .main = copy_block(l, l->main.state)};
    if (l->reference.state) kept.reference = copy_block(l, l->reference.state);
    if (!kept.main) {
        free(kept.reference);
        return;
    }
    memmove(&l->kept[at + 1], &l->kept[at], (size_t)(l->kept_count - at) * sizeof *l->kept);
    l->kept[at] = kept;
    l->kept_count++;
    thin(l);
    l->keep_wall_s = tw_wall_s();
    l->keep_cost_s = l->keep_wall_s - begun_s;
}

// --- time -----------------------------------------------------------------------------------------------------------

static bool inject(const TwLive *l, Branch *b, const TwAct *act)
{
    TwEventPlan begin;
    TwError error = {0};
    const TwEventWord *word = tw_event_word(act->ask.word);
    if (!tw_ask_resolve(l->plant, &act->ask, &begin, &error)) return false;
    bool good = tw_state_inject(b->state, (TwEventKind)word->kind, act->time_s, begin.target, begin.value);
    if (word->spans && isfinite(act->ask.for_s))
        good = good && tw_state_inject(b->state, (TwEventKind)word->end, act->time_s + act->ask.for_s, begin.target,
                                       begin.value);
    return good;
}

static void due_acts(const TwLive *l, Branch *b, int acts)
{
    double at_s = tw_state_time_s(b->state);
    for (; b->next < acts && l->acts[b->next].time_s <= at_s; b->next++) inject(l, b, &l->acts[b->next]);
}

// One tick of the exchange interval of one future, with the acts that are due in it.
static bool tick(TwLive *l, Branch *b, int acts, TwError *error)
{
    const TwPlant *plant = l->plant;
    double at_s = tw_state_time_s(b->state);
    due_acts(l, b, acts);
    double tick_s = (floor(at_s / plant->exchange_s + 1e-6) + 1.0) * plant->exchange_s;
    if (!tw_state_advance(b->state, fmin(tick_s, plant->run.for_s), NULL, NULL, error)) return false;
    if (tw_state_time_s(b->state) > b->recorded_s) {
        tw_scene_maker_sample(b->maker, b->state);
        b->recorded_s = tw_state_time_s(b->state);
    }
    return true;
}

static bool both_tick(TwLive *l)
{
    double begun_s = tw_wall_s();
    TwError error = {0};
    bool good = tick(l, &l->main, l->act_count, &error);
    if (good && l->reference.state) good = tick(l, &l->reference, l->fork_acts, &error);
    l->forked_now = false;
    l->ticks++;
    l->dirty = true;
    if (!good) {
        l->paused = l->broken = true;
        note(l, true, "%s", error.text);
        return false;
    }
    double left_s = l->options.step_wall_s - (tw_wall_s() - begun_s);
    if (left_s > 0.0) nanosleep(&(struct timespec){(time_t)left_s, (long)((left_s - floor(left_s)) * 1e9)}, NULL);
    double wall_s = tw_wall_s();
    if (wall_s - l->keep_wall_s > fmax(0.25, 20.0 * l->keep_cost_s)) keep(l);
    if (wall_s - l->measure_wall_s >= 1.0) {
        l->reached = (now_s(l) - l->measure_s) / (wall_s - l->measure_wall_s);
        l->measure_wall_s = wall_s;
        l->measure_s = now_s(l);
    }
    return true;
}

static bool waiting_seek(TwLive *l)
{
    pthread_mutex_lock(&l->lock);
    bool waits = false;
    for (int i = 0; i < l->count; i++) {
        OrderKind kind = l->orders[(l->first + i) % ORDERS].kind;
        waits = waits || kind == SEEK || kind == QUIT;
    }
    pthread_mutex_unlock(&l->lock);
    return waits;
}

static void begin_again(TwLive *l)
{
    TwError error = {0};
    TwState *fresh;
    if (!tw_state_create(&fresh, l->plant, &error)) {
        note(l, true, "%s", error.text);
        return;
    }
    tw_state_set_block(l->main.state, tw_state_block(fresh));
    if (l->reference.state) tw_state_set_block(l->reference.state, tw_state_block(fresh));
    tw_state_destroy(fresh);
    l->main.next = l->reference.next = 0;
}

static void restore(TwLive *l, const Kept *kept)
{
    tw_state_set_block(l->main.state, kept->main);
    l->main.next = kept->next;
    if (!l->reference.state) return;
    tw_state_set_block(l->reference.state, kept->reference ? kept->reference : kept->main);
    l->reference.next = kept->next < l->fork_acts ? kept->next : l->fork_acts;
}

// The nearest full state before, then forward; a newer wish to be elsewhere ends it.
static void seek(TwLive *l, double time_s)
{
    double exchange_s = l->plant->exchange_s;
    time_s = ceil(fmin(fmax(time_s, exchange_s), l->main.recorded_s) / exchange_s - 1e-6) * exchange_s;
    time_s = fmin(time_s, l->main.recorded_s);
    l->paused = true;
    l->steps = 0;
    l->to_event = l->broken = false;
    if (now_s(l) >= l->main.recorded_s) keep(l);    // to come back here quickly
    bool back = time_s < now_s(l) - 1e-6;
    int at = l->kept_count - 1;
    while (at >= 0 && l->kept[at].time_s > time_s - 1e-6) at--;
    if (at >= 0 && (back || l->kept[at].time_s > now_s(l)))
        restore(l, &l->kept[at]);
    else if (back)
        begin_again(l);
    while (now_s(l) < time_s - 1e-6 && both_tick(l)) {
        if (waiting_seek(l)) break;
        publish_if_due(l);
    }
    l->reached = 0.0;
    l->dirty = true;
}

// --- orders ---------------------------------------------------------------------------------------------------------

static void drop_fork(TwLive *l)
{
    tw_state_destroy(l->reference.state);
    tw_scene_maker_destroy(l->reference.maker);
    l->reference = (Branch){0};
    l->fork_s = NAN;
    for (int i = 0; i < l->kept_count; i++) {
        free(l->kept[i].reference);
        l->kept[i].reference = NULL;
    }
}

// From here on the run goes another way: what was recorded of later is forgotten.
static void cut(TwLive *l)
{
    double at_s = now_s(l);
    due_acts(l, &l->main, l->act_count);
    if (l->main.recorded_s > at_s) {
        tw_scene_maker_cut(l->main.maker, at_s);
        l->main.recorded_s = at_s;
        int left = 0;
        while (left < l->kept_count && l->kept[left].time_s <= at_s) left++;
        drop_kept(l, left, l->kept_count - left);
    }
    l->act_count = l->main.next;
    if (l->reference.state && l->fork_s > at_s) drop_fork(l);
}

static void fork_now(TwLive *l)
{
    due_acts(l, &l->main, l->act_count);
    TwState *copy = tw_state_fork(l->main.state);
    if (!copy) {
        note(l, true, "no memory for a fork of %.0f MB", (double)l->plant->state_bytes * 1e-6);
        return;
    }
    if (l->reference.state) drop_fork(l);
    // forked in the past, the reference keeps what was recorded of later
    l->reference = (Branch){copy, tw_scene_maker_copy(l->main.maker), l->main.recorded_s, l->main.next};
    l->fork_s = now_s(l);
    l->forked_now = true;
    cut(l);
    l->fork_acts = l->main.next;
    note(l, false, "Forked at %.6g s: the present goes on as the grey reference", l->fork_s);
}

// Acts of one instant may not contradict each other, or no file could say them.
static bool fits(const TwLive *l, const TwEventPlan *begin, TwError *error)
{
    TwEventPlan mine = *begin;
    mine.at_ns = llround(now_s(l) * 1e9);
    for (int i = 0; i < l->plant->event_count; i++)
        if (tw_events_contradict(&l->plant->events[i], &mine) || tw_events_contradict(&mine, &l->plant->events[i]))
            return tw_fail(error, TW_BAD_INPUT, "this contradicts a scripted event of this instant: step first");
    for (int i = 0; i < l->act_count; i++) {
        TwEventPlan other;
        if (l->acts[i].time_s != now_s(l) || !tw_ask_resolve(l->plant, &l->acts[i].ask, &other, NULL)) continue;
        other.at_ns = mine.at_ns;
        if (tw_events_contradict(&other, &mine) || tw_events_contradict(&mine, &other))
            return tw_fail(error, TW_BAD_INPUT, "this contradicts an act of this instant: step first");
    }
    return true;
}

static void act(TwLive *l, const TwAsk *ask)
{
    TwError error = {0};
    TwEventPlan begin;
    if (at_end(l)) {
        note(l, true, "the run is at its end: go back to change something");
        return;
    }
    if (!tw_ask_resolve(l->plant, ask, &begin, &error) || !fits(l, &begin, &error)) {
        note(l, true, "%s", error.text);
        return;
    }
    cut(l);
    if (l->act_count == l->act_room) {
        l->act_room = l->act_room ? 2 * l->act_room : 32;
        l->acts = realloc(l->acts, (size_t)l->act_room * sizeof *l->acts);
        if (!l->acts) abort();
    }
    l->acts[l->act_count] = (TwAct){now_s(l), *ask};
    // it acts now, so that a full queue is told at once
    if (!inject(l, &l->main, &l->acts[l->act_count])) {
        note(l, true, "%s: too many events lie ahead", ask->word);
        return;
    }
    l->act_count++;
    l->main.next = l->act_count;
    const TwEventWord *word = tw_event_word(ask->word);
    char value[48] = "", span[48] = "";
    if (word->setting && isfinite(ask->value)) snprintf(value, sizeof value, " %.6g %s", ask->value, word->unit);
    if (word->spans && isfinite(ask->for_s)) snprintf(span, sizeof span, " for %.6g s", ask->for_s);
    note(l, false, "%s%s%s%s%s", ask->word, ask->target[0] ? " " : "", ask->target, value, span);
}

static void save(TwLive *l, const char *path)
{
    TwError error = {0};
    char other[540] = "";
    bool good = tw_session_save(l->plant, l->options.base, l->acts, l->main.next, now_s(l), path, &error);
    if (good && l->reference.state) {
        const char *dot = strrchr(path, '.');
        int stem = dot && !strchr(dot, '/') ? (int)(dot - path) : (int)strlen(path);
        snprintf(other, sizeof other, "%.*s-reference%s", stem, path, path + stem);
        good = tw_session_save(l->plant, l->options.base, l->acts, l->fork_acts, now_s(l), other, &error);
    }
    if (good)
        note(l, false, "Saved %.100s%s%.100s; tokenworks run it for the same result", path, other[0] ? " and " : "",
             other);
    else
        note(l, true, "%s", error.text);
}

static void obey(TwLive *l, const Order *order)
{
    TwAsk ask;
    TwError error = {0};
    l->dirty = true;
    switch (order->kind) {
    case PAUSE:
        l->paused = order->yes;
        l->to_event = false;
        l->steps = 0;
        anchor(l);
        break;
    case SPEED:
        l->speed = order->value;
        anchor(l);
        break;
    case STEP:
        l->paused = true;
        l->to_event = order->yes;
        l->steps += !order->yes;
        anchor(l);
        break;
    case SEEK:
        seek(l, order->value);
        break;
    case ACT:
        act(l, &order->ask);
        break;
    case SET:
        if (tw_ask_setting(l->plant, order->text, &ask, &error))
            act(l, &ask);
        else
            note(l, true, "%s", error.text);
        break;
    case FORK:
        if (order->yes)
            fork_now(l);
        else
            drop_fork(l);
        break;
    case SELECT:
        tw_scene_maker_select(l->main.maker, (int)order->value);
        break;
    case SAVE:
        save(l, order->text);
        break;
    case QUIT:
        l->quit = true;
        break;
    }
}

// Takes the next order; waits for it at most so long. Of several wishes to be elsewhere the last counts.
static bool take_order(TwLive *l, double wait_s, Order *order)
{
    pthread_mutex_lock(&l->lock);
    if (isinf(wait_s)) {
        while (l->count == 0) pthread_cond_wait(&l->ordered, &l->lock);
    } else if (l->count == 0 && wait_s > 0.0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = until.tv_nsec + (int64_t)(fmin(wait_s, 1e6) * 1e9);
        until.tv_sec += (time_t)(ns / 1000000000);
        until.tv_nsec = (long)(ns % 1000000000);
        pthread_cond_timedwait(&l->ordered, &l->lock, &until);
    }
    bool any = l->count > 0;
    if (any) {
        *order = l->orders[l->first];
        l->first = (l->first + 1) % ORDERS;
        l->count--;
        while (order->kind == SEEK && l->count > 0 && l->orders[l->first].kind == SEEK) {
            *order = l->orders[l->first];
            l->first = (l->first + 1) % ORDERS;
            l->count--;
        }
    }
    pthread_mutex_unlock(&l->lock);
    return any;
}

// --- the thread -----------------------------------------------------------------------------------------------------

// Seconds until the next tick is due; 0: now.
static double ahead_s(TwLive *l)
{
    if (isinf(l->speed) || l->steps > 0 || l->to_event) return 0.0;
    double wall_s = tw_wall_s();
    double ahead = (now_s(l) - l->anchor_s) / l->speed - (wall_s - l->anchor_wall_s);
    // too slow a machine does not hurry later to make it good
    if (ahead < -0.5) l->anchor_wall_s = wall_s, l->anchor_s = now_s(l);
    return fmax(ahead, 0.0);
}

static void *engine(void *context)
{
    TwLive *l = context;
    Order order;
    omp_set_num_threads(l->threads);    // a thread does not inherit it
    while (!l->quit) {
        bool still = l->broken || at_end(l) || (l->paused && l->steps == 0 && !l->to_event);
        if (still && at_end(l) && !l->paused) {
            l->paused = true;
            note(l, false, "The run is at its end");
        }
        if (still) l->to_event = false, l->steps = 0;
        double wait_s = still ? INFINITY : ahead_s(l);
        if (l->dirty && wait_s > 0.0) {
            // nothing to do until then: show what there is
            double due_s = frame_s - (tw_wall_s() - l->shown_wall_s);
            if (due_s <= 0.0)
                publish(l);
            else
                wait_s = fmin(wait_s, due_s);
        }
        // steps that were asked for come before what was asked for after them
        if (l->steps == 0 && take_order(l, wait_s, &order)) {
            obey(l, &order);
            continue;
        }
        if (still || ahead_s(l) > 0.0) continue;
        int told = tw_story_count(l->plant, tw_state_block(l->main.state));
        if (!both_tick(l)) continue;
        if (l->steps > 0) l->steps--;
        if (l->to_event && tw_story_count(l->plant, tw_state_block(l->main.state)) > told) l->to_event = false;
        publish_if_due(l);
    }
    return NULL;
}

static void send(TwLive *l, const Order *order)
{
    pthread_mutex_lock(&l->lock);
    // a full queue forgets nothing but the order that does not fit; 256 wait only where nothing is taken for minutes
    if (l->count < ORDERS) l->orders[(l->first + l->count++) % ORDERS] = *order;
    pthread_cond_signal(&l->ordered);
    pthread_mutex_unlock(&l->lock);
}

void tw_live_pause(TwLive *l, bool paused) { send(l, &(Order){.kind = PAUSE, .yes = paused}); }
void tw_live_speed(TwLive *l, double factor) { send(l, &(Order){.kind = SPEED, .value = factor}); }
void tw_live_step(TwLive *l, bool to_event) { send(l, &(Order){.kind = STEP, .yes = to_event}); }
void tw_live_seek(TwLive *l, double time_s) { send(l, &(Order){.kind = SEEK, .value = time_s}); }
void tw_live_act(TwLive *l, const TwAsk *ask) { send(l, &(Order){.kind = ACT, .ask = *ask}); }
void tw_live_select(TwLive *l, int thing) { send(l, &(Order){.kind = SELECT, .value = thing}); }
void tw_live_fork(TwLive *l, bool forked) { send(l, &(Order){.kind = FORK, .yes = forked}); }

void tw_live_set(TwLive *l, const char *set)
{
    Order order = {.kind = SET};
    snprintf(order.text, sizeof order.text, "%s", set);
    send(l, &order);
}

void tw_live_save(TwLive *l, const char *path)
{
    Order order = {.kind = SAVE};
    snprintf(order.text, sizeof order.text, "%s", path);
    send(l, &order);
}

void tw_live_listen(TwLive *l, void (*wake)(void *context), void *context)
{
    pthread_mutex_lock(&l->lock);
    l->wake_context = context;
    l->wake = wake;
    pthread_mutex_unlock(&l->lock);
}

bool tw_live_create(TwLive **live, const TwPlant *plant, const TwLiveOptions *options, TwError *error)
{
    *live = NULL;
    TwLive *l = calloc(1, sizeof *l);
    if (!l) abort();
    l->plant = plant;
    l->options = *options;
    if (l->options.history == 0) l->options.history = 4096;
    if (l->options.ring_bytes == 0) l->options.ring_bytes = 100u << 20;
    l->paused = options->paused;
    l->speed = options->speed > 0.0 ? options->speed : 1.0;
    l->fork_s = NAN;
    l->threads = omp_get_max_threads();
    if (!tw_state_create(&l->main.state, plant, error)) {
        free(l);
        return false;
    }
    l->main.maker = tw_scene_maker_create(plant, l->options.history);
    tw_handover_start(&l->handover);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->ordered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    keep(l);
    // the first window, so that there is something to see
    if (!tick(l, &l->main, 0, error)) {
        tw_live_destroy(l);
        return false;
    }
    l->lasting = *tw_scene_maker_scene(l->main.maker, l->main.state);
    anchor(l);
    publish(l);
    if (pthread_create(&l->thread, NULL, engine, l) != 0) abort();
    l->started = true;
    *live = l;
    return true;
}

void tw_live_destroy(TwLive *l)
{
    if (!l) return;
    if (l->started) {
        send(l, &(Order){.kind = QUIT});
        pthread_join(l->thread, NULL);
    }
    drop_fork(l);
    drop_kept(l, 0, l->kept_count);
    tw_state_destroy(l->main.state);
    tw_scene_maker_destroy(l->main.maker);
    for (int i = 0; i < 3; i++) {
        tw_scene_copy_free(&l->slots[i].scene);
        tw_scene_copy_free(&l->slots[i].reference);
        free(l->slots[i].acts);
    }
    free(l->acts);
    pthread_cond_destroy(&l->ordered);
    pthread_mutex_destroy(&l->lock);
    free(l);
}
