// The electrical one-line before it is drawn: which elements, loads and racks share a box, and where the boxes lie.
//
// Equal siblings (kind, name but for its number, what hangs below) share a box, which shows the worst of them; boxes
// open, sources first, as long as there is room. What is selected, or in a state of its own, has a box of its own.
#pragma once

#include "viz/view.h"

typedef struct TwOnelineNode {
    int parent, first, next;    // nodes; -1: none
    int level;
    int member, count;                // things: members[member ..]
    int worst;                        // of them
    double sum_w;                     // as recorded; NaN: unknown
    double loading, worst_loading;    // mean and largest; NaN: no limit
    TwSceneState state;               // the worst
    int mark;
    double slots;       // leaves below
    double change_w;    // against the reference; NaN: none
    TwBox box;
} TwOnelineNode;

typedef struct TwOneline {
    TwOnelineNode *nodes;
    int *members;
    int node_count, node_room, member_count, member_room, roots;    // roots: first node, linked by next
    int levels;
} TwOneline;

// marks: of tw_diagram_marks. Boxes lie inside `box`.
void tw_oneline_layout(TwOneline *line, const TwScene *s, const unsigned char *marks, TwBox box);
void tw_oneline_free(TwOneline *line);
double tw_oneline_watts(const TwScene *s, int thing);                  // as recorded; NaN: unknown
const TwSceneLoss *tw_oneline_loss(const TwScene *s, int selected);    // N-1 of the selected thing, NULL: none
