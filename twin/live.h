// A factory that runs in its own thread while somebody watches and acts.
//
// The thread advances the state tick by tick of the exchange interval and hands over whole pictures of it through three
// slots (sim/handover.h): neither side waits. Orders go through one queue and take effect between two windows; acts on
// the factory are logged with that time, so that a session is an event list (twin/session.h). A fork keeps the present
// as a reference that goes on without the later acts. Full states are kept in a ring, thinned with age; going back
// restores the nearest one before and runs forward again, with the same acts at the same times, to the same bytes.
#pragma once

#include "twin/scene.h"
#include "twin/session.h"
#include "twin/state.h"

typedef struct TwLive TwLive;

typedef struct TwLiveOptions {
    double speed;          // simulated seconds a wall second; INFINITY: as fast as it goes
    bool paused;           // begins paused, after the first window
    int history;           // points kept of each series; 0: 4096
    size_t ring_bytes;     // of full states; 0: 100 MB
    const char *base;      // of a saved session
    double step_wall_s;    // least wall time of a tick: a slow machine, for tests
} TwLiveOptions;

// What the window shows; everything in it stays as it is until the next call of tw_live_shot.
typedef struct TwLiveShot {
    const TwScene *scene, *reference;    // reference: NULL without a fork
    double fork_s;                       // NaN: none
    double recorded_s;                   // how far the run has come; scene->time_s may lie before
    const TwAct *acts;
    int act_count, acts_done;    // done: those that lie before this instant
    long ticks;                  // simulated so far, also again
    int states;                  // in the ring
    int note_number;             // rises with every note
    bool note_bad;
    char note[240];    // what became of the last order
} TwLiveShot;

bool tw_live_create(TwLive **live, const TwPlant *plant, const TwLiveOptions *options, TwError *error);
void tw_live_destroy(TwLive *live);

// wake is called from the engine's thread when there is something new to see; at most once until the next shot.
void tw_live_listen(TwLive *live, void (*wake)(void *context), void *context);
const TwLiveShot *tw_live_shot(TwLive *live);    // never NULL

// Orders; they return at once. What came of an act, a fork or a save is told by the note.
void tw_live_pause(TwLive *live, bool paused);
void tw_live_speed(TwLive *live, double factor);
void tw_live_step(TwLive *live, bool to_event);    // one exchange interval, or until something happens; then paused
void tw_live_seek(TwLive *live, double time_s);    // anywhere up to recorded_s; then paused
void tw_live_act(TwLive *live, const TwAsk *ask);
void tw_live_set(TwLive *live, const char *set);    // "power.pdu1.limit_kw=300"
void tw_live_fork(TwLive *live, bool forked);       // false: the reference goes
void tw_live_select(TwLive *live, int thing);       // pictures from now on hold its N-1; -1: nothing
void tw_live_save(TwLive *live, const char *path);
